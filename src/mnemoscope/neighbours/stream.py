"""Candidates from one pass over the data in single precision, whose cost is that of the matrix product X Yᵀ.

With further columns one product gives ‖y‖² − 2x·y less its own rounding error, for each pair a lower bound of
‖x − y‖² − ‖x‖² (``Rounding``). Of each block of rows only the least bound of every 128 is looked at; where it is below
what may still matter to a query, those 128 are merged into the query's list. A row matters while its bound is below
the k-th of the list by more than rounding explains, or while the list has room.

Rows are centred, which keeps norms and so the rounding small, and scaled, which keeps squares from overflow; neither
needs to be exact, so both come from some of the rows.

Sums over more than a few thousand columns are taken part by part: their rounding grows with the length of a part and
the number of parts, not with the number of columns, so that the bounds of large pictures tell their candidates apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from mnemoscope.data.arrays import CHUNK_BYTES, ArrayLike, check_finite, row_chunks
from mnemoscope.neighbours.rounding import SMALLEST, UNIT, gamma
from mnemoscope.torch_state import full_precision

_GROUP = 128
_BLOCK_ROWS = 1024
"""So many rows and their products stay in the cache."""

_PART = 4096
"""Columns whose products are summed at once."""

_SOME = 1024
_LARGEST = 1e15
"""Norms beyond it are not trusted to single precision."""

_NARROW = {"bool", "uint8", "int8", "uint16", "int16", "float16", "bfloat16", "float32"}
"""Number formats whose values single precision holds as they are."""


@dataclass(frozen=True)
class Rounding:
    """How far ‖y‖² − 2x·y, as a product of dim + 2 terms in single precision, may be from ‖x − y‖² − ‖x‖².

    A sum that is taken in parts is off by γ of the terms of a part and the number of parts. So the product is off by at
    most γ (2‖x‖‖y‖ + ‖y‖²), and the norm in it by γ ‖y‖²; rounding x and y to single precision adds a few
    u (‖x‖ + ‖y‖)². That is ``cross`` ‖x‖‖y‖ + ``own`` ‖y‖² + ``query`` ‖x‖², and what underflows.
    """

    dim: int

    @property
    def _gamma(self) -> float:
        terms = gamma(min(self.dim, _PART) + -(-self.dim // _PART) + 1)
        return terms * (1 + 2 * terms)  # the bound is a term of the product itself

    @property
    def cross(self) -> float:
        """Of ‖x‖‖y‖."""
        return 2 * self._gamma + 16 * UNIT

    @property
    def own(self) -> float:
        """Of ‖y‖²."""
        return 2 * self._gamma + 8 * UNIT

    @property
    def query(self) -> float:
        """Of ‖x‖²."""
        return 8 * UNIT

    def of(self, x: Float[Tensor, " queries"], largest: float) -> Float[Tensor, " queries"]:
        """The whole of it, by the norms ‖x‖ and the largest ‖y‖."""
        underflow = 4 * (self.dim + 2) * SMALLEST
        return self.cross * x * largest + self.own * largest**2 + self.query * x**2 + underflow


class Stream:
    """The rows of a data set, read block by block.

    Args:
        data: shape ``(n_samples, *event)``.
        ignore: shape ``(n_samples,)``; rows that are passed over for every query.
        k: how many neighbours are sought.
        device: where products are taken.
    """

    SLACKS = (16,)
    """Candidates beyond the k sought."""

    def __init__(self, data: ArrayLike, ignore: NDArray[np.bool_] | None, k: int, device: torch.device) -> None:
        self.data, self.k, self.device = data, k, device
        self.ignore = None if ignore is None else torch.from_numpy(ignore).to(device)
        self.dim = int(np.prod(data.shape[1:]))
        self.rounding = Rounding(self.dim)
        n_some = max(1, min(_SOME, CHUNK_BYTES // (8 * self.dim)))
        chosen = np.unique(np.linspace(0, data.shape[0] - 1, n_some).astype(np.int64))
        (_, some) = next(row_chunks(data[chosen], rows=len(chosen)))
        self._narrow = str(data.dtype).removeprefix("torch.") in _NARROW
        self.centre = some.mean(dim=0)
        if self._narrow:
            self.centre = self.centre.float().double()
        spread = float((some - self.centre).abs().max())
        self.scale = 2.0 ** np.ceil(np.log2(spread)) if 0 < spread < np.inf else 1.0

    def candidates(
        self, queries: Float[Tensor, "queries dim"], exclude: Int[Tensor, " queries"] | None, n: int
    ) -> tuple[Int[Tensor, "queries n"], Float[Tensor, " queries"]]:
        """Up to n rows of each query, −1 for none, and the squared distance below which none can be missing."""
        with full_precision(self.device):
            return self._candidates(queries, exclude, n)

    def _candidates(self, queries: Tensor, exclude: Tensor | None, n: int) -> tuple[Tensor, Tensor]:
        x = torch.stack([((query - self.centre) / self.scale).float() for query in queries])
        norms = torch.stack([torch.linalg.vector_norm(query.double()) for query in x])
        trusted = norms < _LARGEST
        x[~trusted], norms[~trusted] = 0, 0
        columns = (-2 * x, torch.ones_like(x[:, :1]), (-self.rounding.cross * norms[:, None]).float())
        left = torch.cat(columns, dim=1).to(self.device)
        size, group = self._block_rows(len(x))
        lists = _Lists(len(x), n, self.k, self.device)
        products, minima = left.new_empty(len(x), size), left.new_empty(len(x), size // group)
        for where, right, largest in self._blocks(size, group):
            if len(right) < size:  # the last one
                products, minima = left.new_empty(len(x), len(right)), left.new_empty(len(x), len(right) // group)
            _multiply(left, right, products)
            if exclude is not None:
                inside = ((exclude >= where.start) & (exclude < where.stop)).nonzero()[:, 0]
                products[inside.to(self.device), (exclude[inside] - where.start).to(self.device)] = torch.inf
            groups = products.view(len(x), -1, group)
            torch.amin(groups, dim=2, out=minima)
            lists.merge(groups, minima, where.start, 2 * self.rounding.of(norms, largest))
        rows, certain = lists.finish()
        certain = certain + norms**2 - self.rounding.of(norms, 0.0)
        return rows, torch.where(trusted, certain * self.scale**2, -torch.inf)

    def _blocks(self, size: int, group: int) -> Iterator[tuple[slice, Tensor, float]]:
        """Rows with further columns, and the largest norm so far; what is no row has an infinite bound."""
        largest = 0.0
        buffer = torch.empty(size, self.dim + 2, dtype=torch.float32, device=self.device)
        for where, raw in row_chunks(self.data, size, *self._stored_as):
            n = len(raw)
            block = buffer[: -(-n // group) * group]
            block[n:] = 0
            rows, bounds = block[:n, : self.dim], block[:, self.dim]
            if self._narrow:
                torch.sub(raw, self.centre.float().to(raw.device), out=rows)
                rows.div_(self.scale)
            else:
                rows.copy_((raw - self.centre).div_(self.scale))
            squared = torch.stack([torch.linalg.vecdot(rows[:, part], rows[:, part]) for part in _parts(self.dim)]).sum(
                0
            )
            beyond = None
            if not float(squared.max()) < _LARGEST**2:
                check_finite(self.data, "data")
                beyond = ~(squared < _LARGEST**2)
                rows[beyond], squared[beyond] = 0, 0
            largest = max(largest, float(squared.max()) ** 0.5)
            block[:n, self.dim + 1] = squared.sqrt()
            bounds[:n] = squared.mul_(1 - self.rounding.own)
            if beyond is not None:
                bounds[:n][beyond] = -torch.inf
            if self.ignore is not None:
                bounds[:n][self.ignore[where]] = torch.inf
            bounds[n:] = torch.inf
            yield where, block, largest

    @property
    def _stored_as(self) -> tuple[torch.dtype, torch.device]:
        """Number format and device in which rows are centred."""
        return (torch.float32, self.device) if self._narrow else (torch.float64, torch.device("cpu"))

    def _block_rows(self, n_queries: int) -> tuple[int, int]:
        """How many rows a block has, and each of its groups: whole groups."""
        most = _BLOCK_ROWS if self.device.type == "cpu" else CHUNK_BYTES // (4 * n_queries)
        rows = max(1, min(CHUNK_BYTES // (self._stored_as[0].itemsize * self.dim), most, self.data.shape[0]))
        group = min(_GROUP, rows)
        return rows // group * group, group


def _parts(dim: int) -> list[slice]:
    """Of the columns, those whose products are summed at once; the further columns go with the last of them."""
    return [slice(start, min(start + _PART, dim)) for start in range(0, max(1, dim), _PART)]


def _multiply(left: Tensor, right: Tensor, products: Tensor) -> None:
    """The products of all columns, part by part."""
    first, *others = _parts(left.shape[1] - 2)
    if not others:
        torch.mm(left, right.mT, out=products)
        return
    torch.mm(left[:, first], right[:, first].mT, out=products)
    for part in others[:-1]:
        products.addmm_(left[:, part], right[:, part].mT)
    products.addmm_(left[:, others[-1].start :], right[:, others[-1].start :].mT)


class _Lists:
    """For each query the n rows of the least bounds so far, in ascending order."""

    def __init__(self, n_queries: int, n: int, k: int, device: torch.device) -> None:
        self.n, self.k = n, k
        self.bounds = torch.full((n_queries, n), torch.inf, dtype=torch.float32, device=device)
        self.rows = torch.full((n_queries, n), -1, dtype=torch.int64, device=device)
        self.limit = self.bounds[:, -1].clone()
        """What is not below it does not matter."""
        self.certain = self.limit.clone()

    def merge(self, groups: Tensor, minima: Tensor, start: int, margin: Tensor) -> None:
        """Take in a block's groups of bounds, the most promising first, as long as they matter.

        Args:
            groups: shape ``(queries, groups, rows)``.
            minima: of each group; overwritten.
            start: the number of the block's first row.
            margin: by how much a bound may be above the k-th and still matter.
        """
        margin = margin.to(self.bounds)
        columns = torch.arange(groups.shape[2], device=groups.device)
        waiting = (minima.amin(dim=1) < self.limit).nonzero()[:, 0]
        while len(waiting):
            group = minima[waiting].argmin(dim=1)
            minima[waiting, group] = torch.inf
            bounds = torch.cat([self.bounds[waiting], groups[waiting, group]], dim=1)
            rows = torch.cat([self.rows[waiting], start + len(columns) * group[:, None] + columns], dim=1)
            bounds, order = torch.topk(bounds, self.n, dim=1, largest=False)
            limit = torch.minimum(bounds[:, -1], bounds[:, self.k - 1] + margin[waiting])
            limit = torch.minimum(limit, self.limit[waiting])  # the margin grows with the largest norm
            self.bounds[waiting], self.limit[waiting] = bounds, limit
            self.rows[waiting] = rows.gather(1, order)
            waiting = waiting[minima[waiting].amin(dim=1) < limit]
        # What was left alone is not below the limit as it is now.
        self.certain = torch.minimum(self.certain, self.limit)

    def finish(self) -> tuple[Tensor, Tensor]:
        """The rows that may be among the k nearest, −1 for none, and the bound that no other is below."""
        none = (self.bounds > self.limit[:, None]) | self.bounds.isposinf()
        return self.rows.masked_fill(none, -1).cpu(), torch.minimum(self.certain, self.limit).cpu().double()
