"""What is written beside its place: named so that nobody can foretell it, locked while its writer lives.

The lock tells the leftovers of the dead, which any later run in the same folder removes, from what others are still
writing. Only what belongs to the same user is touched, and no link is followed.
"""

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mnemoscope.errors import OutputError
from mnemoscope.output.lines import writing
from mnemoscope.output.locks import is_dead, is_still, try_lock
from mnemoscope.output.signals import uninterrupted

PREFIX = ".mnemoscope-"
_SUFFIXES = (".tmp", ".lock")


def temporary_path(folder: Path) -> Path:
    """A name in ``folder`` that nobody can foretell and ``remove_temporaries`` knows."""
    return folder / f"{PREFIX}{secrets.token_hex(8)}{_SUFFIXES[0]}"


@contextmanager
def temporary_file(target: Path) -> Iterator[Path]:
    """A file beside ``target``, with the permissions that any new file has; it goes when the block ends."""
    with _made(target, target.parent, _make_file, lambda path: path.unlink(missing_ok=True)) as path:
        yield path


@contextmanager
def temporary_folder(target: Path, within: Path) -> Iterator[Path]:
    """A folder in ``within`` whose content will be that of ``target``, which errors name in its place."""
    with _made(target, within, _make_folder, lambda path: shutil.rmtree(path, ignore_errors=True)) as path:
        try:
            yield path
        except OutputError as error:
            raise OutputError(str(error).replace(f"{path}/", str(target / "_")[:-1])) from None


@contextmanager
def _made(target: Path, folder: Path, make: Callable[[Path], int], remove: Callable[[Path], object]) -> Iterator[Path]:
    """What ``make`` makes, locked until the block ends and it is removed."""
    descriptor = -1
    try:
        with writing(target), uninterrupted():
            while descriptor < 0:
                path = temporary_path(folder)
                descriptor = make(path)
                if not try_lock(descriptor) or not is_still(path, descriptor):
                    os.close(descriptor)  # before it was locked somebody took it for a dead one's
                    descriptor = -1
        yield path
    finally:
        if descriptor >= 0:
            with uninterrupted():
                try:
                    remove(path)
                finally:
                    os.close(descriptor)


def _make_file(path: Path) -> int:
    """Exclusively and through no link."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def _make_folder(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files, folders and locks that killed writers of this user left in ``folder``."""
    for leftover in [path for path in folder.glob(f"{PREFIX}*") if path.suffix in _SUFFIXES]:
        with suppress(OSError), of_the_dead(leftover) as dead:
            if leftover.is_symlink():  # someone's: nothing here lays any
                leftover.unlink()
            elif dead and leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            elif dead:
                leftover.unlink(missing_ok=True)


@contextmanager
def of_the_dead(path: Path) -> Iterator[bool]:
    """Whether a file or folder of this user's is held by no living process; it is held within the block.

    Raises:
        OSError: it is gone, or cannot be opened.
    """
    about = path.lstat()
    if about.st_uid != os.geteuid() or not (stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode)):
        yield False
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield is_dead(descriptor) and os.path.samestat(path.lstat(), os.fstat(descriptor))
    finally:
        os.close(descriptor)
