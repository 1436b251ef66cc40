"""Expectations over the noised data in one dimension, by Gauss–Legendre panels and by Monte Carlo.

The empirical risk of a score and its excess over the optimal one (Wu et al. 2025, section 2),

    R_n(s) = (1/n) Σ_i E (s(Y) + (Y − μx_i)/σ²)²
    R_n(s) − R_n(s*) = E_p (s(Y) − s*(Y))²,   R_n(s*) = (μ²/σ⁴) E Var[W | Y]

are integrals of functions that vary on the scale σ around the data and σ²/(μ gap) around mid-points, where the
posterior changes from one point to the next. Panels are graded towards both, and end at every kink that is given,
so that 16 nodes for each reach rounding error.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.theory.large_steps.noised import NoisedPoints

Function: TypeAlias = Callable[[Tensor], Tensor]
"""A function of y, elementwise."""

TAIL = 9.0
"""Beyond so many σ from all data the mixture has a mass below 1e-18."""

_NODES, _WEIGHTS = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(16))
_NEAR_DATA = torch.arange(-2 * TAIL, 2 * TAIL + 1, dtype=torch.float64, device="cpu") / 2
_NEAR_MIDPOINT = torch.tensor([0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48], dtype=torch.float64, device="cpu")


class Estimate(NamedTuple):
    """A Monte Carlo mean and its standard error."""

    value: float
    standard_error: float


def panel_edges(points: NoisedPoints, kinks: Tensor | None = None) -> Float[Tensor, " edges"]:
    """Where panels end: graded around data and mid-points, and at every finite kink inside."""
    centres = points.mu * torch.unique(points.x)
    edges = [(centres[:, None] + points.sigma * _NEAR_DATA).flatten()]
    gaps = centres.diff()[:, None]
    offsets = _NEAR_MIDPOINT * points.sigma**2 / gaps
    middle = (centres[1:, None] + centres[:-1, None]) / 2
    inside = offsets < gaps / 2
    edges += [(middle + offsets)[inside], (middle - offsets)[inside]]
    low, high = float(edges[0].min()), float(edges[0].max())
    if kinks is not None:
        finite = kinks.detach().double().flatten()
        edges.append(finite[(finite > low) & (finite < high)])
    # A panel as wide as σ may still be too wide where many points share it.
    widest = points.sigma / 2
    ordered = torch.unique(torch.cat(edges))
    ordered = ordered[torch.cat([torch.ones(1, dtype=torch.bool, device="cpu"), ordered.diff() > 1e-13 * (high - low)])]
    nearest = (ordered[:-1, None] - centres).abs().amin(1)
    pieces = torch.where(nearest < TAIL * points.sigma, (ordered.diff() / widest).ceil(), 1.0).long()
    first = (pieces.cumsum(0) - pieces).repeat_interleave(pieces)
    place = torch.arange(len(first), device="cpu") - first
    share = place.float() / pieces.repeat_interleave(pieces).float()
    cut = torch.lerp(ordered[:-1].repeat_interleave(pieces), ordered[1:].repeat_interleave(pieces), share.double())
    return torch.cat([cut, ordered[-1:]])


def integrate(function: Function, edges: Float[Tensor, " edges"]) -> Tensor:
    """∫ function(y) dy over the panels between ``edges``."""
    half = edges.diff()[:, None] / 2
    y = edges[:-1, None] + half * (1 + _NODES)
    return (function(y) * half * _WEIGHTS).sum()


def expectation(points: NoisedPoints, function: Function, kinks: Tensor | None = None) -> float:
    """E_p f(Y) of a function that is smooth between its ``kinks``."""
    return float(integrate(lambda y: function(y) * points.log_density(y).exp(), panel_edges(points, kinks)))


def optimal_risk(points: NoisedPoints) -> float:
    """R_n(s*)."""
    return points.mu**2 / points.sigma**4 * expectation(points, lambda y: points.moments(y)[1])


def excess_risk(points: NoisedPoints, score: Function, kinks: Tensor | None = None) -> float:
    """R_n(s) − R_n(s*) of any score, to about 1e-10 of its size if smooth between its ``kinks``."""
    return expectation(points, lambda y: (score(y) - points.score(y)) ** 2, kinks)


def risk(points: NoisedPoints, score: Function, kinks: Tensor | None = None) -> float:
    """R_n(s) by quadrature."""
    return excess_risk(points, score, kinks) + optimal_risk(points)


def monte_carlo_risk(
    points: NoisedPoints, score: Function, n_draws: int, generator: torch.Generator, *, excess: bool = False
) -> Estimate:
    """R_n(s), or its excess over the optimum, from independent draws of (X, ξ).

    Raises:
        InputError: fewer than 2 draws.
    """
    if n_draws < 2:
        raise InputError(f"n_draws: must be at least 2, got {n_draws}")
    x = points.x[torch.randint(points.n_samples, (n_draws,), generator=generator, device="cpu")]
    noise = torch.randn(n_draws, generator=generator, dtype=torch.float64, device="cpu")
    y = points.mu * x + points.sigma * noise
    target = points.score(y) if excess else -noise / points.sigma
    losses = (score(y) - target) ** 2
    return Estimate(float(losses.mean()), float(losses.std()) / math.sqrt(n_draws))
