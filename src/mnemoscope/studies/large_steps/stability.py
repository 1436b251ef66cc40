"""Exact full-batch descent with a large step: how sharp is where it ends, and how irregular?

The descents are on the exact R_n of one data set, N(0, 1) draws of seed 0, with inner weights ±1; seeds differ in the
initial weights. A minimum at which they are stable has width · λ_max ≤ 2/η: the stability ratio η · width · λ_max/2 is
at most 1. That is a statement on minima: it is tested where a descent has settled, its gradient a fiftieth of the first
at most. Where steps are too large for that a descent goes round a point, and the sharpness of whatever weights come
last is measured beside the statement, not held against it; that of the averaged weights is.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
import torch
import xarray as xr
from pydantic import Field

from mnemoscope.errors import ConvergenceError
from mnemoscope.mean_field import TwoLayerBatch
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.studies.large_steps.published import PAPER
from mnemoscope.studies.large_steps.stability_plots import draw_irregularity, draw_sharpness
from mnemoscope.studies.rows import frame, rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.sweeps.trial import Array
from mnemoscope.theory.large_steps import (
    Neurons,
    NoisedPoints,
    full_batch_descent,
    optimal_risk,
    relu_irregularity,
    relu_risk,
    stable_irregularity_bound,
)
from mnemoscope.training import sharpness, stability_ratio

SOURCE = "Cohen et al., arXiv 2103.00065; linear stability in arXiv 2502.03435"

RATES = [0.02, 0.05, 0.1, 0.2, 0.5]

CHECKPOINTS = 4
"""How often the sharpness is taken along a descent."""

AVERAGED = 200
"""Steps at the end of it whose weights are averaged, and in which the gradient must have settled."""

SETTLED = 0.02
"""The largest gradient of these steps over that of the first one. Anything from 0.014 to 0.66 tells the same apart."""


class Stability(Experiment, frozen=True):
    """One network.

    Attributes:
        time: t of the Ornstein–Uhlenbeck process at which the score is learned.
        learning_rate: η; steps are width · η.
    """

    n_samples: int = Field(ge=2)
    time: float = Field(gt=0)
    width: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    steps: int = Field(ge=1)
    seed: int = Field(ge=0)

    batch_size = 16
    batch_fields = ("learning_rate", "seed")

    def run(self) -> Result:
        """As ``run_batch``."""
        return self.run_batch([self])[0]

    @classmethod
    def run_batch(cls, trials: Sequence["Stability"]) -> Sequence[Result]:
        """Descend, and look at the Hessian on the way."""
        first = trials[0]
        data = torch.randn(first.n_samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        points = NoisedPoints.at_time(data.sort().values, OrnsteinUhlenbeck(), first.time)
        generators = [torch.Generator().manual_seed(trial.seed) for trial in trials]
        drawn = TwoLayerBatch.draw(1, 1, first.width, generators, frozen_inner=True, dtype=torch.float64)
        rates = [trial.learning_rate for trial in trials]
        start = Neurons(*drawn.scalar_weights())
        watch = _Watch(points, rates, first.steps, start)
        trained, descent = full_batch_descent(
            start, points, learning_rates=rates, steps=first.steps, watch=watch, watch_every=1
        )
        averages, gradients, best = watch.ratios(watch.average()), watch.gradient_ratios(), optimal_risk(points)
        results: list[Result] = []
        for row, rate in enumerate(rates):
            path = np.array([ratios[row] for ratios in watch.checkpoints.values()])
            results.append(
                {
                    "diverged": int(descent.diverged[row]),
                    "checkpoint": ("checkpoint", np.array(list(watch.checkpoints))),
                    "ratio_path": ("checkpoint", path),
                    "stability_ratio": path[-1],
                    "average_ratio": averages[row],
                    "gradient_ratio": gradients[row],
                    **_measure(points, Neurons(*(weights[row] for weights in trained)), best, rate, path[-1]),
                }
            )
        return results

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Stability"]:
        """Five learning rates."""
        fields = {"n_samples": 12, "time": 0.05, "width": 200, "steps": 12_000}
        return grid(cls, **fields, learning_rate=RATES, seed=seeds(1 if preset == "quick" else 5))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        """The descents end at the edge of stability or below it, and as regular as that asks for."""
        found = frame(results)
        alive = found[(found.diverged == 0) & found.stability_ratio.notna()]
        settled = alive[alive.gradient_ratio <= SETTLED]
        restless = alive[~(alive.gradient_ratio <= SETTLED)]
        beside = "none does not settle"
        if len(restless):
            spread = f"{restless.stability_ratio.min():.2f} to {restless.stability_ratio.max():.2f}"
            beside = f"not of minima, and beside the claim: {spread} at the last weights of the other {len(restless)}"
        yield Claim(
            "sharpness",
            "Where full-batch descent has settled (gradient at most"
            f" {SETTLED:g} of the first over the last {AVERAGED} steps: {len(settled)} networks, η ="
            f" {', '.join(f'{eta:g}' for eta in sorted(set(settled.learning_rate)))}) the sharpness is at most"
            f" 2/(width η) and 10 % ({beside}).",
            SOURCE,
            float(max(settled.stability_ratio, default=math.nan)),
            (None, 1.1),
        )
        yield Claim(
            "sharpness-average",
            f"The same of the weights averaged over the last {AVERAGED} steps: where a descent does not settle, the"
            " point that it goes round.",
            SOURCE,
            float(max(alive.average_ratio, default=math.nan)),
            (None, 1.1),
        )
        yield Claim(
            "irregularity",
            "TV_π of every network trained so is below the bound of Prop. 6 at its own sharpness (smallest ratio of"
            " bound to TV_π).",
            PAPER,
            float(min(alive.sharp_bound / alive.irregularity, default=math.nan)),
            (1.0, None),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        """Sharpness against the edge, irregularity against the bounds."""
        trials = rows(results)
        yield Plot(
            "sharpness",
            "Sharpness against the edge of stability 2/η (the line) at the end of full-batch descent on the exact risk,"
            " and the stability ratio on the way there.",
            partial(draw_sharpness, trials, trials.gradient_ratio.values <= SETTLED),
        )
        yield Plot(
            "irregularity",
            "TV_π of the scores learned by full-batch descent, and the bounds of Prop. 6 with the measured sharpness"
            " and with that of a stable minimum. Dead networks, TV_π = 0, are off the axis.",
            partial(draw_irregularity, frame(results)),
        )


class _Watch:
    """The stability ratios of all networks at the checkpoints, and their weights over the last steps."""

    def __init__(self, points: NoisedPoints, rates: list[float], steps: int, start: Neurons) -> None:
        self.points, self.rates, self.steps = points, rates, steps
        self.checkpoints: dict[int, Array] = {}
        self.last = [start]
        self.first = np.full(len(rates), np.nan)

    def __call__(self, networks: Neurons, step: int) -> None:
        if step % math.ceil(self.steps / CHECKPOINTS) == 0 or step == self.steps:
            self.checkpoints[step] = self.ratios(networks)
        if step == 1:
            self.first = _moved(self.last[0], networks)
        # The step after which the last ones begin, too: moves are between two.
        self.last = [*self.last[-AVERAGED:], networks]

    def average(self) -> Neurons:
        return Neurons(*(torch.stack(weights).mean(dim=0) for weights in zip(*self.last[1:], strict=True)))

    def gradient_ratios(self) -> Array:
        """The largest gradient of the last steps over the first: a step is width · η times its gradient."""
        moves = [_moved(before, after) for before, after in pairwise(self.last)]
        return np.asarray(np.max(moves, axis=0) / self.first)

    def ratios(self, networks: Neurons) -> Array:
        return np.array([_ratio(self.points, networks, row, rate) for row, rate in enumerate(self.rates)])


def _moved(before: Neurons, after: Neurons) -> Array:
    """How far every network has gone in biases and outer weights."""
    changes = torch.cat([after.bias - before.bias, after.outer - before.outer], dim=1)
    return np.asarray(changes.norm(dim=1).numpy())


def _ratio(points: NoisedPoints, networks: Neurons, row: int, rate: float) -> float:
    """η · width · λ_max/2 in biases and outer weights; NaN where the network is not finite."""
    inner, bias, outer = (weights[row] for weights in networks)
    try:
        largest = sharpness(
            lambda p: relu_risk(points, Neurons(inner, p["bias"], p["outer"])), {"bias": bias, "outer": outer}
        )
    except ConvergenceError:
        return math.nan
    return stability_ratio(rate, len(bias), largest)


def _measure(points: NoisedPoints, neurons: Neurons, best: float, rate: float, ratio: float) -> Result:
    """Excess risk, irregularity, and the bound of Prop. 6 with the measured sharpness and with that of stability."""
    names = ("excess_risk", "irregularity", "sharp_bound", "stable_bound")
    if not (math.isfinite(ratio) and ratio >= 0):
        return dict.fromkeys(names, math.nan)
    stable = 2 / (len(neurons.bias) * rate)
    return {
        "excess_risk": float(relu_risk(points, neurons)) - best,
        "irregularity": relu_irregularity(points, neurons),
        "sharp_bound": stable_irregularity_bound(points, neurons, ratio * stable).value,
        "stable_bound": stable_irregularity_bound(points, neurons, stable).value,
    }
