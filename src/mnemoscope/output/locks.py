"""Who may write: locks that the kernel releases when their holder ends, however it ends.

A folder is held by a lock on the folder itself, so that nothing is left lying; a file by a lock file beside it, which
goes with its holder. A holder that was killed blocks nobody. Where a file system has no such locks, nobody is refused.
"""

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from mnemoscope.errors import InputError, OutputError
from mnemoscope.output.lines import cannot
from mnemoscope.output.signals import uninterrupted

PATIENCE = 1.0
"""Seconds to wait for a holder: some only put in place what they have ready."""

_PAUSE = 0.02


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Be the only process that writes the result ``path``, a folder that is there or a file in a folder that is.

    Raises:
        InputError: another process is writing it.
        OutputError: the lock cannot be had; the message names the file.
    """
    is_folder = path.is_dir()
    place = path if is_folder else path.with_name(f".mnemoscope-{sha256(os.fsencode(path.name)).hexdigest()[:16]}.lock")
    descriptor = -1
    try:
        with uninterrupted():
            descriptor = _take(path, place, is_folder)
        yield
    finally:
        if descriptor >= 0:
            with uninterrupted():
                try:
                    if not is_folder:
                        place.unlink(missing_ok=True)  # while it is held: whoever comes next makes its own
                finally:
                    os.close(descriptor)


def _take(path: Path, place: Path, is_folder: bool) -> int:
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            descriptor = os.open(place, flags) if is_folder else open_lock(place)
        except OSError as error:
            raise cannot("be written", path, error) from None
        free = try_lock(descriptor)
        if free and is_still(place, descriptor):
            return descriptor
        os.close(descriptor)
        if not free and time.monotonic() > give_up:
            raise InputError(f"{path}: another process is writing it")
        if not place.exists() and is_folder:
            raise OutputError(f"{path}: was removed by another process")
        time.sleep(_PAUSE)


def open_lock(path: Path) -> int:
    """The descriptor of a lock file, made if need be, never through a link.

    Raises:
        OSError: it cannot be opened.
        OutputError: it is a link or anything else than a file of its own.
    """
    # O_NONBLOCK: where someone laid a pipe, nothing waits for its other end.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OutputError(f"{path}: is a link, where mnemoscope keeps its lock") from None
        raise
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink > 1:
        os.close(descriptor)
        raise OutputError(f"{path}: is no file of its own, where mnemoscope keeps its lock")
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open file or folder if it is free; where there are no locks, it is."""
    return _flock(descriptor) is not False


def is_dead(descriptor: int) -> bool:
    """Whether nobody holds the lock of an open file, held from here on; where there are no locks, nobody knows."""
    return _flock(descriptor) is True


def _flock(descriptor: int) -> bool | None:
    """Whether the lock was free, and is held from here on; None where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def is_still(path: Path, descriptor: int) -> bool:
    """Whether the path leads to what was opened: it may have been removed or replaced before it was locked."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
