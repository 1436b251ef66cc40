"""NumPy's array files, alone (``.npy``) or in a zip archive (``.npz``): headers are checked before anything is read.

A header that claims more than there is, or less, is refused: what is left over after an array is another array, or
damage. Nothing here ever loads a pickle.
"""

import math
import os
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from mnemoscope.data.arrays import Array
from mnemoscope.data.first_bytes import PICKLED
from mnemoscope.data.stored import StoredArray
from mnemoscope.errors import InputError
from mnemoscope.reading import DEFLATE_RATIO, check_memory, check_stored

_READ_HEADER = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
_UNPACKED = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: DEFLATE_RATIO}


class Header(NamedTuple):
    """What a header says, and how many bytes it takes."""

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]
    offset: int

    @property
    def n_bytes(self) -> int:
        """Of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def look_at_npy(path: Path) -> Header:
    """The header of an array file.

    Raises:
        InputError: pickled objects, or a file that is not as long as its header says.
    """
    with path.open("rb") as file:
        return _checked_header(path, file)


def load_npy(path: Path, *, shared: bool = True) -> Array:
    """An array file as a read-only memory map.

    Args:
        path: the file.
        shared: whether other processes may be told where it lies.

    Raises:
        InputError: pickled objects, or a file that is not as long as its header says.
    """
    with path.open("rb") as file:
        header = _checked_header(path, file)
        if not header.n_bytes:
            return np.empty(header.shape, header.dtype)
        order = header.fortran_order
        shape, offset = header.shape, header.offset
        return StoredArray.open(file, header.dtype, shape, offset, fortran_order=order, shared=shared)


def write_npy(file: BinaryIO, shape: tuple[int, ...], dtype: np.dtype[Any], parts: Iterable[Array]) -> None:
    """An array, from its parts along the first axis as they come."""
    npy_format.write_array_header_1_0(file, {"descr": dtype.str, "fortran_order": False, "shape": shape})
    for part in parts:
        file.write(as_bytes(part).data)


def as_bytes(values: Array) -> NDArray[np.uint8]:
    """An array's values in their order, without a copy where they lie so."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8)


def read_member_header(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    """The header of an array in an archive; ``path`` is what errors name.

    Raises:
        InputError: pickled objects, or a member whose length is not what its headers say.
    """
    ratio = _UNPACKED.get(info.compress_type)
    if ratio is not None:
        check_stored(path, info.file_size, info.compress_size, ratio)
    with archive.open(info) as member:
        header = _read_header(path, member)
    _check_length(path, header, info.file_size)
    return header


def read_npy_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """An array of an archive, in memory; ``path`` is what errors name.

    Raises:
        InputError: as ``read_member_header``, or more than fits into memory.
    """
    header = read_member_header(path, archive, info)
    check_memory(path, header.n_bytes)
    with archive.open(info) as member:
        values: Array = npy_format.read_array(member, allow_pickle=False)
        member.read(1)  # the end, where the archive's own checksum is compared
        return values


def _checked_header(path: Path, file: BinaryIO) -> Header:
    header = _read_header(path, file)
    _check_length(path, header, os.fstat(file.fileno()).st_size)
    return header


def _read_header(path: Path, file: Any) -> Header:
    start = file.read(len(npy_format.MAGIC_PREFIX) + 2)
    prefix, version = start[:-2], tuple(start[-2:])
    if prefix != npy_format.MAGIC_PREFIX:
        what = PICKLED if start[:1] == b"\x80" else f"is not a NumPy array (it begins with {start.hex() or 'nothing'})"
        raise InputError(f"{path}: {what}")
    if version not in _READ_HEADER:
        raise InputError(f"{path}: has version {version[0]}.{version[1]} of NumPy's format, which holds no plain array")
    counted = _Counted(file)
    shape, fortran_order, dtype = _READ_HEADER[version](counted)
    if dtype.hasobject:
        raise InputError(f"{path}: {PICKLED}")
    if any(size < 0 for size in shape):
        raise InputError(f"{path}: is damaged: its header claims the shape {shape}")
    return Header(shape, fortran_order, dtype, len(start) + counted.n_read)


class _Counted:
    """A file that counts what was read of it: a member of an archive cannot tell cheaply."""

    def __init__(self, file: Any) -> None:
        self.file, self.n_read = file, 0

    def read(self, size: int = -1, /) -> bytes:
        content: bytes = self.file.read(size)
        self.n_read += len(content)
        return content


def _check_length(path: Path, header: Header, size: int) -> None:
    check_stored(path, header.n_bytes, size - header.offset)
    if size - header.offset > header.n_bytes:
        more = size - header.offset - header.n_bytes
        raise InputError(f"{path}: holds {more} bytes more than the array of its header: more arrays, or damage")
