"""Exact k-nearest neighbours in two passes, with a certificate.

The fast pass streams the data in single precision, ‖x − y‖² ≈ ‖x‖² − 2x·y + ‖y‖², and keeps k + slack candidates
for each query. That expansion cancels: between identical 8-bit images it can be off by 0.09 of the range. So the
second pass recomputes the candidates' distances in double precision from the differences x − y, and ranks these.

What makes the answer exact and not merely accurate is the certificate. The expansion's error is at most δ (standard
rounding analysis, below), so a point that is no candidate lies further than (worst candidate's fast value) − δ. Where
the k-th re-ranked distance is below that, no point can have been missed. Queries for which it is not, such as those
amid many duplicates, are computed once more in double precision throughout.

In few dimensions the candidates come from a k-d tree (``tree``) in place of the fast pass; all else is the same.
"""

import math
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
from mnemoscope.neighbours.rounding import UNIT, gamma
from mnemoscope.neighbours.tree import KDTree
from mnemoscope.progress import track
from mnemoscope.torch_state import double_device, full_precision, usable_device

_SLACK = 16
_QUERY_BLOCK = 2048


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
    blocks = list(range(0, queries.shape[0], _QUERY_BLOCK))
    found = []
    for start in track(blocks, "nearest neighbours", enabled=progress):
        stop = start + _QUERY_BLOCK
        (_, block) = next(row_chunks(queries[start:stop], rows=_QUERY_BLOCK))
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
        self.data, self.k, self.device = data, k, device
        self.ignore = None if ignore is None else torch.from_numpy(ignore)
        self.tree = None
        if self.device.type == "cpu" and KDTree.suits(data):
            check_finite(data, "data")
            self.tree = KDTree(data, ignore)
            return
        # Centring keeps the norms, and so the rounding error, small; scaling keeps them away from overflow.
        total = torch.zeros(int(np.prod(data.shape[1:])), dtype=torch.float64, device="cpu")
        self.scale = 0.0
        for _, rows in row_chunks(data):
            total += rows.sum(dim=0)
            self.scale = max(self.scale, float(rows.abs().max()))
        if not bool(torch.isfinite(total).all()):
            check_finite(data, "data")
        self.centre = total / data.shape[0]
        self.scale = 2.0 ** np.ceil(np.log2(self.scale)) if self.scale > 0 else 1.0

    def run(self, queries: Tensor, exclude: Tensor | None) -> tuple[Tensor, Tensor]:
        """Distances and indices for one block of queries in double precision."""
        n_candidates = min(self.k + _SLACK, self.data.shape[0])
        first = self._fast_pass if self.tree is None else self.tree.candidates
        candidates, certain_below = first(queries, exclude, n_candidates)
        squared, indices = self._rank(self._exact_squared(queries, candidates), candidates)
        # At equality a missed point could tie with the k-th and have a smaller index.
        doubtful = squared[:, -1] >= certain_below
        if bool(doubtful.any()):
            again = None if exclude is None else exclude[doubtful]
            squared[doubtful], indices[doubtful] = self._slow_pass(queries[doubtful], again)
        return squared.sqrt(), indices

    def _fast_pass(self, queries: Tensor, exclude: Tensor | None, n_candidates: int) -> tuple[Tensor, Tensor]:
        """Candidates by single-precision distance, and the squared distance below which none can be missing."""
        x = self._single(queries)
        x_norms = _squared_norms(x)
        largest = torch.zeros((), dtype=torch.float64, device="cpu")
        best = torch.full((len(x), n_candidates), torch.inf, dtype=torch.float32, device=self.device)
        indices = torch.zeros((len(x), n_candidates), dtype=torch.int64, device=self.device)
        for where, rows in row_chunks(self.data, self._chunk_rows(len(x))):
            y = self._single(rows)
            y_norms = _squared_norms(y)
            largest = torch.maximum(largest, y_norms.max().cpu())
            # ‖x‖² is the same for all y: it is added to the few that are kept.
            with full_precision(self.device):
                partial = torch.addmm(y_norms.float().to(self.device)[None, :], x, y.mT, alpha=-2)
            self._pass_over(partial, where, exclude)
            nearest, columns = torch.topk(partial, min(n_candidates, len(y)), dim=1, largest=False)
            best, order = torch.topk(torch.cat([best, nearest], dim=1), n_candidates, dim=1, largest=False)
            indices = torch.cat([indices, columns + where.start], dim=1).gather(1, order)
        if n_candidates == self.data.shape[0]:
            certain = torch.full((len(x),), torch.inf, dtype=torch.float64, device="cpu")
        else:
            worst = best[:, -1].cpu().double() + x_norms.cpu()
            certain = worst - _expansion_error(x.shape[1], x_norms.cpu(), largest)
        # A slot that was never filled (ignored or excluded rows) points at no row.
        return torch.where(best.isinf(), -1, indices).cpu(), certain * self.scale**2

    def _slow_pass(self, queries: Tensor, exclude: Tensor | None) -> tuple[Tensor, Tensor]:
        """All distances from differences in double precision: no certificate needed."""
        best = torch.full((len(queries), self.k), torch.inf, dtype=torch.float64, device="cpu")
        indices = torch.full((len(queries), self.k), -1, dtype=torch.int64, device="cpu")
        for where, rows in row_chunks(self.data, self._chunk_rows(len(queries))):
            squared = torch.stack([((rows - query) ** 2).sum(dim=1) for query in queries])
            self._pass_over(squared, where, exclude)
            numbers = torch.arange(where.start, where.stop, device="cpu").expand(len(queries), -1)
            best, indices = self._rank(torch.cat([best, squared], dim=1), torch.cat([indices, numbers], dim=1))
        return best, indices

    def _exact_squared(self, queries: Tensor, candidates: Tensor) -> Tensor:
        """Squared distances in double precision, from differences; infinity at candidate −1."""
        squared = torch.full(candidates.shape, torch.inf, dtype=torch.float64, device="cpu")
        step = max(1, CHUNK_BYTES // (8 * candidates.shape[1] * queries.shape[1]))
        for start in range(0, len(queries), step):
            part = candidates[start : start + step]
            # Read in the order on disk, each row once.
            wanted, place = torch.unique(part.clamp(min=0), return_inverse=True)
            rows = torch.cat([r for _, r in row_chunks(self.data[wanted.numpy()])])
            difference = rows[place] - queries[start : start + step, None, :]
            squared[start : start + step] = (difference**2).sum(dim=2)
        return squared.masked_fill(candidates < 0, torch.inf)

    def _rank(self, squared: Tensor, indices: Tensor) -> tuple[Tensor, Tensor]:
        """The k smallest, ties by index: a stable sort by index first, then by distance."""
        by_index = torch.argsort(indices, dim=1, stable=True)
        order = by_index.gather(1, torch.argsort(squared.gather(1, by_index), dim=1, stable=True))[:, : self.k]
        return squared.gather(1, order), indices.gather(1, order)

    def _pass_over(self, squared: Tensor, where: slice, exclude: Tensor | None) -> None:
        if self.ignore is not None:
            squared[:, self.ignore[where].to(squared.device)] = torch.inf
        if exclude is not None:
            inside = ((exclude >= where.start) & (exclude < where.stop)).nonzero()[:, 0]
            squared[inside.to(squared.device), (exclude[inside] - where.start).to(squared.device)] = torch.inf

    def _single(self, rows: Tensor) -> Tensor:
        return (rows - self.centre).div_(self.scale).to(device=self.device, dtype=torch.float32)

    def _chunk_rows(self, n_queries: int) -> int:
        dim = int(np.prod(self.data.shape[1:]))
        return max(1, min(CHUNK_BYTES // (8 * dim), 2 * CHUNK_BYTES // (8 * n_queries)))


def _squared_norms(rows: Tensor) -> Tensor:
    """In double precision, on the CPU where the rows' device has none."""
    norms: Tensor = torch.linalg.vector_norm(rows.to(double_device(rows.device)), dim=1, dtype=torch.float64)
    return norms**2


def _expansion_error(dim: int, x_norms: Tensor, largest: Tensor) -> Tensor:
    """Largest error of ‖x‖² − 2x·y + ‖y‖² in single precision over all y with ‖y‖² ≤ ``largest``.

    The dot product is off by at most γ_d ‖x‖‖y‖. Rounding x and y to single precision, the norms and the two
    additions add a few u more.
    """
    product = torch.sqrt(x_norms * largest)
    return 2 * gamma(dim) * product + 8 * UNIT * (x_norms + 2 * product + largest)
