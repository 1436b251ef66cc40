"""Results appear whole or not at all: everything is written beside its place and then renamed into it.

Paths are not trusted. What is written gets a random name that must not exist yet, so that nobody who can foretell it
can lay a link there; a folder within a result must be a folder, not a link to one; no output is also an input.
"""

import json
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mnemoscope.errors import InputError, OutputError

_PREFIX, _SUFFIX = ".mnemoscope-", ".tmp"


def output_folder(folder: str | Path) -> Path:
    """Make a folder for results, or find out now, before any work, that it cannot be written to.

    Raises:
        OutputError: it cannot be made or written to; the message names it.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise _cannot("write there", path, error) from None
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
    except (OSError, ValueError) as error:
        raise _cannot("write there", folder, error) from None


def output_subfolder(folder: Path) -> Path:
    """``output_folder`` for a folder within a result: a link, which would lead out of the result, is refused.

    Raises:
        OutputError: it is a link or no folder, or cannot be made or written to; the message names it.
    """
    if folder.is_symlink():
        raise OutputError(f"{folder}: is a link, which mnemoscope does not follow out of {folder.parent}")
    return output_folder(folder)


def check_output_file(path: str | Path) -> None:
    """Find out before any work whether a file of this name can be written.

    Raises:
        OutputError: its folder is missing or cannot be written to, or the name is too long or a folder's.
    """
    target = Path(path)
    check_writable(target.parent)
    try:
        is_folder = stat.S_ISDIR(target.lstat().st_mode)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise _cannot("be written", target, error) from None
    if is_folder:
        raise OutputError(f"{target}: is a folder")


def check_apart(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Refuse, before any work, to write over what is read.

    Args:
        outputs: the files that will be written.
        inputs: the files and folders that are read; what lies within such a folder is read, too.

    Raises:
        InputError: an output is an input or lies within one; the message names both.
    """
    read = [(Path(one), Path(os.path.realpath(one))) for one in inputs]
    for output in map(Path, outputs):
        places = {Path(os.path.realpath(output)), Path(os.path.realpath(output.parent), output.name)}
        for shown, place in read:
            within = _is_folder(place) and any(one.is_relative_to(place) for one in places)
            if within or place in places or _same_file(output, place):
                raise InputError(f"{output}: would be written over or into {shown}, which is read")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long
        return False


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


@contextmanager
def new_output_folder(folder: str | Path) -> Iterator[Path]:
    """``output_folder`` for the length of a block: a folder made for it goes again if the block fails and it is empty.

    Raises:
        OutputError: as ``output_folder``.
    """
    made = not os.path.lexists(folder)
    path = output_folder(folder)
    try:
        yield path
    except BaseException:
        if made:
            with suppress(OSError):
                path.rmdir()
        raise


def temporary_path(target: Path) -> Path:
    """A name beside ``target`` that nobody can foretell and ``remove_temporaries`` knows."""
    return target.parent / f"{_PREFIX}{secrets.token_hex(8)}{_SUFFIX}"


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
                with temporary.open("rb") as written:
                    os.fsync(written.fileno())
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
                with written.open("rb") as file:
                    os.fsync(file.fileno())
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def one_line(text: str, limit: int = 500) -> str:
    """Text as a terminal may show it: one line, nothing that steers a terminal, the middle left out if it is long."""
    words = " ".join(text.split())
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in words)
    if len(shown) <= limit:
        return shown
    return f"{shown[: limit // 2 - 2]} … {shown[-(limit - limit // 2 - 1) :]}"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _cannot("be written", path, error) from None


def _cannot(what: str, path: Path, error: OSError | ValueError) -> OutputError:
    return OutputError(f"{path}: cannot {what} ({getattr(error, 'strerror', None) or error})")
