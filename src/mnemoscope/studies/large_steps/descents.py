"""Two-layer networks that learn the score at one time, many at once: by SGD, and by exact full-batch descent."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mnemoscope.errors import ConvergenceError
from mnemoscope.mean_field import TwoLayerBatch, denoising_draws, stochastic_descent
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.scores import EmpiricalScore
from mnemoscope.sweeps import Result
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

if TYPE_CHECKING:
    from mnemoscope.studies.large_steps.trials import Experiment

PROCESS = OrnsteinUhlenbeck()
CURVE = np.linspace(-3, 3, 241)
"""Where learned scores are kept for Fig. 1."""

LOOKS = 4
"""How often the sharpness is taken along a full-batch descent."""
AVERAGED = 200
"""Steps at the end of it whose weights are averaged: where steps are too large to settle, it goes round a point."""

_DRAWS = 20_000


def risk_results(trials: Sequence["Experiment"]) -> Sequence[Result]:
    """Train by SGD on batches drawn with replacement; all weights are trained. Data are N(0, I), anew for each seed.

    The loss is averaged over dimensions as well (η/d in place of η): with the sum, the published η = 0.5 diverges
    within ten steps at d = 10, so that the published code must have done the same.
    """
    order = sorted(range(len(trials)), key=lambda k: -trials[k].steps)
    ordered = [trials[k] for k in order]
    generators = [torch.Generator().manual_seed(trial.seed) for trial in ordered]
    size = ordered[0].n_samples, ordered[0].dim
    data = torch.stack([torch.randn(size, generator=generator) for generator in generators])
    networks = TwoLayerBatch.draw(size[1], size[1], ordered[0].width, generators)
    course = stochastic_descent(
        networks,
        denoising_draws(data, PROCESS, [trial.time for trial in ordered], ordered[0].batch, generators),
        learning_rates=[trial.learning_rate / size[1] for trial in ordered],
        steps=[trial.steps for trial in ordered],
    )
    results: dict[int, Result] = {}
    for row, position in enumerate(order):
        measure = _measure_curve if size[1] == 1 else _measure_by_draws
        found = measure(ordered[row], networks.take(slice(row, row + 1)), data[row], generators[row])
        results[position] = {"diverged": int(course.diverged[row]), "train_loss": float(course.losses[row]), **found}
    return [results[position] for position in range(len(trials))]


def _measure_curve(
    trial: "Experiment",
    network: TwoLayerBatch,
    data: Tensor,
    generator: torch.Generator,  # noqa: ARG001
) -> Result:
    """The exact excess risk, the irregularity, and the two scores along a line."""
    points = NoisedPoints.at_time(data[:, 0].sort().values, PROCESS, trial.time)
    neurons = Neurons(*(weights[0].double() for weights in network.scalar_weights()))
    y = torch.from_numpy(CURVE)
    finite = all(bool(weights.isfinite().all()) for weights in neurons)
    return {
        "excess_risk": float(relu_risk(points, neurons)) - optimal_risk(points) if finite else math.nan,
        "irregularity": relu_irregularity(points, neurons) if finite else math.nan,
        "y": ("y", CURVE),
        "learned": ("y", neurons(y).numpy()),
        "optimal": ("y", points.score(y).numpy()),
    }


def _measure_by_draws(trial: "Experiment", network: TwoLayerBatch, data: Tensor, generator: torch.Generator) -> Result:
    """The excess risk E ‖s − s*‖² by Monte Carlo, with its standard error."""
    clean = data[torch.randint(len(data), (_DRAWS,), generator=generator)]
    y = PROCESS.forward(clean, trial.time, generator)
    difference = network(y[None])[0] - EmpiricalScore(data, PROCESS)(y, trial.time)
    losses = difference.double().square().sum(1)
    return {"excess_risk": float(losses.mean()), "standard_error": float(losses.std()) / math.sqrt(_DRAWS)}


def stability_results(trials: Sequence["Experiment"]) -> Sequence[Result]:
    """Descend on the exact R_n of one data set with inner weights ±1, and look at the Hessian on the way.

    The data are the same for all seeds, N(0, 1) draws of seed 0; seeds differ in the initial weights.
    """
    data = torch.randn(trials[0].n_samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    results: dict[int, Result] = {}
    for time, steps in sorted({(trial.time, trial.steps) for trial in trials}):
        points = NoisedPoints.at_time(data.sort().values, PROCESS, time)
        best = optimal_risk(points)
        rows = [k for k, trial in enumerate(trials) if (trial.time, trial.steps) == (time, steps)]
        generators = [torch.Generator().manual_seed(trials[k].seed) for k in rows]
        width = trials[0].width
        start = Neurons(
            *TwoLayerBatch.draw(1, 1, width, generators, frozen_inner=True, dtype=torch.float64).scalar_weights()
        )
        rates = [trials[k].learning_rate for k in rows]
        watch = _Watch(points, rates, steps)
        trained, course = full_batch_descent(
            start, points, learning_rates=rates, steps=steps, watch=watch, watch_every=1
        )
        averages = watch.ratios(watch.average())
        for row, k in enumerate(rows):
            neurons = Neurons(*(weights[row] for weights in trained))
            path = np.array([ratios[row] for ratios in watch.looks.values()])
            results[k] = {
                "diverged": int(course.diverged[row]),
                "look": ("look", np.array(list(watch.looks))),
                "ratio_path": ("look", path),
                "stability_ratio": path[-1],
                "average_ratio": averages[row],
                **_measure_stability(points, neurons, best, rates[row], path[-1]),
            }
    return [results[k] for k in range(len(trials))]


class _Watch:
    """The stability ratios of all networks at ``LOOKS`` moments, and their weights averaged over the last steps."""

    def __init__(self, points: NoisedPoints, rates: list[float], steps: int) -> None:
        self.points, self.rates, self.steps = points, rates, steps
        self.looks: dict[int, Array] = {}
        self.last: list[Neurons] = []

    def __call__(self, networks: Neurons, step: int) -> None:
        if step % math.ceil(self.steps / LOOKS) == 0 or step == self.steps:
            self.looks[step] = self.ratios(networks)
        if step > self.steps - AVERAGED:
            self.last.append(networks)

    def average(self) -> Neurons:
        return Neurons(*(torch.stack(weights).mean(dim=0) for weights in zip(*self.last, strict=True)))

    def ratios(self, networks: Neurons) -> Array:
        return np.array([_ratio(self.points, networks, row, rate) for row, rate in enumerate(self.rates)])


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


def _measure_stability(points: NoisedPoints, neurons: Neurons, best: float, rate: float, ratio: float) -> Result:
    """Excess risk, irregularity, and the bound of Prop. 6 with the measured sharpness and with that of stability."""
    names = ("excess_risk", "irregularity", "sharp_bound", "stable_bound")
    if not (math.isfinite(ratio) and ratio >= 0):
        return dict.fromkeys(names, math.nan)
    width, risk = len(neurons.bias), float(relu_risk(points, neurons))
    stable = 2 / (width * rate)
    return {
        "excess_risk": risk - best,
        "irregularity": relu_irregularity(points, neurons),
        "sharp_bound": stable_irregularity_bound(points, neurons, ratio * stable).value,
        "stable_bound": stable_irregularity_bound(points, neurons, stable).value,
    }
