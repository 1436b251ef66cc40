"""Every theorem on one configuration: how far it is from being violated.

The data have n points whose smallest gap is a given multiple of σ/μ, the others up to twice as wide. The networks have
inner weights ±1: one as drawn, one after some steps of exact descent, and the interpolant of s*, slightly disturbed,
which has the low risk that Prop. 7 asks for. A law's margin is bound/measured for an upper bound and measured/bound for
a lower one, the smallest of all places or networks; below 1 it is violated, NaN where no condition is met.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mnemoscope.mean_field import TwoLayerBatch
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.sweeps import Result
from mnemoscope.theory.large_steps import (
    Bound,
    Neurons,
    NoisedPoints,
    excess_risk_bound,
    full_batch_descent,
    interpolate,
    learned_irregularity_bound,
    midpoint_variance_bound,
    optimal_irregularity_bound,
    optimal_risk,
    optimal_risk_bound,
    posterior_mean_bound,
    posterior_variance_bound,
    relu_irregularity,
    relu_risk,
    smooth_irregularity,
    stable_irregularity_bound,
)

if TYPE_CHECKING:
    from mnemoscope.studies.large_steps.trials import Experiment

LAWS = {
    "midpoint": "Prop. 2, variance at mid-points",
    "mean": "Prop. 2, posterior mean near the data",
    "variance": "Prop. 2, posterior variance near the data",
    "optimal_risk": "Cor. 3, risk of the optimal score",
    "optimal_irregularity": "Thm. 4, irregularity of the optimal score",
    "stable_irregularity": "Prop. 6, irregularity by sharpness and risk",
    "learned_irregularity": "Prop. 7, irregularity of every score of low risk",
    "excess_risk": "Thm. 8, excess risk where a large step is stable",
}
"""A law's name → what it says."""

ROUNDING = 1e-13
"""Relative to the extent of the data: what double precision cannot tell from zero."""

_DESCENT_STEPS = 60


def result(trial: "Experiment") -> Result:
    """The margin of every law and the number of places or networks that it was checked at."""
    generator = torch.Generator().manual_seed(trial.seed)
    process = OrnsteinUhlenbeck()
    mu, sigma = float(process.alpha(trial.time)), float(process.sigma(trial.time))
    gaps = 1 + torch.rand(trial.n_samples - 1, generator=generator, dtype=torch.float64)
    # A hair more than the separation asked for, so that rounding does not decide on conditions.
    x = torch.cat([torch.zeros(1, dtype=torch.float64), (gaps / gaps.min()).cumsum(0)])
    x = (x - x.mean()) * trial.separation * (1 + 1e-9) * sigma / mu
    points = NoisedPoints(x, mu, sigma)

    margins: dict[str, list[float]] = {law: [] for law in LAWS}
    _posterior(points, margins)
    best = optimal_risk(points)
    _enter(margins["optimal_risk"], optimal_risk_bound(points), best)
    _enter(margins["optimal_irregularity"], optimal_irregularity_bound(points), smooth_irregularity(points))
    for neurons in _networks(trial, points, generator):
        _network(points, neurons, best, margins)
    return {f"margin_{law}": min(found, default=math.nan) for law, found in margins.items()} | {
        f"checked_{law}": len(found) for law, found in margins.items()
    }


def _enter(found: list[float], bound: Bound, measured: float) -> None:
    if bound.usable:
        larger, smaller = (bound.value, measured) if bound.upper else (measured, bound.value)
        found.append(larger / smaller if smaller > 0 else math.inf)


def _posterior(points: NoisedPoints, margins: dict[str, list[float]]) -> None:
    """Prop. 2 at all mid-points and at five places around every point."""
    middle = points.mu * (points.x[1:] + points.x[:-1]) / 2
    for index, variance in enumerate(points.moments(middle)[1].tolist()):
        _enter(margins["midpoint"], midpoint_variance_bound(points, index), variance)
    extent = float(points.x[-1] - points.x[0])
    for share in np.linspace(-1, 1, 5) * (1 - 1e-9):
        y = points.mu * (points.x + share * points.spacing / 4)
        mean, variance, _ = points.moments(y)
        for at, off, spread in zip(y.tolist(), (mean - points.x).abs().tolist(), variance.tolist(), strict=True):
            _enter(margins["mean"], posterior_mean_bound(points, at), max(off - ROUNDING * extent, 0.0))
            _enter(margins["variance"], posterior_variance_bound(points, at), spread)


def _networks(trial: "Experiment", points: NoisedPoints, generator: torch.Generator) -> list[Neurons]:
    drawn = TwoLayerBatch.draw(1, 1, trial.width, [generator], frozen_inner=True, dtype=torch.float64)
    # Kinks all over the data, not at 0 alone.
    extent = points.mu * float(points.x[-1] - points.x[0]) / 2
    drawn.bias.uniform_(-extent, extent, generator=generator)
    trained, _ = full_batch_descent(
        Neurons(*drawn.scalar_weights()), points, learning_rates=[trial.learning_rate], steps=_DESCENT_STEPS
    )
    # s* falls through every data point and jumps back around mid-points, within σ²/gap: four knots for each gap.
    centres = points.mu * points.x
    gaps = centres.diff()
    half = torch.minimum(4 * points.sigma**2 / gaps, gaps / 8)
    middle = (centres[1:] + centres[:-1]) / 2
    ends = centres[[0, -1]] + points.sigma * torch.tensor([-3.0, 3.0])
    knots = torch.cat([ends, middle - half, middle - half / 3, middle + half / 3, middle + half]).sort().values
    # Of the largest risk that Prop. 7 admits, 1/(16nσ²), this leaves about a tenth to the disturbance.
    noise = torch.randn(len(knots), generator=generator, dtype=torch.float64)
    values = points.score(knots) + noise / (math.sqrt(160 * points.n_samples) * points.sigma)
    first = [Neurons(*(weights[0] for weights in networks)) for networks in (drawn.scalar_weights(), trained)]
    return [*first, interpolate(points, knots, values)]


def _network(points: NoisedPoints, neurons: Neurons, best: float, margins: dict[str, list[float]]) -> None:
    """Prop. 6 with the sharpness itself, Prop. 7, and Thm. 8 at the largest η for which this network is stable."""
    if not all(bool(weights.isfinite().all()) for weights in neurons):
        return
    risk, irregularity = float(relu_risk(points, neurons)), relu_irregularity(points, neurons)
    largest = dense_sharpness(points, neurons)
    _enter(margins["stable_irregularity"], stable_irregularity_bound(points, neurons, largest), irregularity)
    _enter(margins["learned_irregularity"], learned_irregularity_bound(points, risk), irregularity)
    stable_rate = 2 / (len(neurons.bias) * largest) if largest > 0 else math.inf
    # A may be any bound on the outer weights: the smallest of these for which the theorem has something to say.
    for outer_bound in float(neurons.outer.abs().max()) * np.geomspace(1, 1e4, 30):
        bound = excess_risk_bound(points, outer_bound, stable_rate)
        if bound.usable:
            _enter(margins["excess_risk"], bound, risk - best)
            break


def dense_sharpness(points: NoisedPoints, neurons: Neurons) -> float:
    """λ_max of the Hessian of R_n in biases and outer weights, written out."""

    def risk(weights: Tensor) -> Tensor:
        return relu_risk(points, Neurons(neurons.inner, weights[0], weights[1]))

    weights = torch.stack([neurons.bias, neurons.outer])
    hessian = torch.func.jacrev(torch.func.jacrev(risk))(weights).reshape(weights.numel(), -1)
    return float(torch.linalg.eigvalsh((hessian + hessian.mT) / 2)[-1])
