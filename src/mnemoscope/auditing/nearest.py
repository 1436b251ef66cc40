"""The two distances that copy scores read: to the nearest training item, and to the nearest one that is *another* item.

Training sets repeat themselves. Beside near-duplicates d1/d2 is close to one even for an exact copy, so items that
belong together are one *unit*, and d2 is the distance to the nearest item outside the unit of the nearest. Without
near-duplicates d2 is the distance to the second nearest.

A unit is a clump so small and so lonely that chance would hardly make it: a ball around an item whose radius ρ is below
a third of the typical distance between neighbours (``spacing``), with no other item within gap · ρ. In d intrinsic
dimensions two independent items are apart from all others by a factor g with probability about g^−d, so the gap is
max(3, 100^{1/d}): one item in a hundred, at most, has a unit by accident. Spacing and d come from a sparse subset of
the items, which seldom holds two of one unit.

Lists of neighbours start short and grow, for those items whose list ends within a clump, up to ``LARGEST_UNIT``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from mnemoscope.auditing.dimension import intrinsic_dimension
from mnemoscope.data.arrays import CHUNK_BYTES, Array
from mnemoscope.neighbours import Neighbours, nearest_neighbours

LARGEST_UNIT = 255
"""Near-duplicates that are recognized as one unit; in a larger clump items count one by one."""

_LIST_LENGTHS = (6, 32, LARGEST_UNIT + 1)
_SMALLEST_GAP = 3.0
_BY_ACCIDENT = 0.01
_SPARSE = (32, 512)


@dataclass(frozen=True)
class Nearest:
    """For each item its nearest training item.

    Attributes:
        distances: to the nearest training item (d1), and to the nearest one outside that one's unit (d2).
        indices: row of the nearest training item.
        units: the first row of that one's unit, which names the unit.
    """

    distances: Float[np.ndarray, "items 2"]
    indices: Int[np.ndarray, " items"]
    units: Int[np.ndarray, " items"]

    @staticmethod
    def over_variants(found: list["Nearest"]) -> "Nearest":
        """One for all variants of the same items: d1 is the least of theirs, d2 the least to any other unit."""
        each = np.array([one.distances[:, 0] for one in found])
        best, items = np.argmin(each, axis=0), np.arange(each.shape[1])
        unit = np.array([one.units for one in found])[best, items]
        others = [np.where(one.units == unit, one.distances[:, 1], one.distances[:, 0]) for one in found]
        indices = np.array([one.indices for one in found])[best, items]
        return Nearest(np.stack([each[best, items], np.min(others, axis=0)], axis=1), indices, unit)


class TrainingIndex:
    """Nearest neighbours among the distinct items of a training set.

    Args:
        train: shape ``(n_train, *event)``, possibly a memory map.
        first: for each item the row of its first identical item; repeats are passed over.
        rng: chooses the sparse subset.
        progress: show bars.

    Attributes:
        distinct: rows of the items that repeat no earlier one.
        spacing: typical distance between neighbours that are different items.
        gap: how lonely a unit must be.
    """

    def __init__(
        self, train: Array, first: Int[np.ndarray, " n_train"], rng: np.random.Generator, *, progress: bool = False
    ) -> None:
        self.train, self.first, self.progress = train, first, progress
        repeated = first != np.arange(len(first))
        self.distinct = np.flatnonzero(~repeated)
        self._ignore = repeated if repeated.any() else None
        self.gap, self.spacing = _SMALLEST_GAP, 0.0
        size = int(np.clip(np.sqrt(len(self.distinct)), *_SPARSE))
        sparse = train[np.sort(rng.permutation(self.distinct)[:size])]
        if len(sparse) > 1:
            within = nearest_neighbours(sparse, sparse, min(10, len(sparse) - 1), exclude=np.arange(len(sparse)))
            dimension = intrinsic_dimension(within.distances) or np.inf
            self.gap = max(_SMALLEST_GAP, _BY_ACCIDENT ** (-1 / dimension))
            thinned = (len(sparse) / len(self.distinct)) ** (1 / dimension)
            self.spacing = float(np.median(within.distances[:, 0])) * thinned

    def nearest(self, variants: Iterable[Array]) -> Nearest:
        """The nearest training items of items from elsewhere, of which each may come in several variants."""
        return Nearest.over_variants([self._nearest(items, None, alone=True) for items in variants])

    def left_out(self, rows: Int[np.ndarray, " items"], *, with_unit: bool) -> Nearest:
        """The nearest other training items of the training items ``rows``, each left out in its turn.

        Args:
            rows: of the training set.
            with_unit: whether an item is left out together with its repeats and near-duplicates. If not, it may meet
                its own twin.
        """
        own = self.first[rows]
        twins = np.bincount(self.first, minlength=len(self.first))[own] > 1
        exclude = own if with_unit else np.where(twins, -1, own)
        return self._nearest(self.train[rows], exclude, alone=not with_unit)

    def neighbours(self, items: Array, k: int, leave_out: Int[np.ndarray, " items"] | None = None) -> Neighbours:
        """The k nearest distinct training items of each item; of ``leave_out`` each item passes over one row."""
        exclude = None if leave_out is None else self.first[leave_out]
        k = min(k, len(self.distinct) - (exclude is not None))
        return nearest_neighbours(
            items, self.train, k, ignore=self._ignore, exclude=exclude, progress=self.progress
        )

    def _nearest(self, items: Array, exclude: Int[np.ndarray, " items"] | None, *, alone: bool) -> Nearest:
        """With lists that grow until they reach beyond the unit of the nearest; ``alone`` if no own unit is left out."""
        n = len(items)
        distances, indices, units = np.empty((n, 2)), np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        waiting = np.arange(n)
        n_others = len(self.distinct) - (exclude is not None)
        for k in (min(length, n_others) for length in _LIST_LENGTHS):
            skipped = None if exclude is None else exclude[waiting]
            found = nearest_neighbours(
                items[waiting], self.train, k, ignore=self._ignore, exclude=skipped, progress=self.progress
            )
            lists = _Lists(found.distances, found.indices)
            if not alone:
                lists = self._without_own_unit(lists)
            around = self._around_first(lists)
            read, reaches = self._read(lists, around)
            done = reaches if k < min(_LIST_LENGTHS[-1], n_others) else np.ones(len(waiting), dtype=bool)
            place = waiting[done]
            distances[place], indices[place], units[place] = read.distances[done], read.indices[done], read.units[done]
            waiting = waiting[~done]
            if not len(waiting):
                break
        return Nearest(distances, indices, units)

    def _without_own_unit(self, lists: "_Lists") -> "_Lists":
        """Lists of training items around themselves, less their own units; at least two neighbours stay."""
        own = self._radius(lists.distances)
        gone = lists.distances <= own[:, None]
        gone[gone.sum(axis=1) > gone.shape[1] - 2] = False
        order = np.argsort(gone, axis=1, kind="stable")
        distances = np.where(gone, np.inf, lists.distances)
        return _Lists(*(np.take_along_axis(each, order, axis=1) for each in (distances, lists.indices)))

    def _read(self, lists: "_Lists", around: Float[np.ndarray, "items k"]) -> tuple[Nearest, Bool[np.ndarray, " items"]]:
        """d1, d2 and the unit from lists and the distances of their members from the first; and which reach beyond."""
        inside = around <= self._radius(np.sort(around[:, 1:], axis=1))[:, None]
        inside[:, 0] = True
        second = np.min(np.where(inside, np.inf, lists.distances), axis=1)
        # Nothing beyond the unit: the nearest is as far as the second.
        second = np.where(np.isinf(second), lists.distances[:, -1], second)
        unit = np.min(np.where(inside, lists.indices, np.iinfo(np.int64).max), axis=1)
        reaches = np.max(np.where(np.isinf(around), 0, around), axis=1) >= self.spacing / _SMALLEST_GAP
        return Nearest(np.stack([lists.distances[:, 0], second], axis=1), lists.indices[:, 0], unit), reaches

    def _radius(self, others: Float[np.ndarray, "items k"]) -> Float[np.ndarray, " items"]:
        """The radius of the unit around an item, from the distances of others in ascending order; −1 where it is alone."""
        if others.shape[1] < 2:
            return np.full(len(others), -1.0)
        radius, beyond = others[:, :-1], others[:, 1:]
        lonely = (radius < self.spacing / _SMALLEST_GAP) & (self.gap * radius < beyond) & np.isfinite(beyond)
        return np.max(np.where(lonely, radius, -1.0), axis=1)

    def _around_first(self, lists: "_Lists") -> Float[np.ndarray, "items k"]:
        """Distances of each list's members from its first member; infinite where they were left out."""
        n, k = lists.indices.shape
        around = np.empty((n, k))
        rows = max(1, CHUNK_BYTES // (8 * k * max(1, self.train[0].size)))
        for start in range(0, n, rows):
            part = lists.indices[start : start + rows]
            members = self.train[part.ravel()].reshape(*part.shape, -1).astype(np.float64)
            around[start : start + rows] = np.linalg.norm(members - members[:, :1], axis=2)
        return np.where(np.isinf(lists.distances), np.inf, around)


class _Lists(NamedTuple):
    """Neighbours in order of distance."""

    distances: Float[np.ndarray, "items k"]
    indices: Int[np.ndarray, "items k"]
