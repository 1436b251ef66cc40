"""Approximate nearest neighbours, only where they are asked for, and with the recall that they had.

Faiss's inverted file (``faiss-ivf``; Jégou, Douze and Schmid 2011): rows lie in cells around the centres of k-means,
and a query looks into the nearest of them only. There rows stand in 8 bits a value; what is found by these is ranked by
distances in double precision, as in the exact search. So a distance is exact, and what is approximate is that a
neighbour may be missed. How many are is measured: some queries of each search are also searched exactly.
"""

import weakref
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from mnemoscope.data.arrays import Array, row_chunks
from mnemoscope.extras import optional
from mnemoscope.neighbours.exact import exact_distances, rank
from mnemoscope.neighbours.knn import Neighbours, nearest_neighbours
from mnemoscope.reading import check_memory

FAISS_IVF: Literal["faiss-ivf"] = "faiss-ivf"

FEWEST_ROWS = 10_000
"""Fewer rows are searched exactly: there is nothing to gain."""

_CHECKED = 100
_SLACK = 16
_CELLS, _ROWS_A_CELL, _LOOKED_AT = 4, 64, 16


@dataclass(frozen=True)
class Recall:
    """How much of the exact answer was found, of queries that were searched in both ways.

    Attributes:
        queries: how many there were.
        nearest: of how many the nearest row was found, or one as near.
        neighbours: how many neighbours they have together.
        found: how many of these were found.
    """

    queries: int = 0
    nearest: int = 0
    neighbours: int = 0
    found: int = 0

    def to_dict(self) -> dict[str, Any]:
        """For reports."""
        shares = {"recall_nearest": self.nearest / max(1, self.queries), "recall": self.found / max(1, self.neighbours)}
        return {"method": FAISS_IVF, "queries": self.queries, **shares}


class ApproximateSearch:
    """``nearest_neighbours`` that may miss some; small sets are searched exactly.

    Raises:
        MissingExtraError: faiss is not installed.
    """

    def __init__(self) -> None:
        self._faiss = optional("faiss", "faiss")
        self._faiss.omp_set_num_threads(torch.get_num_threads())
        self._indices: dict[int, tuple[weakref.ref[Array], NDArray[np.bool_] | None, Any]] = {}
        self.recall = Recall()

    def __call__(
        self,
        queries: Array,
        data: Array,
        k: int,
        *,
        ignore: NDArray[np.bool_] | None = None,
        exclude: NDArray[np.int64] | None = None,
        progress: bool = False,
    ) -> Neighbours:
        """As ``nearest_neighbours`` says, but for what is missed."""
        if len(data) < FEWEST_ROWS:
            return nearest_neighbours(queries, data, k, ignore=ignore, exclude=exclude, progress=progress)
        # First, since it refuses what cannot be searched.
        some = np.unique(np.linspace(0, len(queries) - 1, _CHECKED).astype(np.int64))
        out = None if exclude is None else exclude[some]
        exact = nearest_neighbours(queries[some], data, k, ignore=ignore, exclude=out, progress=progress)
        index = self._index(data, ignore)
        parts = []
        for where, rows in row_chunks(queries, dtype=torch.float32):
            _, candidates = index.search(np.ascontiguousarray(rows.numpy()), k + _SLACK)
            if exclude is not None:
                candidates[candidates == exclude[where][:, None]] = -1
            (_, some_queries) = next(row_chunks(queries[where], rows=len(rows)))
            numbers = torch.from_numpy(candidates)
            parts.append(rank(exact_distances(some_queries, data, numbers), numbers, k))
        found = Neighbours(*(torch.cat(each).numpy() for each in zip(*parts, strict=True)))
        short = np.flatnonzero((found.indices < 0).any(axis=1))
        if len(short):  # the cells that were looked at hold too few
            out = None if exclude is None else exclude[short]
            whole = nearest_neighbours(queries[short], data, k, ignore=ignore, exclude=out)
            found.distances[short], found.indices[short] = whole.distances, whole.indices
        self._count(found.distances[some], exact.distances)
        return found

    def _index(self, data: Array, ignore: NDArray[np.bool_] | None) -> Any:
        """The inverted file of these rows, made once as long as they live."""
        reference, ignored, index = self._indices.get(id(data), (None, None, None))
        same = reference is not None and reference() is data
        alike = ignored is ignore or (ignored is not None and ignore is not None and np.array_equal(ignored, ignore))
        if same and alike:
            return index
        n, dim = len(data), int(np.prod(data.shape[1:]))
        check_memory("the index of an approximate search", n * (dim + 8))
        n_cells = int(_CELLS * n**0.5)
        index = self._faiss.IndexIVFScalarQuantizer(
            self._faiss.IndexFlatL2(dim), dim, n_cells, self._faiss.ScalarQuantizer.QT_8bit, self._faiss.METRIC_L2
        )
        index.nprobe = max(1, n_cells // _LOOKED_AT)
        rows = np.unique(np.linspace(0, n - 1, min(n, _ROWS_A_CELL * n_cells)).astype(np.int64))
        (_, some) = next(row_chunks(data[rows], rows=len(rows), dtype=torch.float32))
        index.train(np.ascontiguousarray(some.numpy()))
        for where, chunk in row_chunks(data, dtype=torch.float32):
            numbers = np.arange(where.start, where.stop)
            kept = np.ones(len(numbers), bool) if ignore is None else ~ignore[where]
            if kept.any():
                index.add_with_ids(np.ascontiguousarray(chunk.numpy()[kept]), numbers[kept])
        self._indices = {id(data): (weakref.ref(data), ignore, index)}  # one at a time: they are large
        return index

    def _count(self, found: Array, exact: Array) -> None:
        """By distances: of rows as near as each other any will do."""
        nearest = int((found[:, 0] <= exact[:, 0]).sum())
        of_them = int((found <= exact[:, -1:]).sum())
        before = self.recall
        self.recall = Recall(
            before.queries + len(found),
            before.nearest + nearest,
            before.neighbours + exact.size,
            before.found + of_them,
        )
