"""Arrays that may be larger than memory, read in chunks of rows."""

import mmap
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mnemoscope.errors import InputError

Array: TypeAlias = NDArray[Any]
ArrayLike: TypeAlias = Array | Tensor

_OF_NUMPY = (torch.float16, torch.float32, torch.float64)

CHUNK_BYTES = 64 * 2**20
"""Bytes that one chunk may take in double precision."""


def as_array(values: ArrayLike) -> Array:
    """A NumPy view of an array or tensor. What NumPy lacks, as bfloat16, becomes float32; all else is not copied."""
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype.is_floating_point and values.dtype not in _OF_NUMPY else values).numpy()
    return np.asanyarray(values)


def row_chunks(
    values: ArrayLike,
    rows: int | None = None,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[slice, Tensor]]:
    """Chunks of flattened rows, each with its slice: tensors of shape ``(rows, dim)`` in ``dtype`` on ``device``.

    Only one chunk of a memory-mapped array is in memory at a time.
    """
    n_samples = values.shape[0]
    dim = int(np.prod(values.shape[1:], dtype=np.int64))
    rows = rows or max(1, CHUNK_BYTES // (8 * max(1, dim)))
    for start in range(0, n_samples, rows):
        where = slice(start, min(start + rows, n_samples))
        # The device first: one without double precision cannot send it.
        chunk = values[where] if isinstance(values, Tensor) else torch.from_numpy(_readable(values[where]))
        yield where, chunk.reshape(chunk.shape[0], dim).to(device).to(dtype)
        _release(values)


def _readable(chunk: Array) -> Array:
    # torch reads neither big-endian nor read-only arrays, nor the wider unsigned types.
    if chunk.dtype.kind == "u" and chunk.dtype.itemsize > 1:
        return chunk.astype(np.float64)
    return np.array(chunk, dtype=chunk.dtype.newbyteorder("="))


def _release(values: ArrayLike) -> None:
    """Give the pages of a file that were read back to the system: they count as this process's memory."""
    mapping = getattr(values, "_mmap", None)
    # In a private (copy-on-write) map the pages may hold changes that are nowhere else.
    if isinstance(mapping, mmap.mmap) and getattr(values, "mode", None) in ("r", "r+") and hasattr(mapping, "madvise"):
        mapping.madvise(mmap.MADV_DONTNEED)


def check_finite(values: ArrayLike, name: str) -> tuple[float, float]:
    """The smallest and largest value, in one pass.

    Raises:
        InputError: a NaN or an infinity, with the index of the first item that holds one.
    """
    low, high = np.inf, -np.inf
    for where, chunk in row_chunks(values):
        bad = ~torch.isfinite(chunk).all(dim=1)
        if bad.any():
            raise InputError(f"{name}: item {where.start + int(bad.nonzero()[0, 0])} holds NaN or Inf")
        low, high = min(low, float(chunk.min())), max(high, float(chunk.max()))
    return low, high
