"""What a store needs of a file system beside ``mnemoscope.output``: a folder replaced in one step, and a lock."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from mnemoscope.errors import InputError, OutputError
from mnemoscope.output import is_still, open_lock, try_lock, uninterrupted, writing


def replace_folder(path: Path, content: Mapping[str, bytes]) -> None:
    """Write files, by their names within it, to a new folder, then make ``path`` stand for it in one step.

    A folder cannot be replaced in one step, a symbolic link can: ``path`` is a relative link to the new folder, and
    folders it no longer stands for are removed. Only one process may do this at a time.

    Raises:
        OutputError: the disk refuses, or ``path`` is a folder of someone else's. What was there stays.
    """
    fresh = path.with_name(f".{path.name}-{uuid4().hex}")
    link = fresh.with_name(f"{fresh.name}.link")
    if path.exists() and not path.is_symlink():
        raise OutputError(f"{path}: exists and was not written by mnemoscope")
    with writing(path):
        try:
            for name, file in content.items():
                (fresh / name).parent.mkdir(parents=True, exist_ok=True)
                (fresh / name).write_bytes(file)
            with uninterrupted():
                link.symlink_to(fresh.name)
                link.replace(path)
                _remove_folders_of(path, fresh)
        except BaseException:
            if not (path.is_symlink() and path.readlink() == Path(fresh.name)):  # who was interrupted after it may be
                link.unlink(missing_ok=True)
                shutil.rmtree(fresh, ignore_errors=True)
            raise


def _remove_folders_of(path: Path, fresh: Path) -> None:
    """All but the fresh one, and links that a killed process laid."""
    for old in path.parent.glob(f".{path.name}-*"):
        if old.is_symlink():
            old.unlink()
        elif old.name != fresh.name:
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``; the kernel releases it when the process ends, however it ends.

    Raises:
        InputError: another process holds it.
        OutputError: the lock file cannot be written, or is a link or anything else than a file of its own.
    """
    descriptor = -1
    try:
        while descriptor < 0:
            with writing(path):
                descriptor = open_lock(path)
            if not try_lock(descriptor):
                holder = os.read(descriptor, 200).decode(errors="replace").strip()
                os.close(descriptor)
                descriptor = -1
                raise InputError(f"{path.parent}: another sweep is writing here ({holder})")
            if not is_still(path, descriptor):  # its last holder removed it meanwhile
                os.close(descriptor)
                descriptor = -1
        with suppress(OSError):  # a full disk is the business of what has to be written
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {os.uname().nodename}".encode())
        yield
    finally:
        if descriptor >= 0:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)  # who held it is nobody's business any more
            os.close(descriptor)
