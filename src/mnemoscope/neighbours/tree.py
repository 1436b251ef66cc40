"""Candidates from a k-d tree: scipy's, for data of few values an item that fit into memory.

In the plane a tree looks at few of the points, where the streamed pass looks at all of them; in more than about eight
dimensions it looks at nearly all of them too, and slowly. Its distances are in double precision: a point that is no
candidate lies no nearer than the last one, up to rounding.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from mnemoscope.data.arrays import CHUNK_BYTES, ArrayLike, row_chunks

MOST_DIMENSIONS = 8
"""By measurement: 2,000 queries in 30,000 and 300,000 points take 0.7 and 0.8 of the streamed pass at d = 8, and 1.7 of
it at d = 10."""

_MOST_BYTES = 16 * CHUNK_BYTES


class KDTree:
    """The tree of the eligible rows of a data set.

    Args:
        data: shape ``(n_samples, *event)``.
        ignore: shape ``(n_samples,)``; rows that are passed over for every query.
    """

    SLACKS = 2, 16
    """Candidates beyond the k sought: at first, and for the queries that this leaves in doubt."""

    @staticmethod
    def suits(data: ArrayLike) -> bool:
        """Whether a tree is the faster way, and fits into memory."""
        dim = int(np.prod(data.shape[1:]))
        return 1 <= dim <= MOST_DIMENSIONS and 8 * dim * data.shape[0] <= _MOST_BYTES

    def __init__(self, data: ArrayLike, ignore: NDArray[np.bool_] | None) -> None:
        rows = torch.cat([part for _, part in row_chunks(data)]).numpy()
        self._rows = np.arange(len(rows)) if ignore is None else np.flatnonzero(~ignore)
        # A power of two, which rounds nothing, keeps squares from overflow.
        largest = float(np.abs(rows).max())
        self._scale = 2.0 ** np.ceil(np.log2(largest)) if largest > 0 else 1.0
        # A median as in a balanced tree costs more than it saves.
        self._tree = cKDTree(rows[self._rows] / self._scale, balanced_tree=False)

    def candidates(
        self, queries: Float[Tensor, "queries dim"], exclude: Int[Tensor, " queries"] | None, n: int
    ) -> tuple[Int[Tensor, "queries n"], Float[Tensor, " queries"]]:
        """The n nearest rows of each query, −1 for none, and the squared distance below which none can be missing."""
        distances, found = self._tree.query(queries.numpy() / self._scale, n, workers=torch.get_num_threads())
        distances, found = distances.reshape(len(queries), n), found.reshape(len(queries), n)
        rows = np.where(found < len(self._rows), self._rows[np.minimum(found, len(self._rows) - 1)], -1)
        if exclude is not None:
            rows = np.where(rows == exclude.numpy()[:, None], -1, rows)
        # The squares are sums of so many rounded terms; what is not finite was no point.
        rounding = 4 * (queries.shape[1] + 4) * np.finfo(np.float64).eps
        certain = (distances[:, -1] * self._scale) ** 2 * (1 - rounding)
        return torch.from_numpy(rows), torch.from_numpy(certain)
