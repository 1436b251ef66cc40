"""The law of x_0 given x_t when x_0 is drawn from weighted points: w_i(x, t) ∝ π_i exp(−‖x − α x_i‖²/2σ²).

Streamed over the points in double precision with a running log-sum-exp, so nothing of size queries × n_samples is
held and nothing over- or underflows at any noise level. The reference for ``single_precision``, and differentiable.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mnemoscope.scores.training_points import WeightedPoints

_QUERY_BLOCK = 1024


@dataclass(frozen=True)
class Posterior:
    """Moments of the posterior weights, in double precision.

    Attributes:
        residual: α Σ_i w_i x_i − x, shape ``(batch, dim)``.
        log_likelihood: log Σ_i π_i exp(−‖x − α x_i‖²/2σ²), shape ``(batch,)``.
    """

    residual: Tensor
    log_likelihood: Tensor


def logits(points: WeightedPoints, where: slice, rows: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """Log π_i − ‖x − α x_i‖²/2σ² of one chunk of points, shape ``(batch, rows)``; all in double precision."""
    x, rows = x - alpha * points.centre, rows - points.centre
    squared = (x**2).sum(1, keepdim=True) - 2 * alpha * (x @ rows.mT) + alpha**2 * (rows**2).sum(1)
    return points.log_weight(where) - squared / (2 * sigma**2)


def posterior(points: WeightedPoints, x: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Posterior, Tensor]:
    """Moments and entropy (in nats, shape ``(batch,)``) of the posterior at flat double-precision queries.

    Args:
        points: the training set.
        x: shape ``(batch, dim)``.
        alpha: shape ``(batch, 1)``.
        sigma: shape ``(batch, 1)``, positive.
    """
    blocks = [
        _stream(points, *block)
        for block in zip(*(torch.split(c, _QUERY_BLOCK) for c in (x, alpha, sigma)), strict=True)
    ]
    residual, log_likelihood, entropy = (torch.cat(parts) for parts in zip(*blocks, strict=True))
    return Posterior(residual, log_likelihood), entropy


def _stream(points: WeightedPoints, x: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    lowest = torch.finfo(x.dtype).min
    peak = torch.full((len(x), 1), lowest, dtype=x.dtype, device=x.device)
    total, first, mean = torch.zeros_like(peak), torch.zeros_like(peak), torch.zeros_like(x)
    for where, rows in points.chunks():
        # A weight of zero has the logit −∞: clamped, it is as good as that and makes no NaN.
        chunk = logits(points, where, rows, x, alpha, sigma).clamp(min=lowest)
        new_peak = torch.maximum(peak, chunk.amax(1, keepdim=True))
        above, rescale = chunk - new_peak, torch.exp(peak - new_peak)
        weights = torch.exp(above)
        # Σ w (l − peak) moves with the peak; below −1000 the factor is zero, and an infinite step would make a NaN.
        step = (peak - new_peak).clamp(min=-1000)
        first = rescale * (first + step * total) + (weights * above).sum(1, keepdim=True)
        total = total * rescale + weights.sum(1, keepdim=True)
        mean = mean * rescale + weights @ (rows - points.centre)
        peak = new_peak
    entropy = total.log() - first / total
    residual = alpha * (mean / total) - (x - alpha * points.centre)
    return residual, (peak + total.log())[:, 0], entropy[:, 0].clamp(min=0)
