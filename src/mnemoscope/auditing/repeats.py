"""Items that repeat each other exactly, in one set or across two."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int, UInt8

from mnemoscope.data.arrays import Array, row_chunks

_DIGEST_BYTES = 16


@dataclass(frozen=True)
class Repeated:
    """Which items of a set are identical, by a 128-bit digest of their values, whatever their dtype.

    Attributes:
        array: shape ``(items, *event)``.
    """

    array: Array

    @cached_property
    def digests(self) -> UInt8[np.ndarray, "items 16"]:
        """One for each item."""
        found = np.empty((len(self.array), _DIGEST_BYTES), dtype=np.uint8)
        for where, rows in row_chunks(self.array):
            # Adding zero turns -0.0, which rounded tables are full of, into the 0.0 that it equals.
            items = np.ascontiguousarray((rows + 0.0).numpy())
            digests = b"".join(hashlib.blake2b(item.data, digest_size=_DIGEST_BYTES).digest() for item in items)
            found[where] = np.frombuffer(digests, dtype=np.uint8).reshape(-1, _DIGEST_BYTES)
        return found

    @property
    def _words(self) -> Array:
        """Digests as NumPy compares and sorts them: of one length, so that zeros at their end do not matter."""
        return self.digests.view(f"S{_DIGEST_BYTES}")[:, 0]

    @cached_property
    def _distinct(self) -> tuple[Array, Int[np.ndarray, " distinct"], Int[np.ndarray, " items"]]:
        """Digests in ascending order, the first row of each, and the place of each row's among them."""
        words, rows, places = np.unique(self._words, return_index=True, return_inverse=True)
        return words, rows, places

    @cached_property
    def first(self) -> Int[np.ndarray, " items"]:
        """For each item the row of its first identical item."""
        _, rows, places = self._distinct
        return np.asarray(rows[places])

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
        words, rows, _ = self._distinct
        places = np.minimum(np.searchsorted(words, other._words), len(words) - 1)
        return np.asarray(np.where(words[places] == other._words, rows[places], -1))
