"""What a model that had memorized perfectly would answer, had it been trained on an item or on another in its place.

The exact denoiser of the training set T at a noised training item x_i is that of a perfect memorizer. Its counterpart
at a held-out item z is the exact denoiser of T with one item replaced, T − x_j + z. Had z been drawn for training and
x_j been held out, the two would change places: while the model knows nothing of which were trained on, the distances
of its denoiser to these two are exchangeable within the pair.

The noised items do not change from one look to the next, so all this is computed once; it is streamed over the training
set in double precision.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mnemoscope.data.arrays import CHUNK_BYTES
from mnemoscope.scores.posterior import logits
from mnemoscope.scores.training_points import WeightedPoints


class Replaced(NamedTuple):
    """One training item each, replaced by another: its row, and what stands in its place, flat."""

    rows: Int[Tensor, " batch"]
    items: Float[Tensor, "batch dim"]


def perfect_denoiser(
    points: WeightedPoints, x: Float[Tensor, "batch dim"], alpha: float, sigma: float, replaced: Replaced
) -> Float[Tensor, "batch dim"]:
    """E[x_0 | x_t = x] under the training set in which one item is replaced, another one for each x.

    Args:
        points: the training set.
        x: flat, in double precision.
        alpha: α.
        sigma: σ, positive.
        replaced: for each x; a training item replaced by itself leaves the training set as it is.
    """
    block = max(1, CHUNK_BYTES // (8 * points.n_samples))
    parts = zip(*(torch.split(each, block) for each in (x, *replaced)), strict=True)
    return torch.cat([_block(points, part, alpha, sigma, Replaced(rows, items)) for part, rows, items in parts])


def _block(points: WeightedPoints, x: Tensor, alpha: float, sigma: float, replaced: Replaced) -> Tensor:
    a, s = (torch.full((len(x), 1), value, dtype=torch.float64, device=x.device) for value in (alpha, sigma))
    every = torch.cat([logits(points, where, rows, x, a, s) for where, rows in points.chunks()], dim=1)
    own = points.log_weight(slice(0, 1)) - (x - alpha * replaced.items).square().sum(dim=1) / (2 * sigma**2)
    here = torch.arange(len(x), device=x.device)
    every[here, replaced.rows] = own
    weights = torch.softmax(every, dim=1)
    mine = weights[here, replaced.rows, None].clone()
    weights[here, replaced.rows] = 0
    others = sum((weights[:, where] @ rows for where, rows in points.chunks()), torch.zeros_like(x))
    return others + mine * replaced.items
