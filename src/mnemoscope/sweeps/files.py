"""What a store needs of a file system beside ``mnemoscope.output``: a folder replaced in one step, and a lock."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from mnemoscope.errors import InputError, OutputError


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusal into one line.

    Raises:
        OutputError: no space, read-only, no permission; the message names ``path``.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from None


def replace_folder(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a new folder, then make ``path`` stand for it in one step.

    A folder cannot be replaced in one step, a symbolic link can: ``path`` is a relative link to the folder that
    ``write`` filled, and folders it no longer stands for are removed. Only one process may do this at a time.

    Raises:
        OutputError: the disk refuses, or ``path`` is a folder of someone else's. What was there stays.
    """
    fresh = path.with_name(f".{path.name}-{uuid4().hex}")
    link = path.with_name(f".{path.name}-{uuid4().hex}.tmp")
    if path.exists() and not path.is_symlink():
        raise OutputError(f"{path}: exists and was not written by mnemoscope")
    with output_errors(path):
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


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files that killed writers left behind in ``folder``."""
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; the kernel releases it when the process ends, however it ends.

    Raises:
        InputError: another process holds it.
        OutputError: the lock file cannot be written.
    """
    with output_errors(path):
        file = path.open("a+")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InputError(f"{path.parent}: another sweep is writing here ({file.read().strip()})") from None
        with output_errors(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {os.uname().nodename}")
            file.flush()
        yield
