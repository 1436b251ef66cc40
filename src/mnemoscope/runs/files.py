"""Files that are there in full or not at all.

Everything is written under another name, flushed to the disk and renamed, which POSIX makes atomic: a process that
is killed at any moment leaves the old file, the new file, or a temporary that the next run removes. The directory
itself is not flushed; after a power cut a rename may be undone, and then that one trial is computed again.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from mnemoscope.errors import InputError, OutputError

_TEMPORARY = ".tmp-"


@contextmanager
def one_line_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors (no space, read-only, no permission) into one line naming ``path``.

    Raises:
        OutputError: whatever the operating system refused.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_atomic(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``, replacing what was there.

    Raises:
        OutputError: the disk is full, read-only or otherwise refuses.
    """
    temporary = path.with_name(f"{_TEMPORARY}{uuid4().hex}")
    with one_line_errors(path):
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def replace_directory(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a new directory, then make ``path`` stand for it in one step.

    A directory cannot be replaced in one step, a symbolic link can: ``path`` is a relative link to the directory
    that ``write`` filled, and directories it no longer stands for are removed. Only one process may do this at a
    time.

    Raises:
        OutputError: the disk refuses, or ``path`` is a directory of someone else's. What was there stays.
    """
    fresh = path.with_name(f".{path.name}-{uuid4().hex}")
    link = path.with_name(f"{_TEMPORARY}{uuid4().hex}")
    if path.exists() and not path.is_symlink():
        raise OutputError(f"{path}: exists and was not written by mnemoscope")
    with one_line_errors(path):
        try:
            write(fresh)
            link.symlink_to(fresh.name)
            link.replace(path)
        except BaseException:
            link.unlink(missing_ok=True)
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    for old in path.parent.glob(f".{path.name}-*"):
        if old.name != fresh.name:
            shutil.rmtree(old, ignore_errors=True)


def remove_temporaries(directory: Path) -> None:
    """Remove what killed writers left behind in ``directory``."""
    for leftover in directory.glob(f"{_TEMPORARY}*"):
        leftover.unlink(missing_ok=True)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; the kernel releases it when the process ends, however it ends.

    Raises:
        InputError: another process holds it.
        OutputError: the lock file cannot be written.
    """
    with one_line_errors(path):
        file = path.open("a+")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InputError(f"{path.parent}: another sweep is writing here ({file.read().strip()})") from None
        with one_line_errors(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {os.uname().nodename}")
            file.flush()
        yield
