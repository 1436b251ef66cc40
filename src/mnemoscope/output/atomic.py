"""Results appear whole or not at all: everything is written beside its place and then renamed into it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mnemoscope.output.lines import writing
from mnemoscope.output.temporaries import temporary_file, temporary_folder
from mnemoscope.text import json_text


@contextmanager
def atomic_file(path: str | Path, *, sync: bool = True) -> Iterator[Path]:
    """A temporary path beside ``path`` that takes its name when the block ends well, and goes when it does not.

    With ``sync`` the content is on the disk before the name is: needed where a power cut must not leave an empty file,
    not where a checksum would tell.

    Raises:
        OutputError: the folder is missing or cannot be written to, or the disk is full; the message names the file.
    """
    target = Path(path)
    with writing(target), temporary_file(target) as temporary:
        yield temporary
        if sync:
            sync_file(temporary)
        temporary.replace(target)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """The same for a whole folder, which must not exist yet.

    Raises:
        OutputError: it exists, or it cannot be written; the message names it.
    """
    target = Path(path)
    with writing(target), temporary_folder(target, target.parent) as temporary:
        yield temporary
        for written in temporary.iterdir():
            sync_file(written)
        temporary.rename(target)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically; NaN and infinities, which JSON lacks, are refused."""
    write_text(path, json_text(value) + "\n")


def sync_file(path: Path) -> None:
    """Have a file's content, or a folder's names, on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
