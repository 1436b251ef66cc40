"""What a store needs of a file system beside ``mnemoscope.output``: a folder replaced in one step, and a lock."""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from mnemoscope.errors import InputError, OutputError
from mnemoscope.output import temporary_path


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
    link = temporary_path(path)
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


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; the kernel releases it when the process ends, however it ends.

    Raises:
        InputError: another process holds it.
        OutputError: the lock file cannot be written, or is a link or anything else than a file of its own.
    """
    with output_errors(path):
        try:
            # O_NONBLOCK: where someone laid a pipe, nothing waits for its other end.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            file = os.fdopen(os.open(path, flags, 0o666), "r+", encoding="utf-8")
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise OutputError(f"{path}: is a link, where mnemoscope keeps its lock") from None
            raise
    with file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
            raise OutputError(f"{path}: is no file of its own, where mnemoscope keeps its lock")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read(200).strip()
            raise InputError(f"{path.parent}: another sweep is writing here ({holder})") from None
        with output_errors(path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {os.uname().nodename}")
            file.flush()
        try:
            yield
        finally:
            with suppress(OSError):
                file.truncate(0)  # who held it is nobody's business any more
