"""Items that repeat each other exactly, in one set or across two."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int

from mnemoscope.data.arrays import Array, row_chunks


@dataclass(frozen=True)
class Repeated:
    """Which items of a set are identical, by a 128-bit digest of their values, whatever their dtype.

    Attributes:
        array: shape ``(items, *event)``.
    """

    array: Array

    @cached_property
    def digests(self) -> list[bytes]:
        """One for each item."""
        return list(_digests(self.array))

    @cached_property
    def _rows(self) -> dict[bytes, int]:
        rows: dict[bytes, int] = {}
        for row, digest in enumerate(self.digests):
            rows.setdefault(digest, row)
        return rows

    @cached_property
    def first(self) -> Int[np.ndarray, " items"]:
        """For each item the row of its first identical item."""
        return np.array([self._rows[digest] for digest in self.digests])

    @cached_property
    def multiplicity(self) -> Int[np.ndarray, " items"]:
        """For each item how many are identical to it, itself included."""
        return np.asarray(np.bincount(self.first, minlength=len(self.first))[self.first])

    @property
    def redundant(self) -> int:
        """Items that repeat an earlier one."""
        return int((self.first != np.arange(len(self.first))).sum())

    @property
    def clusters(self) -> int:
        """Groups of two or more identical items."""
        return int((np.bincount(self.first) > 1).sum())

    @property
    def items(self) -> int:
        """Items in such groups."""
        return int((self.multiplicity > 1).sum())

    def rows_of(self, other: "Repeated") -> Int[np.ndarray, " other"]:
        """For each item of another set the first row here that is identical to it, −1 for none."""
        return np.array([self._rows.get(digest, -1) for digest in other.digests])


def _digests(array: Array) -> Iterator[bytes]:
    for _, rows in row_chunks(array):
        # Adding zero turns -0.0, which rounded tables are full of, into the 0.0 that it equals.
        for item in np.ascontiguousarray((rows + 0.0).numpy()):
            yield hashlib.blake2b(item.data, digest_size=16).digest()
