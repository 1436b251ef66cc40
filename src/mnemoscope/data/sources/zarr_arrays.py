"""Zarr arrays, and arrays of zarr groups, in a folder or a zip file, of format 2 or 3.

A chunk that is not stored stands for the array's fill value: that is how zarr saves space, and also what an array looks
like that was never written to its end, so such chunks are counted.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from mnemoscope.data.arrays import Array
from mnemoscope.data.census import NOT_STORED, Census
from mnemoscope.data.sources.contract import ArrayFile, pick
from mnemoscope.errors import InputError
from mnemoscope.reading import check_memory

_MARKS = ("zarr.json", ".zarray", ".zgroup")


class ZarrArray(ArrayFile):
    """An array, alone or of a group: its path within the group is its key."""

    reads, keyed = "zarr (a folder or .zarr.zip)", True
    suffixes = (".zarr", ".zarr.zip")

    def recognises(self, where: Any) -> bool:
        if not isinstance(where, Path):
            return False
        return is_zarr(where) if where.is_dir() else where.name.lower().endswith(".zarr.zip") and where.is_file()

    def array(self, path: Path, key: str | None) -> tuple[Array, Census]:
        import zarr

        if path.is_file() and not zipfile.is_zipfile(path):
            raise InputError(f"{path}: is no zip file")
        opened = zarr.open(path if path.is_dir() else zarr.storage.ZipStore(path, mode="r"), mode="r")
        if isinstance(opened, zarr.Array):
            if key is not None:
                raise InputError(f"{path}: holds one array without a name; leave out {key!r}")
            census = Census("arrays")
            census.read()
            return _values(path, opened, census), census
        arrays = {name: member for name, member in opened.members(max_depth=None) if isinstance(member, zarr.Array)}
        chosen, census = pick(path, list(arrays), key)
        return _values(path, arrays[chosen], census), census


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a zarr array or group."""
    return any((folder / mark).is_file() for mark in _MARKS)


def _values(path: Path, array: Any, census: Census) -> Array:
    check_memory(path, array.size * array.dtype.itemsize)
    missing = array.nchunks - array.nchunks_initialized
    if missing == array.nchunks and array.nchunks:
        raise InputError(
            f"{path}: holds no chunk of its array, all of which would be its fill value {array.fill_value}"
        )
    if missing:
        census.pass_over(f"{missing} of {array.nchunks} chunks, read as {array.fill_value}", NOT_STORED)
    return np.asarray(array[...])
