"""Results appear whole or not at all: everything is written beside its place and then renamed into it."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnemoscope.errors import OutputError
from mnemoscope.output.folders import check_absent, new_output_folder
from mnemoscope.output.lines import cannot
from mnemoscope.text import json_text

_PREFIX, _SUFFIX = ".mnemoscope-", ".tmp"


def temporary_path(target: Path) -> Path:
    """A name beside ``target`` that nobody can foretell and ``remove_temporaries`` knows."""
    return target.parent / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"


def sync_file(path: Path) -> None:
    """Return when the content of the file is on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def atomic_file(path: str | Path, *, sync: bool = True) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name when the block ends well, and goes when it does not.

    With ``sync`` the content is on the disk before the name is: needed where a power cut must not leave an empty file,
    not where a checksum would tell.

    Raises:
        OutputError: the folder is missing or cannot be written to, or the disk is full; the message names the file.
    """
    target = Path(path)
    temporary = temporary_path(target)
    with _writing(target):
        # Made here, exclusively and through no link, with the permissions that any new file has.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))
    try:
        with _writing(target):
            yield temporary
            if sync:
                sync_file(temporary)
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """The same for a whole folder, which must not exist yet.

    Raises:
        OutputError: it exists, or it cannot be written; the message names it.
    """
    target = Path(path)
    temporary = temporary_path(target)
    with _writing(target):
        temporary.mkdir()
    try:
        with _writing(target):
            yield temporary
            for written in temporary.iterdir():
                sync_file(written)
            temporary.rename(target)
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


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files and folders that killed writers left behind in ``folder``."""
    for leftover in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically; NaN and infinities, which JSON lacks, are refused."""
    write_text(path, json_text(value) + "\n")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot("be written", path, error) from None
