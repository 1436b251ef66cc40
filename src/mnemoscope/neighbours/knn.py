"""Exact k-nearest neighbours in two passes, with a certificate.

The fast pass (``stream``) reads the data in single precision, ‖x − y‖² ≈ ‖x‖² − 2x·y + ‖y‖², and keeps up to k + slack
candidates for each query. That expansion cancels: between identical 8-bit images it can be off by 0.09 of the range. So
the second pass recomputes the candidates' distances in double precision from the differences x − y, and ranks these.

What makes the answer exact and not merely accurate is the certificate. The expansion's error is bounded by standard
rounding analysis, so the fast pass can say how far at least a point lies that is no candidate. Where the k-th
re-ranked distance is below that, no point can have been missed. Queries for which it is not, such as those amid many
duplicates, are computed once more in double precision throughout.

In few dimensions the candidates come from a k-d tree (``tree``) in place of the fast pass; all else is the same. Its
distances are exact, so that two spare candidates do, the excluded one and the next; amid ties it is asked for more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from mnemoscope.choose import check_whole
from mnemoscope.data.arrays import CHUNK_BYTES, ArrayLike, as_array, as_items, check_finite, row_chunks
from mnemoscope.errors import InputError
from mnemoscope.neighbours.exact import exact_distances, lengths, rank
from mnemoscope.neighbours.stream import Stream
from mnemoscope.neighbours.tree import KDTree
from mnemoscope.progress import track
from mnemoscope.torch_state import usable_device

_QUERY_BLOCK = 2048
_QUERY_CHUNKS = 4
"""A block of queries is also no larger than so many chunks: large pictures are few at a time."""


@dataclass(frozen=True)
class Neighbours:
    """The k nearest data points of each query, nearest first; ties in the order of their index.

    Attributes:
        distances: Euclidean, float64.
        indices: rows of the data.
    """

    distances: Float[np.ndarray, "queries k"]
    indices: Int[np.ndarray, "queries k"]


def nearest_neighbours(
    queries: ArrayLike,
    data: ArrayLike,
    k: int,
    *,
    ignore: NDArray[np.bool_] | None = None,
    exclude: NDArray[np.int64] | None = None,
    device: torch.device | str = "cpu",
    progress: bool = False,
) -> Neighbours:
    """Find the k nearest rows of ``data`` for each query in Euclidean distance, exactly.

    Args:
        queries: shape ``(queries, *event)``, any real dtype.
        data: shape ``(n_samples, *event)``, any real dtype; read in chunks, so a memory map is fine.
        k: number of neighbours.
        ignore: shape ``(n_samples,)``; rows of the data that are passed over for every query.
        exclude: shape ``(queries,)``; for each query one row of the data that is passed over (itself, when the
            queries were taken from the data), −1 for none.
        device: where the fast pass runs, in blocks: ``cpu``, ``cuda``, ``mps``. The answer is the same everywhere.
        progress: show a bar over blocks of queries.

    Raises:
        InputError: no items of real numbers, NaN or Inf, different event shapes, fewer than k eligible rows, or a
            device that cannot be used here.
    """
    place = usable_device(device)
    queries, data = as_items(queries, "queries"), as_items(data, "data")
    if queries.shape[1:] != data.shape[1:]:
        raise InputError(
            f"queries and data differ in event shape: {tuple(queries.shape[1:])} and {tuple(data.shape[1:])}"
        )
    n_samples = data.shape[0]
    ignore = None if ignore is None else _one_for_each(ignore, n_samples, "ignore", "b")
    exclude = None if exclude is None else _one_for_each(exclude, queries.shape[0], "exclude", "iu")
    if exclude is not None and not bool(((exclude >= -1) & (exclude < n_samples)).all()):
        raise InputError(f"exclude: rows of the data are from 0 to {n_samples - 1}, and -1 for none")
    n_eligible = data.shape[0] - (0 if ignore is None else int(ignore.sum())) - (exclude is not None)
    k = check_whole(k, "k", -math.inf)
    if not 1 <= k <= n_eligible:
        raise InputError(f"k must lie between 1 and the number of eligible data points, {n_eligible}; got k={k}")

    search = _Search(data, k, ignore, place)
    size = max(1, min(_QUERY_BLOCK, _QUERY_CHUNKS * CHUNK_BYTES // (8 * search.dim)))
    blocks = list(range(0, queries.shape[0], size))
    found = []
    for start in track(blocks, "nearest neighbours", enabled=progress):
        stop = start + size
        (_, block) = next(row_chunks(queries[start:stop], rows=size))
        if not bool(torch.isfinite(block).all()):
            check_finite(queries, "queries")
        skipped = None if exclude is None else torch.from_numpy(exclude[start:stop])
        found.append(search.run(block, skipped))
    distances, indices = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
    return Neighbours(distances, indices)


def _one_for_each(values: NDArray[Any], n: int, name: str, kinds: str) -> NDArray[Any]:
    array = as_array(values, name)
    if array.shape != (n,) or array.dtype.kind not in kinds:
        what = "booleans" if kinds == "b" else "whole numbers"
        raise InputError(f"{name}: needs {what} of shape ({n},), got {array.dtype} of shape {array.shape}")
    return array if kinds == "b" else array.astype(np.int64)


class _Search:
    """The two passes over one data set. Everything here works on flattened rows; results are on the CPU."""

    def __init__(self, data: ArrayLike, k: int, ignore: NDArray[np.bool_] | None, device: torch.device) -> None:
        self.data, self.k, self.dim = data, k, int(np.prod(data.shape[1:]))
        self.ignore = None if ignore is None else torch.from_numpy(ignore)
        self.first: KDTree | Stream
        if device.type == "cpu" and KDTree.suits(data):
            check_finite(data, "data")
            self.first = KDTree(data, ignore)
        else:
            self.first = Stream(data, ignore, k, device)

    def run(
        self, queries: Tensor, exclude: Tensor | None, slacks: Sequence[int] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Distances and indices for one block of queries in double precision."""
        slack, *larger = slacks or self.first.SLACKS
        n_candidates = min(self.k + slack, self.data.shape[0])
        candidates, certain_below = self.first.candidates(queries, exclude, n_candidates)
        distances, indices = rank(exact_distances(queries, self.data, candidates), candidates, self.k)
        # At equality a missed point could tie with the k-th and have a smaller index.
        doubtful = ~(distances[:, -1] < certain_below.sqrt())
        if bool(doubtful.any()):
            again = queries[doubtful], None if exclude is None else exclude[doubtful]
            distances[doubtful], indices[doubtful] = self.run(*again, larger) if larger else self._slow_pass(*again)
        return distances, indices

    def _slow_pass(self, queries: Tensor, exclude: Tensor | None) -> tuple[Tensor, Tensor]:
        """All distances from differences in double precision: no certificate needed."""
        best = torch.full((len(queries), self.k), torch.inf, dtype=torch.float64, device="cpu")
        indices = torch.full((len(queries), self.k), -1, dtype=torch.int64, device="cpu")
        for where, rows in row_chunks(self.data, self._chunk_rows(len(queries))):
            distances = torch.stack([lengths(rows - query) for query in queries])
            self._pass_over(distances, where, exclude)
            numbers = torch.arange(where.start, where.stop, device="cpu").expand(len(queries), -1)
            both = torch.cat([best, distances], dim=1), torch.cat([indices, numbers], dim=1)
            best, indices = rank(*both, self.k)
        return best, indices

    def _pass_over(self, distances: Tensor, where: slice, exclude: Tensor | None) -> None:
        if self.ignore is not None:
            distances[:, self.ignore[where]] = torch.inf
        if exclude is not None:
            inside = ((exclude >= where.start) & (exclude < where.stop)).nonzero()[:, 0]
            distances[inside, exclude[inside] - where.start] = torch.inf

    def _chunk_rows(self, n_queries: int) -> int:
        return max(1, min(CHUNK_BYTES // (8 * self.dim), 2 * CHUNK_BYTES // (8 * n_queries)))
