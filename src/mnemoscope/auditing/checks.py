"""What must hold before two sets are compared."""

import hashlib

import numpy as np

from mnemoscope.data import Dataset
from mnemoscope.data.arrays import Array, row_chunks
from mnemoscope.errors import InputError

_MANY_VALUES = 16
"""Items of fewer values have no typical range of their own to compare."""


def comparable(items: Dataset, train: Dataset, what: str) -> Array:
    """The array of ``items`` in the event shape of ``train``; axes of size one do not matter.

    Raises:
        InputError: event shapes that differ, or value ranges so different that one set must be on another scale.
    """
    if _squeezed(items) != _squeezed(train):
        raise InputError(
            f"{items.name}: {what} has event shape {items.event_shape}, but {train.name} has {train.event_shape}"
        )
    if train.dim >= _MANY_VALUES:
        _check_ranges(items, train, what)
    return items.array.reshape(items.n_samples, *train.event_shape)


def _squeezed(data: Dataset) -> tuple[int, ...]:
    return tuple(size for size in data.event_shape if size != 1)


def _check_ranges(items: Dataset, train: Dataset, what: str) -> None:
    # The median over items of their smallest and largest value: what one item typically spans, whatever a few do.
    (low, high), (train_low, train_high) = _typical_range(items.array), _typical_range(train.array)
    width, train_width = high - low, train_high - train_low
    widest = max(width, train_width)
    scaled = min(width, train_width) < 0.6 * widest
    shifted = abs(low - train_low) > 0.35 * widest
    if scaled or shifted:
        raise InputError(
            f"{items.name}: {what} spans about {low:.4g} to {high:.4g} in each item, but {train.name} spans "
            f"{train_low:.4g} to {train_high:.4g}; bring both to one value range"
        )


def _typical_range(array: Array) -> tuple[float, float]:
    extremes = [(rows.amin(dim=1), rows.amax(dim=1)) for _, rows in row_chunks(array)]
    low, high = (np.concatenate([part.numpy() for part in parts]) for parts in zip(*extremes, strict=True))
    return float(np.median(low)), float(np.median(high))


def exact_duplicates(array: Array) -> Array:
    """For each item the index of its first identical item, by a 128-bit digest of its bytes; shape ``(n_samples,)``."""
    first: dict[bytes, int] = {}
    digests = (hashlib.blake2b(np.ascontiguousarray(item).data, digest_size=16).digest() for item in array)
    return np.array([first.setdefault(digest, index) for index, digest in enumerate(digests)])
