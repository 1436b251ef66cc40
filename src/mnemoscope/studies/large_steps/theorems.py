"""Every theorem on one configuration: how far it is from being violated.

The data have n points whose smallest gap is a given multiple of σ/μ, the others up to twice as wide. The networks have
inner weights ±1: one as drawn, one after some steps of exact descent, and the interpolant of s*, slightly disturbed,
which has the low risk that Prop. 7 asks for. A theorem's margin is bound/measured for an upper bound and measured/bound
for a lower one, the smallest of all places or networks; below 1 it is violated, NaN where no condition is met.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TypeAlias

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from mnemoscope.mean_field import TwoLayerBatch
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.studies.large_steps.published import PAPER
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.theory import large_steps as theory
from mnemoscope.theory.large_steps import Bound, Neurons, NoisedPoints

THEOREMS = {
    "midpoint": "Prop. 2, variance at mid-points",
    "mean": "Prop. 2, posterior mean near the data",
    "variance": "Prop. 2, posterior variance near the data",
    "optimal-risk": "Cor. 3, risk of the optimal score",
    "optimal-irregularity": "Thm. 4, irregularity of the optimal score",
    "stable-irregularity": "Prop. 6, irregularity by sharpness and risk",
    "learned-irregularity": "Prop. 7, irregularity of every score of low risk",
    "excess-risk": "Thm. 8, excess risk where a large step is stable",
}
"""A theorem's name → what it says; results have them in this order along ``theorem``."""

ROUNDING = 1e-13
"""Relative to the extent of the data: what double precision cannot tell from zero."""

Margins: TypeAlias = dict[str, list[float]]


class Theorems(Experiment, frozen=True):
    """Data, noise and networks at which the theorems are checked.

    Attributes:
        time: t of the Ornstein–Uhlenbeck process.
        separation: Δμ/σ of the data: their smallest gap in units of the noise.
        learning_rate: η of the exact descent; its steps are width · η.
    """

    n_samples: int = Field(ge=2)
    time: float = Field(gt=0)
    separation: float = Field(gt=0)
    width: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    steps: int = Field(ge=1)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        """The margin of every theorem and the number of places or networks that it was checked at."""
        generator = torch.Generator().manual_seed(self.seed)
        points = self._points(generator)
        margins: Margins = {theorem: [] for theorem in THEOREMS}
        _check_posterior(points, margins)
        best, irregularity = theory.optimal_risk(points), theory.smooth_irregularity(points)
        _enter(margins["optimal-risk"], theory.optimal_risk_bound(points), best)
        _enter(margins["optimal-irregularity"], theory.optimal_irregularity_bound(points), irregularity)
        for neurons in self._networks(points, generator):
            _check_network(points, neurons, best, margins)
        return {
            "margin": ("theorem", [min(found, default=math.nan) for found in margins.values()]),
            "checked": ("theorem", [len(found) for found in margins.values()]),
        }

    def _points(self, generator: torch.Generator) -> NoisedPoints:
        process = OrnsteinUhlenbeck()
        mu, sigma = float(process.alpha(self.time)), float(process.sigma(self.time))
        gaps = 1 + torch.rand(self.n_samples - 1, generator=generator, dtype=torch.float64)
        # A hair more than the separation asked for, so that rounding does not decide on conditions.
        x = torch.cat([torch.zeros(1, dtype=torch.float64), (gaps / gaps.min()).cumsum(0)])
        return NoisedPoints((x - x.mean()) * self.separation * (1 + 1e-9) * sigma / mu, mu, sigma)

    def _networks(self, points: NoisedPoints, generator: torch.Generator) -> list[Neurons]:
        drawn = TwoLayerBatch.draw(1, 1, self.width, [generator], frozen_inner=True, dtype=torch.float64)
        # Kinks all over the data, not at 0 alone.
        extent = points.mu * float(points.x[-1] - points.x[0]) / 2
        drawn.bias.uniform_(-extent, extent, generator=generator)
        start = Neurons(*drawn.scalar_weights())
        trained, _ = theory.full_batch_descent(start, points, learning_rates=[self.learning_rate], steps=self.steps)
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
        first = [Neurons(*(weights[0] for weights in networks)) for networks in (start, trained)]
        return [*first, theory.interpolate(points, knots, values)]

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Theorems"]:  # noqa: ARG003  # the same at every scale
        """225 configurations."""
        data = {"n_samples": [3, 10, 20], "time": [0.01, 0.1, 0.5], "separation": [2.0, 4.0, 9.0, 20.0, 60.0]}
        return grid(cls, **data, width=20, learning_rate=0.1, steps=60, seed=seeds(5))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        """No theorem is violated anywhere."""
        found = rows(results)
        yield Claim(
            "configurations",
            "The theorems are checked on at least 200 configurations of data, noise and networks.",
            PAPER,
            float(found.sizes["trial"]),
            (200, None),
        )
        for place, (theorem, title) in enumerate(THEOREMS.items()):
            margins = found.margin.isel(theorem=place).dropna("trial").values
            places = float(found.checked.isel(theorem=place).sum())
            statement = (
                f"{title}: holds wherever its conditions are met, {len(margins)} configurations, {places:.0f} places or"
                " networks (smallest ratio of the larger to the smaller side)."
            )
            yield Claim(f"law-{theorem}", statement, PAPER, float(min(margins, default=math.nan)), (1.0, None))

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        """All margins, a line for each theorem."""
        caption = (
            "How far every configuration is from violating each theorem, where its conditions are met; 1 is the edge."
        )
        yield Plot("laws", caption, partial(_draw_margins, rows(results)))


def _enter(found: list[float], bound: Bound, measured: float) -> None:
    if bound.usable:
        larger, smaller = (bound.value, measured) if bound.upper else (measured, bound.value)
        found.append(larger / smaller if smaller > 0 else math.inf)


def _check_posterior(points: NoisedPoints, margins: Margins) -> None:
    """Prop. 2 at all mid-points and at five places around every point."""
    middle = points.mu * (points.x[1:] + points.x[:-1]) / 2
    for index, variance in enumerate(points.moments(middle)[1].tolist()):
        _enter(margins["midpoint"], theory.midpoint_variance_bound(points, index), variance)
    extent = float(points.x[-1] - points.x[0])
    for share in np.linspace(-1, 1, 5) * (1 - 1e-9):
        y = points.mu * (points.x + share * points.spacing / 4)
        mean, variance, _ = points.moments(y)
        for at, off, spread in zip(y.tolist(), (mean - points.x).abs().tolist(), variance.tolist(), strict=True):
            _enter(margins["mean"], theory.posterior_mean_bound(points, at), max(off - ROUNDING * extent, 0.0))
            _enter(margins["variance"], theory.posterior_variance_bound(points, at), spread)


def _check_network(points: NoisedPoints, neurons: Neurons, best: float, margins: Margins) -> None:
    """Prop. 6 with the sharpness itself, Prop. 7, and Thm. 8 at the largest η for which this network is stable."""
    if not all(bool(weights.isfinite().all()) for weights in neurons):
        return
    risk, irregularity = float(theory.relu_risk(points, neurons)), theory.relu_irregularity(points, neurons)
    largest = dense_sharpness(points, neurons)
    _enter(margins["stable-irregularity"], theory.stable_irregularity_bound(points, neurons, largest), irregularity)
    _enter(margins["learned-irregularity"], theory.learned_irregularity_bound(points, risk), irregularity)
    stable_rate = 2 / (len(neurons.bias) * largest) if largest > 0 else math.inf
    # A may be any bound on the outer weights: the smallest of these for which the theorem has something to say.
    for outer_bound in float(neurons.outer.abs().max()) * np.geomspace(1, 1e4, 30):
        bound = theory.excess_risk_bound(points, outer_bound, stable_rate)
        if bound.usable:
            _enter(margins["excess-risk"], bound, risk - best)
            break


def dense_sharpness(points: NoisedPoints, neurons: Neurons) -> float:
    """λ_max of the Hessian of R_n in biases and outer weights, written out."""

    def risk(weights: Tensor) -> Tensor:
        return theory.relu_risk(points, Neurons(neurons.inner, weights[0], weights[1]))

    weights = torch.stack([neurons.bias, neurons.outer])
    hessian = torch.func.jacrev(torch.func.jacrev(risk))(weights).reshape(weights.numel(), -1)
    return float(torch.linalg.eigvalsh((hessian + hessian.mT) / 2)[-1])


def _draw_margins(found: xr.Dataset, figure: Figure) -> None:
    figure.set_size_inches(8.0, 4.0)
    axes = figure.add_subplot(xscale="log", xlabel="larger side / smaller side (1: equality)")
    for place, margins in enumerate(found.margin.transpose("theorem", "trial").values[::-1]):
        finite = margins[np.isfinite(margins)].clip(max=1e12)
        axes.plot(finite, np.full(len(finite), place), "|", color="C0", markersize=12)
    axes.axvline(1, color="C1", linestyle="-")
    axes.set_yticks(range(len(THEOREMS)), list(THEOREMS.values())[::-1])
    axes.set_xlim(left=0.5)
