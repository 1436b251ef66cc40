"""Arrays that may be larger than memory: how they enter, and how they are read, in chunks of rows.

``as_array`` and ``as_items`` are the one boundary for what a caller hands over as data: what NumPy, torch or a data
frame may hold and the library cannot use (sparse, complex, masked, ragged, empty) is one line with the argument's name.
"""

import os
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import Parameter
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from mnemoscope.data.stored import StoredArray, read_stored
from mnemoscope.errors import InputError
from mnemoscope.text import one_line

Array: TypeAlias = NDArray[Any]
ArrayLike: TypeAlias = Array | Tensor

CHUNK_BYTES = 64 * 2**20
"""Bytes that one chunk may take in double precision."""


def as_array(values: Any, name: str = "data") -> Array:
    """What a caller hands over as an array of NumPy: a view, wherever there can be one.

    Tensors come without their gradients, from whatever device; bfloat16 and the 8-bit floats, which NumPy lacks, become
    float32. Memory maps are guarded, see ``StoredArray``.

    Args:
        values: an array, a tensor, or what NumPy makes an array of: a data frame, a list of rows.
        name: of the argument, for errors.

    Raises:
        InputError: what has no such form: sparse, quantized, nested and meta tensors, masked values, ragged lists.
    """
    if isinstance(values, Tensor):
        return _from_tensor(values, name)
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.getmaskarray(values).any():
            raise InputError(f"{name}: has masked values: fill them, or leave their items out")
        return np.asarray(values.data)
    if isinstance(values, np.memmap):
        return StoredArray.of(values)
    if isinstance(values, str | bytes | os.PathLike):
        raise InputError(f"{name}: is a text or path, not data: mnemoscope.load reads files")
    if isinstance(values, TorchDataset | DataLoader):
        raise InputError(f"{name}: is a {type(values).__name__}, not an array: mnemoscope.load reads it")
    try:
        return values if isinstance(values, StoredArray) else np.asarray(values)
    except Exception as error:  # whatever an object's own __array__ raises
        raise InputError(f"{name}: cannot be made an array ({one_line(str(error) or type(error).__name__)})") from error


def _from_tensor(values: Tensor, name: str) -> Array:
    kind = "nested" if values.is_nested else "quantized" if values.is_quantized else None
    if kind is None and values.layout is not torch.strided:
        kind = "sparse"
    if kind is not None:
        raise InputError(f"{name}: is a {kind} tensor: pass a dense one")
    if _has_no_values(values):
        raise InputError(f"{name}: is a tensor without values, on the device 'meta'")
    values = values.detach().cpu().resolve_conj().resolve_neg()
    without = values.is_floating_point() and values.dtype not in (torch.float16, torch.float32, torch.float64)
    return (values.float() if without else values).numpy()


def as_items(values: Any, name: str) -> ArrayLike:
    """Items of real numbers, shape ``(n, *event)``: a tensor as it is, on its own device; all else as ``as_array``.

    Raises:
        InputError: as ``as_array`` and ``check_items``.
    """
    items = values.detach() if isinstance(values, Tensor) and is_plain(values) else as_array(values, name)
    check_items(items, name)
    return items


def as_tensor(values: Any, name: str) -> Tensor:
    """Real numbers as a tensor: a tensor as it is, on its own device and with its gradient; all else by ``as_array``.

    Raises:
        InputError: as ``as_array``, or numbers that are not real.
    """
    if isinstance(values, Tensor) and is_plain(values):
        tensor = values
    else:
        array = as_array(values, name)
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise InputError(f"{name}: needs real numbers of at most 64 bits, got dtype {array.dtype}")
        tensor = torch.from_numpy(_readable(array))
    if tensor.is_complex():
        raise InputError(f"{name}: needs real numbers, got dtype {tensor.dtype}")
    return tensor


def is_plain(values: Tensor) -> bool:
    """Whether a tensor is dense and has values: neither sparse, nested, quantized nor of the device ``meta``."""
    return values.layout is torch.strided and not (values.is_nested or values.is_quantized or _has_no_values(values))


def _has_no_values(values: Tensor) -> bool:
    """Whether this is a tensor of torch's device ``meta``; somebody's own kind of tensor may keep them elsewhere."""
    return values.is_meta and type(values) in (Tensor, Parameter)


def check_items(items: ArrayLike, name: str) -> None:
    """That an array holds items of real numbers, shape ``(n, *event)``; their values are not read.

    Raises:
        InputError: a dtype that is not real or of more than 64 bits, no axis of items, no items, items without values.
    """
    if isinstance(items, Tensor):
        real = not items.is_complex()
    else:
        real = items.dtype.kind in "biuf" and items.dtype.itemsize <= 8
    if not real:
        what = f", an object of type {type(items.item()).__name__}" if items.dtype == object and not items.ndim else ""
        raise InputError(f"{name}: needs real numbers of at most 64 bits, got dtype {items.dtype}{what}")
    shape = tuple(items.shape)
    if len(shape) < 2:
        raise InputError(f"{name}: needs shape (n_samples, *event), got {shape}")
    if 0 in shape:
        raise InputError(f"{name}: is empty, shape {shape}")


def row_chunks(
    values: ArrayLike,
    rows: int | None = None,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[slice, Tensor]]:
    """Chunks of flattened rows, each with its slice: tensors of shape ``(rows, dim)`` in ``dtype`` on ``device``.

    Only one chunk of a memory-mapped array is in memory at a time.
    """
    if isinstance(values, np.memmap):
        values = StoredArray.of(values)
    n_samples = values.shape[0]
    dim = int(np.prod(values.shape[1:], dtype=np.int64))
    rows = rows or max(1, CHUNK_BYTES // (8 * max(1, dim)))
    for start in range(0, n_samples, rows):
        where = slice(start, min(start + rows, n_samples))
        # The device first: one without double precision cannot send it.
        chunk = values[where] if isinstance(values, Tensor) else torch.from_numpy(_readable(values[where]))
        yield where, chunk.reshape(chunk.shape[0], dim).to(device).to(dtype)


def _readable(chunk: Array) -> Array:
    # torch reads neither big-endian nor read-only arrays, nor the wider unsigned types.
    read = read_stored(chunk)
    if chunk.dtype.kind == "u" and chunk.dtype.itemsize > 1:
        return read.astype(np.float64)
    return np.array(read, dtype=chunk.dtype.newbyteorder("="), copy=None if read is not chunk else True)


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
