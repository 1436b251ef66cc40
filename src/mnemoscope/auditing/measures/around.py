"""Distances to more than the nearest: what sets the scale for scores that are ratios.

Where the items of a search are training items left out, whatever was left out with one (its near-duplicates) is nearer
to it than its d1. So what is nearer than d1 is passed over, and the lists are asked for with some to spare.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from mnemoscope.auditing.measures.base import Search
from mnemoscope.data.arrays import CHUNK_BYTES

_SPARE = 32
_ROUNDING = 1e-9


def around_items(search: Search, k: int) -> Float[np.ndarray, "items k_found"]:
    """Distances from each item to its k nearest training items, ascending; infinity where there are fewer."""
    found = search.index.neighbours(search.items, k + _spare(search), search.left_out).distances
    if search.left_out is not None:
        found = np.where(found < _own(search), np.inf, found)
    return np.sort(found, axis=1)[:, :k]


def around_nearest(search: Search, k: int) -> Float[np.ndarray, "items k_found"]:
    """Distances from each item's nearest training item to the k nearest other ones, ascending; infinity for none."""
    rows, place = np.unique(search.nearest.indices, return_inverse=True)
    found = search.index.neighbours(search.index.train[rows], k + _spare(search), rows)
    distances = found.distances[place]
    if search.left_out is not None:
        distances = np.where(_left_out_with(search, found.indices[place]), np.inf, distances)
    return np.sort(distances, axis=1)[:, :k]


def left_out_rows(search: Search) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Pairs of an item and a training row that was left out with it: none for items from elsewhere."""
    if search.left_out is None:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    own = search.index.first[search.left_out]
    found = search.index.neighbours(search.items, _SPARE, search.left_out)
    items, places = np.nonzero(found.distances < _own(search))
    return np.concatenate([np.arange(len(own)), items]), np.concatenate([own, found.indices[items, places]])


def ratio(distance: Float[np.ndarray, " items"], scale: Float[np.ndarray, " items"]) -> Float[np.ndarray, " items"]:
    """distance/scale; zero for an exact copy, whatever the scale, and infinity where nothing sets a scale."""
    copied = distance == 0
    known = np.isfinite(scale) & (scale > 0) & ~copied
    return np.asarray(np.divide(distance, scale, out=np.where(copied, 0.0, np.inf), where=known))


def _spare(search: Search) -> int:
    return 0 if search.left_out is None else _SPARE


def _own(search: Search) -> Float[np.ndarray, "items 1"]:
    """Nearer than this is only what was left out with the item."""
    return np.asarray(search.nearest.distances[:, :1] * (1 - _ROUNDING))


def _left_out_with(search: Search, rows: Int[np.ndarray, "items k"]) -> Bool[np.ndarray, "items k"]:
    n, k = rows.shape
    gone = np.empty((n, k), dtype=bool)
    items, own = search.items.reshape(n, 1, -1), _own(search)
    step = max(1, CHUNK_BYTES // (8 * k * items.shape[2]))
    for start in range(0, n, step):
        where = slice(start, start + step)
        others = search.index.train[rows[where].ravel()].reshape(-1, k, items.shape[2])
        gone[where] = np.linalg.norm(others.astype(np.float64) - items[where], axis=2) < own[where]
    return gone
