"""The two distances that copy scores read: to the nearest training item, and to the nearest one that is *another* item.

Training sets repeat themselves. Beside near-duplicates d1/d2 is close to one even for an exact copy, so items that
belong together are one *unit*, and d2 is the distance to the nearest item outside the unit of the nearest. Without
near-duplicates d2 is the distance to the second nearest.

A unit is a clump so small and so lonely that chance would hardly make it: a ball around an item whose radius ρ is below
a third of the typical distance between neighbours (``spacing``), with no other item within gap · ρ. In d intrinsic
dimensions two independent items are apart from all others by a factor g with probability about g^−d, so the gap is
max(3, 1000^{1/d}): one item in a thousand has a unit by accident. Spacing and d come from a sparse subset of
the items, which seldom holds two of one unit.

Lists of neighbours start short and grow, for those items whose list ends within a clump, up to ``LARGEST_UNIT``.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, fields
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from mnemoscope.auditing.dimension import intrinsic_dimension
from mnemoscope.data.arrays import CHUNK_BYTES, Array
from mnemoscope.neighbours import Neighbours, nearest_neighbours

NeighbourSearch: TypeAlias = Callable[..., Neighbours]
"""What is called as ``nearest_neighbours`` is."""

LARGEST_UNIT = 255
"""Near-duplicates that are recognized as one unit; in a larger clump items count one by one."""

_LIST_LENGTHS = (6, 32, LARGEST_UNIT + 1)
_SMALLEST_GAP = 3.0
_BY_ACCIDENT = 0.001
_BEYOND_ACCIDENT = 5
_SPARSE, _SOME = (32, 512), 1000


@dataclass(frozen=True)
class Nearest:
    """For each item its nearest training item.

    Attributes:
        distances: to the nearest training item (d1), and to the nearest one outside that one's unit (d2).
        indices: row of the nearest training item.
        seconds: row of the nearest one outside that one's unit.
        units: the first row of the nearest one's unit, which names the unit.
    """

    distances: Float[np.ndarray, "items 2"]
    indices: Int[np.ndarray, " items"]
    seconds: Int[np.ndarray, " items"]
    units: Int[np.ndarray, " items"]

    @staticmethod
    def over_variants(found: list["Nearest"]) -> "Nearest":
        """One for all variants of the training items: d1 is the least of theirs, d2 the least to any other unit."""
        distances, indices, seconds, units = (
            np.array([getattr(one, field.name) for one in found]) for field in fields(Nearest)
        )
        best, items = np.argmin(distances[..., 0], axis=0), np.arange(distances.shape[1])
        unit = units[best, items]
        # The second is the first of another variant, where that is another unit.
        same = units == unit
        others, rows = np.where(same, distances[..., 1], distances[..., 0]), np.where(same, seconds, indices)
        other = np.argmin(others, axis=0)
        both = np.stack([distances[best, items, 0], others[other, items]], axis=1)
        return Nearest(both, indices[best, items], rows[other, items], unit)


class TrainingIndex:
    """Nearest neighbours among the distinct items of a training set.

    Args:
        train: shape ``(n_train, *event)``, possibly a memory map.
        first: for each item the row of its first identical item; repeats are passed over.
        rng: chooses the sparse subset.
        progress: show bars.
        search: in place of ``nearest_neighbours``, of which it gives the same answers.

    Attributes:
        distinct: rows of the items that repeat no earlier one.
        spacing: typical distance between neighbours that are different items.
        gap: how lonely a unit must be.
        dimension: intrinsic dimension of the sparse subset; None where it cannot be estimated.
    """

    def __init__(
        self,
        train: Array,
        first: Int[np.ndarray, " n_train"],
        rng: np.random.Generator,
        *,
        progress: bool = False,
        search: NeighbourSearch = nearest_neighbours,
    ) -> None:
        self.train, self.first, self.progress, self._search = train, first, progress, search
        repeated = first != np.arange(len(first))
        self.distinct = np.flatnonzero(~repeated)
        self._ignore = repeated if repeated.any() else None
        self.gap, self.spacing, self.dimension = _SMALLEST_GAP, 0.0, None
        size = int(np.clip(np.sqrt(len(self.distinct)), *_SPARSE))
        order = rng.permutation(self.distinct)
        self._some, sparse = np.sort(order[:_SOME]), train[np.sort(order[:size])]
        if len(sparse) > 1:
            within = nearest_neighbours(sparse, sparse, min(10, len(sparse) - 1), exclude=np.arange(len(sparse)))
            # By the median: clumps must not lower it.
            self.dimension = intrinsic_dimension(within.distances, average=np.median)
            dimension = self.dimension or np.inf
            self.gap = max(_SMALLEST_GAP, _BY_ACCIDENT ** (-1 / dimension))
            thinned = (len(sparse) / len(self.distinct)) ** (1 / dimension)
            self.spacing = float(np.median(within.distances[:, 0])) * thinned

    def transformed(self, train: Array) -> "TrainingIndex":
        """The same items under a transformation, shape ``(n_train, *event)``: spacing and gap stay."""
        other = copy(self)
        other.train = train
        return other

    def nearest(self, items: Array) -> Nearest:
        """The nearest training items of items from elsewhere."""
        return self._nearest(items, None, alone=True)

    def left_out(self, rows: Int[np.ndarray, " items"], items: Array | None = None, *, with_unit: bool) -> Nearest:
        """The nearest other training items of the training items ``rows``, each left out in its turn.

        Args:
            rows: of the training set.
            items: what they are, if the index is of transformed items.
            with_unit: whether an item is left out together with its repeats and near-duplicates. If not, it may meet
                its own twin.
        """
        own = self.first[rows]
        twins = np.bincount(self.first, minlength=len(self.first))[own] > 1
        exclude = own if with_unit else np.where(twins, -1, own)
        alone = not (with_unit and self.has_near_duplicates)
        return self._nearest(self.train[rows] if items is None else items, exclude, alone=alone)

    @property
    def clump(self) -> float:
        """The radius that a unit stays below: a third of the typical distance between neighbours."""
        return self.spacing / _SMALLEST_GAP

    @property
    def has_near_duplicates(self) -> bool:
        """Whether more training items have near-duplicates than accident explains."""
        return float(np.mean(self.unit_radius(self.lists) >= 0)) > _BEYOND_ACCIDENT * _BY_ACCIDENT

    @property
    def n_units(self) -> int:
        """How many units the training set has, by the sizes of those that some of its items are in."""
        sizes = 1 + np.sum(self.lists <= self.unit_radius(self.lists)[:, None], axis=1)
        return max(1, round(len(self.distinct) * float(np.mean(1 / sizes))))

    @property
    def neighbour_distance(self) -> float:
        """The typical distance of a training item to its nearest neighbour in another unit."""
        own = self.unit_radius(self.lists)[:, None]
        return float(np.median(np.min(np.where(self.lists > own, self.lists, np.inf), axis=1)))

    @cached_property
    def lists(self) -> Float[np.ndarray, "some k"]:
        """Distances from up to a thousand distinct training items to their nearest others, in ascending order."""
        return self.neighbours(self.train[self._some], _LIST_LENGTHS[1], leave_out=self._some).distances

    def are_near_duplicates(self, found: Nearest) -> Bool[np.ndarray, " items"]:
        """Which items from elsewhere would be in the unit of their nearest training item."""
        first, second = found.distances.T
        return np.asarray((first < self.clump) & (self.gap * first < second))

    def neighbours(self, items: Array, k: int, leave_out: Int[np.ndarray, " items"] | None = None) -> Neighbours:
        """The k nearest distinct training items of each item; of ``leave_out`` each item passes over one row."""
        exclude = None if leave_out is None else self.first[leave_out]
        k = min(k, len(self.distinct) - (exclude is not None))
        return self._search(items, self.train, k, ignore=self._ignore, exclude=exclude, progress=self.progress)

    def _nearest(self, items: Array, exclude: Int[np.ndarray, " items"] | None, *, alone: bool) -> Nearest:
        """By lists that grow until they reach beyond the nearest one's unit; ``alone`` if no own unit is left out."""
        n = len(items)
        distances, rows = np.empty((n, 2)), np.empty((3, n), dtype=np.int64)
        waiting = np.arange(n)
        n_others = len(self.distinct) - (exclude is not None)
        for k in (min(length, n_others) for length in _LIST_LENGTHS):
            skipped = None if exclude is None else exclude[waiting]
            some = items if len(waiting) == n else items[waiting]
            found = self._search(some, self.train, k, ignore=self._ignore, exclude=skipped, progress=self.progress)
            lists, crowded = _Lists(found.distances, found.indices), np.zeros(len(waiting), dtype=bool)
            if not alone:
                lists, crowded = self._without_own_unit(lists)
            around = self._around_first(lists)
            read, reaches = self._read(lists, around)
            done = reaches & ~crowded if k < min(_LIST_LENGTHS[-1], n_others) else np.ones(len(waiting), dtype=bool)
            place = waiting[done]
            distances[place] = read.distances[done]
            rows[:, place] = read.indices[done], read.seconds[done], read.units[done]
            waiting = waiting[~done]
            if not len(waiting):
                break
        return Nearest(distances, *rows)

    def _without_own_unit(self, lists: "_Lists") -> tuple["_Lists", Bool[np.ndarray, " items"]]:
        """Lists of training items around themselves, less their own units; and which are too short for that."""
        own = self.unit_radius(lists.distances)
        gone = lists.distances <= own[:, None]
        crowded = gone.sum(axis=1) > gone.shape[1] - 2  # at least two neighbours must stay
        gone[crowded] = False
        order = np.argsort(gone, axis=1, kind="stable")
        distances = np.where(gone, np.inf, lists.distances)
        return _Lists(*(np.take_along_axis(each, order, axis=1) for each in (distances, lists.indices))), crowded

    def _read(
        self, lists: "_Lists", around: Float[np.ndarray, "items k"]
    ) -> tuple[Nearest, Bool[np.ndarray, " items"]]:
        """d1, d2 and the unit from lists and the distances of their members from the first; and which reach beyond."""
        inside = around <= self.unit_radius(np.sort(around[:, 1:], axis=1))[:, None]
        inside[:, 0] = True
        # Nothing beyond the unit: the last is taken for the second.
        inside[inside.all(axis=1), -1] = False
        second = np.argmax(~inside, axis=1)
        unit = np.min(np.where(inside, lists.indices, np.iinfo(np.int64).max), axis=1)
        reaches = np.max(np.where(np.isinf(around), 0, around), axis=1) >= self.clump
        items = np.arange(len(second))
        distances = np.stack([lists.distances[:, 0], lists.distances[items, second]], axis=1)
        return Nearest(distances, lists.indices[:, 0], lists.indices[items, second], unit), reaches

    def unit_radius(self, others: Float[np.ndarray, "items k"]) -> Float[np.ndarray, " items"]:
        """The radius of the unit around an item, by the distances of others, ascending; −1 where it is alone."""
        if others.shape[1] < 2:
            return np.full(len(others), -1.0)
        radius, beyond = others[:, :-1], others[:, 1:]
        lonely = (radius < self.clump) & (self.gap * radius < beyond) & np.isfinite(beyond)
        return np.asarray(np.max(np.where(lonely, radius, -1.0), axis=1))

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
