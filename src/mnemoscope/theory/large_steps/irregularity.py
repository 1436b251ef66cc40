"""Irregularity: the weighted total variation of a score's derivative (Wu et al. 2025, section 3).

    TV_π(s) = ∫ |s''(y)| π(y) dy,   π(y) = E_{ξ ~ N(0, σ²)} min{π⁺(y − ξ), π⁻(y − ξ)} on [μx_1, μx_n], else 0

With U uniform on the data, π⁻(y) = P(μU < y)² E[y − μU | μU < y] and π⁺ its mirror image: at k points to the left
π⁻ = (k/n)² (y − their mean), a line between neighbours. The minimum is therefore linear between the data and the one
place where the two cross, and its Gaussian mean is a sum of normal moments: π is exact. For a ReLU network s'' is a sum
of point masses at the kinks, and TV_π a sum over kinks.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.theory.large_steps.noised import NoisedPoints
from mnemoscope.theory.large_steps.quadrature import Function, integrate, panel_edges
from mnemoscope.theory.large_steps.relu import Neurons, check_neurons


def weight(points: NoisedPoints, y: Float[Tensor, "*points"]) -> Float[Tensor, "*points"]:
    """π(y), exact."""
    left, right, slope, level = _pieces(points)
    low, high = ((ends - y[..., None]) / points.sigma for ends in (left, right))
    mass = torch.special.ndtr(high) - torch.special.ndtr(low)
    drop = (torch.exp(-(high**2) / 2) - torch.exp(-(low**2) / 2)) / math.sqrt(2 * math.pi)
    mean = ((slope * y[..., None] + level) * mass - slope * points.sigma * drop).sum(-1)
    inside = (y >= points.mu * points.x[0]) & (y <= points.mu * points.x[-1])
    return torch.where(inside, mean.clamp(min=0), 0.0)


def _pieces(points: NoisedPoints) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ends, slopes and intercepts of min{π⁺, π⁻} between neighbours, cut where the two lines cross."""
    centres, n = points.mu * points.x, points.n_samples
    k = torch.arange(1, n, dtype=torch.float64, device="cpu")
    below = centres.cumsum(0)[:-1]
    above = centres.sum() - below
    rising = (k / n) ** 2, -k * below / n**2
    falling = -(((n - k) / n) ** 2), (n - k) * above / n**2
    cut = (falling[1] - rising[1]) / (rising[0] - falling[0])
    cut = torch.minimum(torch.maximum(cut, centres[:-1]), centres[1:])
    left, right = torch.cat([centres[:-1], cut]), torch.cat([cut, centres[1:]])
    slope, level = (torch.cat([rise, fall]) for rise, fall in zip(rising, falling, strict=True))
    return left, right, slope, level


def smooth_irregularity(points: NoisedPoints, curvature: Function | None = None) -> float:
    """TV_π of a smooth function with second derivative ``curvature``; of s* if left out.

    Panels end at the sign changes of the curvature, found by bisection, so that ``|s''|`` is smooth on each.
    """
    curved = points.curvature if curvature is None else curvature
    edges = panel_edges(points)
    low, high = float(points.mu * points.x[0]), float(points.mu * points.x[-1])
    edges = edges[(edges >= low) & (edges <= high)]
    # Sixteen looks at every panel: a pair of roots within one sixteenth of a panel would be taken for none.
    fine = torch.lerp(
        edges[:-1, None], edges[1:, None], torch.linspace(0, 1, 17, dtype=torch.float64, device="cpu")[:-1]
    )
    grid = torch.cat([fine.flatten(), edges[-1:]])
    values = curved(grid)
    changes = values[1:] * values[:-1] < 0
    left, right, sign = grid[:-1][changes], grid[1:][changes], values[:-1][changes].sign()
    for _ in range(60):
        middle = (left + right) / 2
        same = curved(middle) * sign > 0
        left, right = torch.where(same, middle, left), torch.where(same, right, middle)
    parts = torch.cat([edges, left]).sort().values
    return float(integrate(lambda y: curved(y).abs() * weight(points, y), parts))


def relu_irregularity(points: NoisedPoints, neurons: Neurons) -> float:
    """TV_π of one ReLU network, exact: the sum of ``|jump of the slope|`` π(kink) over distinct kinks.

    Raises:
        InputError: weights that are not finite, or an inner weight of zero.
    """
    check_neurons(neurons)
    neurons = neurons.double()
    jumps = neurons.outer * neurons.inner.abs() / neurons.inner.shape[-1]
    kinks, which = torch.unique(neurons.kinks, return_inverse=True)
    total = torch.zeros_like(kinks).index_add(0, which, jumps)
    return float((total.abs() * weight(points, kinks)).sum())
