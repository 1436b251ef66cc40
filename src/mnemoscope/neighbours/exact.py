"""Distances of pairs in double precision, from the differences, and their order: what every search ends with."""

import numpy as np
import torch
from torch import Tensor

from mnemoscope.data.arrays import CHUNK_BYTES, ArrayLike, row_chunks

_PAIR_BYTES = 2**21
"""So many bytes of differences stay in the cache."""


def exact_distances(queries: Tensor, data: ArrayLike, candidates: Tensor) -> Tensor:
    """Of each query, a row of doubles, to its candidates among the rows of the data; infinity at candidate −1.

    The data are read in the order on disk, each row once a chunk, however many queries it is a candidate of.
    """
    distances = torch.full(candidates.shape, torch.inf, dtype=torch.float64, device="cpu")
    query, place = (candidates >= 0).nonzero().unbind(dim=1)
    numbers, order = torch.sort(candidates[query, place], stable=True)
    query, place = query[order], place[order]
    dim = queries.shape[1]
    for start in range(0, len(query), step := max(1, CHUNK_BYTES // (8 * dim))):
        wanted, row = torch.unique(numbers[start : start + step], return_inverse=True)
        (_, rows) = next(row_chunks(data[wanted.numpy()], rows=len(wanted)))
        for first in range(0, len(row), few := max(1, _PAIR_BYTES // (8 * dim))):
            pairs = slice(start + first, min(start + first + few, start + len(row)))
            apart = lengths(rows[row[first : first + few]] - queries[query[pairs]])
            distances[query[pairs], place[pairs]] = apart
    return distances


def rank(distances: Tensor, indices: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k smallest, ties by index: a stable sort by index first, then by distance."""
    by_index = torch.argsort(indices, dim=1, stable=True)
    order = by_index.gather(1, torch.argsort(distances.gather(1, by_index), dim=1, stable=True))[:, :k]
    return distances.gather(1, order), indices.gather(1, order)


def lengths(rows: Tensor) -> Tensor:
    """Row by row in one order of summation, so that equal rows have equal lengths, whatever their company."""
    values = rows.numpy()
    if len(values) == 1:  # which NumPy would sum in parts, as it does no row among others
        values = np.broadcast_to(values, (2, values.shape[1]))
    return torch.from_numpy(np.sqrt(np.einsum("ij,ij->i", values, values))[: len(rows)])
