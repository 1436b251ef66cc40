"""Tiled l2: two pictures are as far apart as their farthest tiles (Carlini et al. 2023).

A plain distance calls pictures near that share a large even background. Cut both into a 4 × 4 grid of tiles t with n_t
values each, and take

    max_t √( Σ_{i in t} (x_i − y_i)² / n_t ) / (width of the value range),

which is at least the root-mean-square difference of the whole pictures. The nearest training item in this distance may
be another than the nearest one in plain distance, so it has a search of its own: products in double precision name four
candidates, and their distances are computed from differences.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mnemoscope.auditing.measures.around import left_out_rows
from mnemoscope.auditing.measures.base import Geometry, Measure, Search
from mnemoscope.data.arrays import CHUNK_BYTES, Array, row_chunks
from mnemoscope.data.images import image_layout
from mnemoscope.errors import InputError

_QUERY_BLOCK = 1024
_CANDIDATES = 4


@dataclass(frozen=True)
class TiledDistance(Measure):
    """Largest root-mean-square difference of a tile to the nearest training picture, as a share of the value range.

    Carlini et al. (2023) call distances of up to 0.15 copies, on pictures with values in [0, 1].

    Raises:
        InputError: a threshold that is not positive, or a grid of less than one tile.
    """

    threshold: float = 0.1
    grid: int = 4

    name: ClassVar[str] = "tiled-l2"
    scale_free: ClassVar[bool] = False
    limits: ClassVar[str] = (
        "tiled-l2: works on pictures only; depends on the scale and contrast of the data; does not see flipped, "
        "shifted, cropped or blurred copies, unless they are searched for, nor copies with one changed tile"
    )

    def __post_init__(self) -> None:
        if not self.threshold > 0:
            raise InputError(f"tiled-l2: the threshold must be positive, got {self.threshold}")
        if self.grid < 1:
            raise InputError(f"tiled-l2: the grid must have at least 1 tile a side, got {self.grid}")

    def scores(self, search: Search) -> Float[np.ndarray, " items"]:
        """The tiled distance to the nearest training picture.

        Raises:
            InputError: items that are no pictures, or smaller than the grid.
        """
        tiles = _Tiles(search.index.train.shape[1:], self.grid)
        skip = left_out_rows(search)
        ignore = torch.from_numpy(search.index.first != np.arange(len(search.index.first)))
        found = _nearest(search.items, search.index.train, tiles, ignore, skip)
        # Where an item left out may meet its own twin, it has met it.
        found = np.where(search.nearest.distances[:, 0] == 0, 0.0, found)
        span = search.geometry.span
        return np.asarray(found / span if span > 0 else np.where(found > 0, np.inf, 0.0))

    def rule(self, geometry: Geometry) -> str:  # noqa: ARG002
        """The rule in words."""
        return (
            f"root-mean-square difference to the nearest training picture < {self.threshold:.3g} of the value range in "
            f"every tile of a {self.grid} × {self.grid} grid"
        )


class _Tiles:
    """Which values of a flattened picture lie in which tile; tiles of a side differ by one pixel at most."""

    def __init__(self, event_shape: tuple[int, ...], grid: int) -> None:
        layout = image_layout(event_shape)
        if layout is None:
            raise InputError(f"tiled-l2: items of shape {event_shape} are no pictures")
        height, width = event_shape[layout.index("H")], event_shape[layout.index("W")]
        if min(height, width) < grid:
            raise InputError(
                f"tiled-l2: pictures of {height}×{width} pixels cannot be cut into a grid of {grid}×{grid}"
            )
        rows, columns = (np.arange(side) * grid // side for side in (height, width))
        pixels = rows[:, None] * grid + columns[None, :]
        channels = {"HW": pixels, "CHW": pixels[None], "HWC": pixels[:, :, None]}[layout]
        tile = np.broadcast_to(channels, event_shape).ravel()
        self.order = torch.from_numpy(np.argsort(tile, kind="stable"))
        self.sizes = np.bincount(tile).tolist()

    def split(self, rows: Float[Tensor, "... dim"]) -> tuple[Tensor, ...]:
        """One tensor ``(..., values)`` a tile."""
        return torch.split(rows[..., self.order], self.sizes, dim=-1)


def _nearest(
    items: Array,
    train: Array,
    tiles: _Tiles,
    ignore: Tensor,
    skip: tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]],
) -> Float[np.ndarray, " items"]:
    """The least tiled distance of each item to a training picture, in the data's own units."""
    _, centre = next(row_chunks(train[:1]))
    found = []
    for start in range(0, len(items), _QUERY_BLOCK):
        _, block = next(row_chunks(items[start : start + _QUERY_BLOCK], rows=_QUERY_BLOCK))
        mine = (skip[0] >= start) & (skip[0] < start + len(block))
        pairs = torch.from_numpy(skip[0][mine] - start), torch.from_numpy(skip[1][mine])
        candidates = _candidates(block - centre, train, centre, tiles, ignore, pairs)
        found.append(_exact(block, train, candidates, tiles))
    return torch.cat(found).numpy()


def _candidates(
    queries: Tensor, train: Array, centre: Tensor, tiles: _Tiles, ignore: Tensor, skip: tuple[Tensor, Tensor]
) -> Int[Tensor, "queries candidates"]:
    """Rows of the training pictures that are nearest up to rounding; −1 where there are fewer."""
    x = [(part, (part**2).sum(dim=1, keepdim=True)) for part in tiles.split(queries)]
    best = torch.full((len(queries), _CANDIDATES), torch.inf, dtype=torch.float64, device="cpu")
    rows = torch.full((len(queries), _CANDIDATES), -1, dtype=torch.int64, device="cpu")
    limit = max(_CANDIDATES, CHUNK_BYTES // (8 * max(len(queries), queries.shape[1])))
    for where, chunk in row_chunks(train, limit):
        farthest = torch.full((len(queries), len(chunk)), -torch.inf, dtype=torch.float64, device="cpu")
        for (part, norms), other in zip(x, tiles.split(chunk - centre), strict=True):
            squared = torch.addmm((other**2).sum(dim=1)[None, :], part, other.mT, alpha=-2).add_(norms)
            torch.maximum(farthest, squared.div_(part.shape[1]), out=farthest)
        farthest[:, ignore[where]] = torch.inf
        inside = (skip[1] >= where.start) & (skip[1] < where.stop)
        farthest[skip[0][inside], skip[1][inside] - where.start] = torch.inf
        numbers = torch.arange(where.start, where.stop, device="cpu").expand(len(queries), -1)
        best, order = torch.topk(torch.cat([best, farthest], dim=1), _CANDIDATES, dim=1, largest=False)
        rows = torch.cat([rows, numbers], dim=1).gather(1, order)
    return rows.masked_fill(best.isinf(), -1)


def _exact(queries: Tensor, train: Array, candidates: Tensor, tiles: _Tiles) -> Float[Tensor, " queries"]:
    """The least tiled distance to a candidate, from differences."""
    wanted, place = torch.unique(candidates.clamp(min=0), return_inverse=True)
    least = torch.full((len(queries),), torch.inf, dtype=torch.float64, device="cpu")
    others = torch.cat([rows for _, rows in row_chunks(train[wanted.numpy()])])
    for column in range(candidates.shape[1]):
        parts = tiles.split(others[place[:, column]] - queries)
        distance = torch.stack([(part**2).mean(dim=1) for part in parts]).amax(dim=0).sqrt()
        least = torch.minimum(least, distance.masked_fill(candidates[:, column] < 0, torch.inf))
    return least
