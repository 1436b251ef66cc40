"""Large folders and archives are read once: their items are kept, as one array, and later mapped into memory.

An array is kept under the SHA-256 of what it was made of: of every file its path, inode, size and times of change, how
it was read, and by which versions. A file that was changed in any way gives another key, so that what is kept is never
out of date, and nothing needs to be cleared. Files changed within the last two seconds could be changed once more
within the resolution of their times: they are waited for.

It lies in ``$MNEMOSCOPE_CACHE``, else ``$XDG_CACHE_HOME/mnemoscope``, else ``~/.cache/mnemoscope``, in a folder of this
user's alone; ``MNEMOSCOPE_CACHE=off`` keeps none. It appears by one rename, is compared with its checksum when it is
used, and goes, with the next that is written, when it was not used for 30 days. It takes at most half of the disk that
is free. Where nothing can be kept the items are in memory, as those of small sources are.
"""

import hashlib
import json
import math
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import PIL

from mnemoscope._version import __version__
from mnemoscope.data.arrays import Array
from mnemoscope.data.numpy_files import load_npy, write_npy
from mnemoscope.errors import InputError, OutputError
from mnemoscope.output import atomic_folder, cannot, check_writable
from mnemoscope.reading import check_memory
from mnemoscope.records import JsonRecord, file_checksum, read_record, write_record

FEWEST_ITEMS, FEWEST_BYTES = 10_000, 2**28
"""Sources of as many items, or of as many bytes once they are decoded, are kept."""

KEPT = "items are kept decoded in the cache of this user, for as long as no file is changed"

_UNUSED = 30 * 86_400
SETTLED = 2.0
"""Seconds after which a change of a file shows in its times, on any file system."""

_FORMAT, _KEY_DIGITS = 1, 64
_ITEMS, _ABOUT = "items.npy", "about.json"


class State(NamedTuple):
    """What a file is, short of its content, and where in it an item lies."""

    path: str
    inode: int
    size: int
    modified: int
    changed: int
    part: int = 0

    @classmethod
    def of(cls, path: Path, part: int = 0) -> "State":
        """Of a file that is there."""
        found = path.stat()
        times = found.st_mtime_ns, found.st_ctime_ns
        return cls(str(path.absolute()), found.st_ino, found.st_size, *times, part)


class About(JsonRecord):
    """What is kept.

    Attributes:
        checksum: CRC32C of the file of the array.
        notes: on how the items were read.
    """

    what: ClassVar[str] = "kept items"
    schema_version: ClassVar[int] = 1
    checked_since: ClassVar[int] = 1
    checksum: str
    notes: list[str]


class Place(NamedTuple):
    """Where the items of a source are kept, or will be."""

    folder: Path
    key: str

    @property
    def path(self) -> Path:
        """A folder of its own."""
        return self.folder / self.key

    def read(self) -> tuple[Array, tuple[str, ...]] | None:
        """The items and the notes on them; None where they are not kept, or damaged, which then go."""
        if not self.path.is_dir() or self.path.is_symlink():
            return None
        try:
            about = read_record(self.path / _ABOUT, About, self.key)
            if file_checksum(self.path / _ITEMS) != about.checksum:
                raise InputError(f"{self.path}: is damaged")
            array = load_npy(self.path / _ITEMS, shared=False)
            os.utime(self.path)
        except (InputError, OSError):
            shutil.rmtree(self.path, ignore_errors=True)
            return None
        return array, tuple(about.notes)

    def write(self, shape: tuple[int, ...], dtype: np.dtype[Any], parts: Iterator[Array], notes: list[str]) -> None:
        """Keep the parts of an array as they come; ``notes`` are complete when the last has come.

        Raises:
            OutputError: they cannot be written.
        """
        _remove_unused(self.folder)
        with atomic_folder(self.path) as temporary:
            with (temporary / _ITEMS).open("xb") as file:
                write_npy(file, shape, dtype, parts)
            about = About(checksum=file_checksum(temporary / _ITEMS), notes=notes)
            write_record(temporary / _ABOUT, about, self.key)


def gathered(
    where: str | Path,
    states: Sequence[State] | None,
    how: Sequence[Any],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    parts: Callable[[list[str]], Iterator[Array]],
) -> tuple[Array, tuple[str, ...]]:
    """The parts of an array as one, and the notes on them: kept on disk where it is large, else in memory.

    Args:
        where: the source, for messages.
        states: of its files; None where they have none.
        how: they are read, as JSON can have it.
        shape: of the whole array.
        dtype: of its values.
        parts: gives them, along the first axis, and adds notes to the list that it is given. Not called for what is
            kept already.

    Raises:
        InputError: as ``parts``, or it cannot be kept and does not fit into memory.
        OutputError: the folder that ``MNEMOSCOPE_CACHE`` names cannot be written to.
    """
    n_bytes = math.prod(shape) * dtype.itemsize
    folder = cache_folder() if states and is_large(shape[0], n_bytes) else None
    if folder is not None and states:
        place = Place(folder, _key(states, [*how, list(shape), dtype.str]))
        found = place.read()
        if found is None and has_room(folder, n_bytes) and _settle(states):
            notes: list[str] = []
            with suppress(OutputError):  # another process was faster, or the disk is full after all
                place.write(shape, dtype, parts(notes), notes)
            found = place.read()
        if found is not None and (found[0].shape, found[0].dtype) == (shape, dtype):
            return found[0], (*found[1], KEPT)
    check_memory(where, n_bytes)
    made, end, notes = np.empty(shape, dtype), 0, []
    for part in parts(notes):
        made[end : end + len(part)] = part
        end += len(part)
    return made, tuple(notes)


def is_large(n_items: int, n_bytes: int) -> bool:
    """Whether a source of so many items and bytes is kept."""
    return n_items >= FEWEST_ITEMS or n_bytes >= FEWEST_BYTES


def bytes_in_memory(n_items: int, n_bytes: int) -> int:
    """Bytes of memory that the items of files will take: none where they will be kept on disk."""
    folder = cache_folder() if is_large(n_items, n_bytes) else None
    return n_bytes if folder is None or not has_room(folder, n_bytes) else 0


def cache_folder() -> Path | None:
    """Where items are kept, made if need be; None where nothing is to be kept, or can be.

    Raises:
        OutputError: the folder that ``MNEMOSCOPE_CACHE`` names cannot be written to, or is another user's.
    """
    named = os.environ.get("MNEMOSCOPE_CACHE", "")
    if named == "off":
        return None
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        usual = (shared if shared.is_absolute() else Path.home() / ".cache") / "mnemoscope"
        folder = (Path(named).absolute() if named else usual) / "items"
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        about = folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
            raise OutputError(f"{folder}: is no folder of this user's alone")
        check_writable(folder)
    except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: a user without a home
        if named:
            raise (error if isinstance(error, OutputError) else cannot("be written", Path(named), error)) from None
        return None
    return folder


def has_room(folder: Path, n_bytes: int) -> bool:
    """Whether the disk has twice as much free."""
    return shutil.disk_usage(folder).free >= 2 * n_bytes


def _key(states: Sequence[State], how: Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for each in ([_FORMAT, __version__, PIL.__version__, *how], *states):
        digest.update(json.dumps(each).encode() + b"\n")
    return digest.hexdigest()


def _settle(states: Sequence[State]) -> bool:
    """Wait until no file can change any more within the resolution of its times; False if they lie in the future."""
    newest = max(max(state.modified, state.changed) for state in states) / 1e9
    wait = newest + SETTLED - time.time()
    if wait > SETTLED:
        return False
    time.sleep(max(0.0, wait))
    return True


def _remove_unused(folder: Path) -> None:
    for path in folder.iterdir():
        with suppress(OSError):
            if len(path.name) == _KEY_DIGITS and path.lstat().st_mtime < time.time() - _UNUSED:
                shutil.rmtree(path, ignore_errors=True)
