"""Results appear whole or not at all: everything is written beside its place and then renamed into it."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mnemoscope.errors import OutputError


def output_folder(folder: str | Path) -> Path:
    """Make a folder for results, or find out now, before any work, that it cannot be written to.

    Raises:
        OutputError: it cannot be made or written to; the message names it.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot write there ({error.strerror})") from None
    check_writable(path)
    return path


def check_writable(folder: Path) -> None:
    """Find out whether files can be written to a folder that should be there.

    Raises:
        OutputError: it is missing, read-only or full; the message names it.
    """
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder}: cannot write there ({error.strerror})") from None


@contextmanager
def new_output_folder(folder: str | Path) -> Iterator[Path]:
    """``output_folder`` for the length of a block: a folder made for it goes again if the block fails and it is empty.

    Raises:
        OutputError: as ``output_folder``.
    """
    made = not Path(folder).exists()
    path = output_folder(folder)
    try:
        yield path
    except BaseException:
        if made:
            with suppress(OSError):
                path.rmdir()
        raise


@contextmanager
def atomic_file(path: str | Path, *, sync: bool = True) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name when the block ends well, and goes when it does not.

    With ``sync`` the content is on the disk before the name is: needed where a power cut must not leave an empty file,
    not where a checksum would tell.

    Raises:
        OutputError: the folder is missing or cannot be written to, or the disk is full; the message names the file.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if sync:
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from None
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """The same for a whole folder, which must not exist yet.

    Raises:
        OutputError: it exists, or it cannot be written; the message names it.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir()
        yield temporary
        for written in temporary.iterdir():
            with written.open("rb") as file:
                os.fsync(file.fileno())
        temporary.rename(target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def atomic_files(folder: str | Path, names: Sequence[str], *, force: bool = False) -> Iterator[Path]:
    """A temporary folder whose files take their places in ``folder`` when the block ends well, all or none.

    Args:
        folder: made if it is not there; other files in it stay.
        names: of the files that the block writes into the temporary folder.
        force: whether files of these names that are there already may be replaced.

    Raises:
        OutputError: one is there and ``force`` is not given, or the folder cannot be written to; the message names it.
    """
    with new_output_folder(folder) as target:
        check_absent(target, names, force=force)
        with tempfile.TemporaryDirectory(prefix=".", dir=target) as made:
            temporary = Path(made)
            yield temporary
            try:
                _move_all(temporary, target, names)
            except OSError as error:
                raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from None


def check_absent(folder: Path, names: Sequence[str], *, force: bool = False) -> None:
    """Find out before any work that results would be written over.

    Raises:
        OutputError: one of these files is in the folder, and ``force`` is not given.
    """
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise OutputError(f"{folder / there[0]}: exists; --force (force=True) writes over it")


def _move_all(source: Path, target: Path, names: Sequence[str]) -> None:
    """What is moved is moved back if a later one cannot be, and what it replaced as well."""
    undo: list[tuple[Path, Path]] = []
    try:
        for name in names:
            if (target / name).exists():
                (target / name).rename(source / f"{name}.old")
                undo.append((source / f"{name}.old", target / name))
            (source / name).rename(target / name)
            undo.append((target / name, source / name))
    except OSError:
        for now, before in reversed(undo):
            now.rename(before)
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically; NaN and infinities, which JSON lacks, are refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
