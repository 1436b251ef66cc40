"""A process that dies, meets a full disk or is interrupted at any one step of writing.

A step is a call that changes a folder or waits for the disk. Everything the process had on the disk before it stays as
it was: who died changes nothing any more, not even in its ``finally``.
"""

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal
from unittest import mock

Fault = Literal["dies", "meets a full disk", "finds the disk full from then on", "is interrupted"]
FAULTS: tuple[Fault, ...] = ("dies", "meets a full disk", "finds the disk full from then on", "is interrupted")

_STEPS = ("open", "mkdir", "rename", "replace", "symlink", "fsync", "unlink", "rmdir")
_NEED_SPACE = ("open", "mkdir", "rename", "replace", "symlink", "fsync")


class DeadError(BaseException):
    """What a process that was killed sees: nothing."""


class Steps:
    """The steps taken so far.

    Attributes:
        taken: their names, in turn.
        synced: the inodes of the files whose content was on the disk, when each of the steps was taken.
        named: the inodes of the folders and files that were synced since anything was renamed.
    """

    def __init__(self, at: int | None, fault: Fault | None) -> None:
        self.at, self.fault = at, fault
        self.taken: list[str] = []
        self.sources: list[Path | None] = []
        self.synced: list[set[int]] = []
        self._synced: set[int] = set()
        self.listed: list[set[int]] = []
        self.named: set[int] = set()

    def __call__(self, name: str, *arguments: Any) -> None:
        index = len(self.taken)
        self.taken.append(name)
        self.synced.append(set(self._synced))
        source = Path(arguments[0]) if name in ("rename", "replace") else None
        self.listed.append(_inodes(source) if source is not None else set())
        if self.at is not None and index >= self.at:
            self._strike(name, first=index == self.at)
        if name == "fsync":
            self._synced.add(os.fstat(arguments[0]).st_ino)
            self.named.add(os.fstat(arguments[0]).st_ino)
        elif source is not None:
            self.named.clear()

    def _strike(self, name: str, *, first: bool) -> None:
        if self.fault == "dies":
            raise DeadError
        if self.fault == "is interrupted" and first:
            signal.raise_signal(signal.SIGINT)
        always = self.fault == "finds the disk full from then on"
        once = self.fault == "meets a full disk" and first
        # What was moved can be moved back on a full disk.
        if (once and name in _NEED_SPACE) or (always and name in _NEED_SPACE and name not in ("rename", "replace")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def steps(at: int | None = None, fault: Fault | None = None) -> Iterator[Steps]:
    """Count the steps within the block; the fault strikes just before the step ``at``."""
    counted = Steps(at, fault)

    def wrapped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            if name != "open" or arguments[1] & os.O_CREAT:
                counted(name, *arguments)
            return call(*arguments, **options)

        return step

    with mock.patch.multiple(os, **{name: wrapped(name, getattr(os, name)) for name in _STEPS}):
        yield counted


def _inodes(path: Path) -> set[int]:
    """Of the files that are there, within a folder."""
    found = set()
    with suppress(OSError):
        for one in [path, *path.rglob("*")]:
            if one.is_file() and not one.is_symlink():
                found.add(one.stat().st_ino)
    return found
