"""The IDX format of MNIST and its kin, plain (memory-mapped) or gzipped: a big-endian header, then the values.

Images have their labels in a file beside them, by its name: ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``.
"""

import gzip
import math
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from mnemoscope.data.arrays import Array
from mnemoscope.data.census import Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.data.sources.contract import ArrayFile, Look
from mnemoscope.data.stored import StoredArray
from mnemoscope.errors import InputError
from mnemoscope.reading import DEFLATE_RATIO, check_memory, check_stored, reading

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_AXES = 32
"""What every version of NumPy can hold; the header has room for 255."""
_BLOCK = 2**22


def is_idx_name(name: str) -> bool:
    """Whether a file of this name (without .gz) is in the IDX format, as MNIST and its kin name theirs."""
    return name.endswith((".idx", "-ubyte")) or "-idx" in name


class IdxFile(ArrayFile):
    """An IDX file, plain or gzipped."""

    reads = "an IDX file (plain or .gz)"

    def recognises(self, where: Any) -> bool:
        return isinstance(where, Path) and is_idx_name(where.name.removesuffix(".gz")) and where.is_file()

    def look(self, where: Path, key: str | None) -> Look:
        return Look(*look_at_idx(where))

    def array(self, path: Path, key: str | None) -> tuple[Array, Census]:
        census = Census("arrays")
        census.read()
        return load_idx(path), census

    def read(self, where: Path, key: str | None, options: Options) -> Dataset:
        data, labels = super().read(where, key, options), labels_beside(where)
        return data if labels is None else with_labels(data, labels)


def labels_beside(path: Path) -> Path | None:
    """The file of the labels of a file of images; None where there is none."""
    name = path.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    both = (path.with_name(name), path.with_name(f"{name}.gz"))
    others = (file for file in both if name != path.name.removesuffix(".gz") and file.is_file())
    return next(others, None)


def with_labels(data: Dataset, path: Path) -> Dataset:
    """The set with its classes from a file of labels.

    Raises:
        InputError: it cannot be read, or does not hold one whole number for each item.
    """
    labels = load_idx(path)
    if labels.shape != (data.n_samples,) or labels.dtype.kind not in "iu":
        raise InputError(
            f"{path}: the labels of {data.n_samples} items are as many whole numbers, got {labels.dtype} of shape "
            f"{labels.shape}"
        )
    return data.described(classes=tuple(str(label) for label in labels.tolist()))


def load_idx(path: Path) -> Array:
    """An IDX file, plain (memory-mapped) or gzipped.

    Raises:
        InputError: not an IDX file, one whose length is not what its header says, or one that does not fit into memory.
    """
    with reading(path):
        return _load_gzipped(path) if path.suffix == ".gz" else _load_plain(path)


def look_at_idx(path: Path) -> tuple[tuple[int, ...], int]:
    """The shape that an IDX file's header gives, and the bytes that it takes in memory: none if it is plain.

    Raises:
        InputError: not an IDX file, or a gzipped one that claims more than its bytes can hold.
    """
    packed = path.suffix == ".gz"
    with reading(path), gzip.open(path) if packed else path.open("rb") as file:
        shape, dtype, _ = _read_header(path, file)
    expected = math.prod(shape) * dtype.itemsize
    if packed:
        check_stored(path, expected, path.stat().st_size, DEFLATE_RATIO)
    return shape, expected if packed else 0


def _load_plain(path: Path) -> Array:
    with path.open("rb") as file:
        shape, dtype, offset = _read_header(path, file)
        expected = math.prod(shape) * dtype.itemsize
        found = os.fstat(file.fileno()).st_size - offset
        if found != expected:
            raise _wrong_length(path, found, expected)
        return StoredArray.open(file, dtype, shape, offset) if expected else np.empty(shape, dtype)


def _load_gzipped(path: Path) -> Array:
    with gzip.open(path) as file:
        shape, dtype, _ = _read_header(path, file)
        expected = math.prod(shape) * dtype.itemsize
        check_stored(path, expected, path.stat().st_size, DEFLATE_RATIO)
        check_memory(path, expected)
        values = np.empty(expected, np.uint8)
        found = 0
        while block := file.read(_BLOCK):  # on past what is expected, for no longer than a block
            kept = min(len(block), expected - found)
            values[found : found + kept] = np.frombuffer(block, np.uint8, kept)
            found += len(block)
            if found > expected:
                break
    if found != expected:
        raise _wrong_length(path, found, expected)
    return values.view(dtype).reshape(shape)


def _wrong_length(path: Path, found: int, expected: int) -> InputError:
    more = "or more " if found > expected else ""
    return InputError(f"{path}: is truncated or damaged: {found} {more}bytes of values, its header says {expected}")


def _read_header(path: Path, file: Any) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise InputError(f"{path}: is not an IDX file (it begins with {magic.hex() or 'nothing'})")
    n_axes = magic[3]
    if n_axes > _MOST_AXES:
        raise InputError(f"{path}: is damaged: its header claims {n_axes} axes")
    sizes = file.read(4 * n_axes)
    if len(sizes) < 4 * n_axes:
        raise InputError(f"{path}: is truncated within its header")
    return struct.unpack(f">{n_axes}I", sizes), np.dtype(_TYPES[magic[2]]), 4 + 4 * n_axes
