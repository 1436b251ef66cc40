"""One small data object: an array, its value range, its fingerprint."""

import hashlib
import math
import reprlib
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PureWindowsPath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mnemoscope.choose import check_whole
from mnemoscope.data.arrays import Array, as_array, check_finite, check_items
from mnemoscope.data.stored import read_stored
from mnemoscope.data.tables.schema import TableSchema
from mnemoscope.errors import InputError
from mnemoscope.reading import check_memory
from mnemoscope.text import one_name

_FROM_DATA = (-np.inf, np.inf)
_RANGES = {"|u1": (0.0, 255.0), "|b1": (0.0, 1.0)}


@dataclass(frozen=True)
class Half:
    """Which half of which data a set is (see ``halves``).

    Attributes:
        name: ``A`` or ``B``.
        seed: of the split.
        rows: SHA-256 of its rows in the data, as 64-bit integers in ascending order.
        of: fingerprint of the data.
        of_name: what reports call the data.
        of_samples: number of their items.
    """

    name: str
    seed: int
    rows: str
    of: str
    of_name: str
    of_samples: int


@dataclass(frozen=True, eq=False)
class Dataset:
    """Items of one shape, checked once when they enter.

    Attributes:
        array: shape ``(n_samples, *event)``, any real dtype; possibly a read-only memory map.
        name: what errors and reports call it, usually the path it came from.
        value_range: the values that black and white (or the extremes) stand for, in the array's own units. Left
            out, it is (0, 255) for 8-bit data, (0, 1) for booleans, and the observed extremes otherwise.
        names: of the items, one each: their files within the folder they came from. None where they have none.
        notes: what was done to the items when they were read, for reports to repeat; parts of a set keep them.
        classes: a label of each item, as its source has them. None where it has none.
        groups: which items belong together, as of one patient: a label of each, as its source has them.
        source: how the set was read and what its source holds, in counts (see ``Census``), for reports.
        schema: of a table, by which its rows were made vectors; None for anything else.
        half: which half of which data this is, where it is one; parts of it are none.

    Raises:
        InputError: no items, items without a value, a dtype that is not real, NaN or Inf (with the item's index),
            an empty value range, or another number of names, classes or groups than of items.
    """

    array: Array
    name: str = "data"
    value_range: tuple[float, float] = _FROM_DATA
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    classes: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    source: Mapping[str, Any] | None = None
    schema: TableSchema | None = None
    half: Half | None = None

    def __post_init__(self) -> None:
        array = as_array(self.array, self.name)
        check_items(array, self.name)
        object.__setattr__(self, "array", array)
        # 8-bit data and booleans hold no NaN and tell their range: no pass over them is needed.
        known = _RANGES.get(array.dtype.str) or check_finite(array, self.name)
        if self.value_range is _FROM_DATA:
            object.__setattr__(self, "value_range", known)
        try:
            low, high = (float(end) for end in self.value_range)
        except (TypeError, ValueError):
            given = reprlib.repr(self.value_range)
            raise InputError(f"{self.name}: value range must be two numbers, got {given}") from None
        if not low <= high:
            raise InputError(f"{self.name}: value range must go from low to high, got ({low}, {high})")
        for what, labels in self._labels().items():
            if labels is not None and len(labels) != self.n_samples:
                raise InputError(f"{self.name}: has {len(labels)} {what} for {self.n_samples} items")

    def __len__(self) -> int:
        return self.n_samples

    @property
    def n_samples(self) -> int:
        """Number of items."""
        return int(self.array.shape[0])

    @property
    def event_shape(self) -> tuple[int, ...]:
        """Shape of one item."""
        return tuple(self.array.shape[1:])

    @property
    def dim(self) -> int:
        """Number of values in one item."""
        return int(np.prod(self.event_shape))

    @property
    def label(self) -> str:
        """The name as reports show it: of a path the last part, since the others may name a machine or a person."""
        return one_name(_last_part(self.name)) or "data"

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of dtype, shape and content: the same data has the same fingerprint wherever it came from."""
        digest = hashlib.sha256(f"{self.array.dtype.str} {self.array.shape}".encode())
        step = max(1, 2**24 // max(1, self.array[:1].nbytes))
        for start in range(0, self.n_samples, step):
            digest.update(np.ascontiguousarray(read_stored(self.array[start : start + step])).data)
        return digest.hexdigest()

    def take(self, indices: Array, name: str | None = None) -> "Dataset":
        """The items at ``indices`` (or where a mask is true), in that order, with names, labels and value range."""
        rows = np.arange(self.n_samples)[indices]
        kept: dict[str, Any] = {
            what: None if labels is None else tuple(labels[row] for row in rows)
            for what, labels in self._labels().items()
        }
        return replace(self, array=self.array[indices], name=name or self.name, half=None, **kept)

    def _labels(self) -> dict[str, Any]:
        """What is given for each item, by its attribute."""
        return {"names": self.names, "classes": self.classes, "groups": self.groups}

    def described(self, **labels: Any) -> "Dataset":
        """The same items with another name, notes, classes, source or value range: values are not checked again."""
        other = copy(self)
        for label, value in labels.items():
            object.__setattr__(other, label, value)
        return other

    def rescaled(self, value_range: tuple[float, float]) -> "Dataset":
        """The values brought linearly from this set's value range to another, in single precision (double stays).

        Raises:
            InputError: a range without extent.
        """
        (low, high), (to_low, to_high) = self.value_range, value_range
        if self.value_range == value_range:
            return self
        if low == high:
            raise InputError(f"{self.name}: every value is {low}, there is nothing to scale")
        dtype = np.float64 if self.array.dtype.itemsize == 8 else np.float32
        array: Array = (
            np.subtract(read_stored(self.array), low, dtype=dtype) * ((to_high - to_low) / (high - low)) + to_low
        )
        note = f"values were brought from [{low:.6g}, {high:.6g}] to [{to_low:.6g}, {to_high:.6g}]"
        return replace(self, array=array, value_range=value_range, notes=(*self.notes, note))

    def name_of(self, index: int) -> str | None:
        """The name of an item, None where items have none."""
        return None if self.names is None else self.names[index]

    def label_of(self, index: int) -> str | None:
        """The name of an item as reports show it: within its folder, and never an absolute path."""
        name = self.name_of(index)
        return name if name is None or not _is_absolute(name) else _last_part(name)

    def split(self, n_holdout: int, seed: int) -> tuple["Dataset", "Dataset"]:
        """A random split into training and held-out items, the same for the same seed.

        Raises:
            InputError: n_holdout leaves one of the two sides empty.
        """
        if not 0 < check_whole(n_holdout, "n_holdout", -math.inf) < self.n_samples:
            raise InputError(f"{self.name}: cannot hold out {n_holdout} of {self.n_samples} items")
        order = np.random.default_rng(check_whole(seed, "seed", 0)).permutation(self.n_samples)
        holdout, train = np.sort(order[:n_holdout]), np.sort(order[n_holdout:])
        return self.take(train, f"{self.name} (training split)"), self.take(holdout, f"{self.name} (held-out split)")

    def to_model(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """All items as a tensor with the value range mapped to [−1, 1], the scale on which networks are trained."""
        low, high = self.value_range
        if self.schema is not None:
            raise InputError(f"{self.name}: is a table; networks and samplers take numbers, as its array has them")
        if low == high:
            raise InputError(f"{self.name}: every value is {low}, there is nothing to scale")
        check_memory(f"{self.name} as a tensor", self.array.size * (8 + dtype.itemsize))  # first in double precision
        return (
            torch.from_numpy(np.array(read_stored(self.array), np.float64))
            .sub(low)
            .mul(2 / (high - low))
            .sub(1)
            .to(dtype)
        )


def _is_absolute(name: str) -> bool:
    return name.startswith(("/", "\\", "~")) or PureWindowsPath(name).is_absolute()


def _last_part(name: str) -> str:
    """What follows the last separator of a path, of whatever system; sets of a hub have no path."""
    if not name.startswith("hf:"):
        return PureWindowsPath(name).name
    place = name.removeprefix("hf:")
    return f"hf:{PureWindowsPath(place).name}" if _is_absolute(place) else name


def from_model(items: Tensor, value_range: tuple[float, float]) -> Array:
    """The inverse of ``Dataset.to_model`` for new items: from [−1, 1] to the value range, as float32.

    Pictures (items with more than one axis) are clipped to the range, as image files are.
    """
    low, high = value_range
    restored = (items.detach().cpu().double() + 1) * (high - low) / 2 + low
    return (restored.clamp(low, high) if items.ndim > 2 else restored).to(torch.float32).numpy()
