"""The two distances that every rule reads: to the nearest training item, and to the nearest one that is *another* item.

Training sets repeat themselves. Beside a near-duplicate pair d1/d2 is close to one even for an exact copy, so d2 is
taken across clusters: those neighbours of a sample that lie less than a third as far from its nearest training item x₁
as all its other neighbours count as x₁ itself. (The third is the distance ratio's own: such items are to the training
set what a copy is to a sample.) Without near-duplicates d2 is the distance to the second nearest.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mnemoscope.data.arrays import Array
from mnemoscope.neighbours import nearest_neighbours

LARGEST_CLUSTER = 5
_GAP = 3.0
_ROWS = 256


@dataclass(frozen=True)
class Nearest:
    """For each item its nearest training item.

    Attributes:
        distances: to the nearest training item (d1), and to the nearest one outside that one's cluster (d2).
        indices: row of the nearest training item.
    """

    distances: Float[np.ndarray, "items 2"]
    indices: Int[np.ndarray, " items"]


class TrainingIndex:
    """Nearest neighbours among the distinct items of a training set.

    Args:
        train: shape ``(n_train, *event)``, possibly a memory map.
        repeated: items that repeat an earlier one exactly, and are passed over.
        progress: show bars.
    """

    def __init__(self, train: Array, repeated: Bool[np.ndarray, " n_train"], progress: bool) -> None:
        self.train, self.progress = train, progress
        self.distinct = np.flatnonzero(~repeated)
        self._ignore = repeated if repeated.any() else None

    def nearest(self, items: Array) -> Nearest:
        """The nearest training items of items from elsewhere."""
        return self._nearest(items, None)

    def nearest_other(self, rows: Int[np.ndarray, " items"]) -> Nearest:
        """The nearest other training items of the training items ``rows``."""
        return self._nearest(self.train[rows], rows)

    def distances_within(self, rows: Int[np.ndarray, " items"], k: int) -> Float[np.ndarray, "items k"]:
        """Distances of the training items ``rows`` to their k nearest others."""
        found = nearest_neighbours(self.train[rows], self.train, k, ignore=self._ignore, exclude=rows)
        return found.distances

    def _nearest(self, items: Array, exclude: Int[np.ndarray, " items"] | None) -> Nearest:
        k = min(LARGEST_CLUSTER + 1, len(self.distinct) - (exclude is not None))
        found = nearest_neighbours(items, self.train, k, ignore=self._ignore, exclude=exclude, progress=self.progress)
        second = _beyond_cluster(found.distances, self._distances_from_first(found.indices))
        return Nearest(np.stack([found.distances[:, 0], second], axis=1), found.indices[:, 0])

    def _distances_from_first(self, indices: Int[np.ndarray, "items k"]) -> Float[np.ndarray, "items k"]:
        parts = []
        for start in range(0, len(indices), _ROWS):
            rows = indices[start : start + _ROWS]
            items = self.train[rows.ravel()].reshape(*rows.shape, -1).astype(np.float64)
            parts.append(np.linalg.norm(items - items[:, :1], axis=2))
        return np.concatenate(parts)


def _beyond_cluster(
    distances: Float[np.ndarray, "items k"], from_first: Float[np.ndarray, "items k"]
) -> Float[np.ndarray, " items"]:
    """d2: the sample's distance to its first neighbour outside the largest cluster around its nearest."""
    radius = np.maximum.accumulate(from_first, axis=1)[:, :-1]
    gap = np.minimum.accumulate(from_first[:, ::-1], axis=1)[:, ::-1][:, 1:]
    apart = _GAP * radius < gap
    apart[:, 0] = True  # the nearest item alone is always a cluster
    size = apart.shape[1] - 1 - np.argmax(apart[:, ::-1], axis=1)
    return np.asarray(distances[np.arange(len(distances)), size + 1])
