"""Two-layer networks that learn the score at one time by SGD, and how far they stay from it (Fig. 1 and 2).

Batches are drawn with replacement; all weights are trained. Data are N(0, I), anew for each seed. The loss is averaged
over dimensions as well (η/d in place of η): with the sum, the published η = 0.5 diverges within ten steps at d = 10, so
that the published code must have done the same.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from mnemoscope.mean_field import TwoLayerBatch, denoising_draws, stochastic_descent
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.scores import EmpiricalScore
from mnemoscope.studies.large_steps.drawing import logarithmic
from mnemoscope.studies.large_steps.published import EXCESS_RISK, PAPER, RISK_STEPS
from mnemoscope.studies.rows import frame, rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.sweeps.trial import Array
from mnemoscope.theory.large_steps import Neurons, NoisedPoints, optimal_risk, relu_irregularity, relu_risk

PROCESS = OrnsteinUhlenbeck()
TIMES = [0.05, 0.2]
"""(μ, σ) = (.95, .31) and (.82, .57)."""

CURVE = np.linspace(-3, 3, 241)
"""Where learned scores are kept for Fig. 1."""

_DRAWS = 20_000


class Risk(Experiment, frozen=True):
    """One network.

    Attributes:
        time: t of the Ornstein–Uhlenbeck process at which the score is learned.
        learning_rate: η; steps are width · η.
        batch: items of an SGD batch.
    """

    dim: int = Field(ge=1)
    n_samples: int = Field(ge=2)
    time: float = Field(gt=0)
    width: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    seed: int = Field(ge=0)

    batch_fields = ("time", "learning_rate", "steps", "seed")

    @property
    def batch_size(self) -> int:  # type: ignore[override]  # one more network is cheap in one dimension only
        """How many networks are trained as one tensor program."""
        return 32 if self.dim == 1 else 4

    def run(self) -> Result:
        """As ``run_batch``."""
        return self.run_batch([self])[0]

    @classmethod
    def run_batch(cls, trials: Sequence["Risk"]) -> Sequence[Result]:
        """Train, the longest first as the descent asks, and measure each network by itself."""
        ordered = sorted(trials, key=lambda trial: -trial.steps)
        first, generators = ordered[0], [torch.Generator().manual_seed(trial.seed) for trial in ordered]
        data = torch.stack([torch.randn(first.n_samples, first.dim, generator=generator) for generator in generators])
        networks = TwoLayerBatch.draw(first.dim, first.dim, first.width, generators)
        descent = stochastic_descent(
            networks,
            denoising_draws(data, PROCESS, [trial.time for trial in ordered], first.batch, generators),
            learning_rates=[trial.learning_rate / first.dim for trial in ordered],
            steps=[trial.steps for trial in ordered],
        )
        results: dict[str, Result] = {}
        for row, trial in enumerate(ordered):
            network = networks.take(slice(row, row + 1))
            if trial.dim == 1:
                found = _measure_curve(network, data[row], trial.time)
            else:
                found = _measure_by_draws(network, data[row], trial.time, generators[row])
            losses = {"diverged": int(descent.diverged[row]), "train_loss": float(descent.losses[row])}
            results[trial.key] = {**losses, **found}
        return [results[trial.key] for trial in trials]

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Risk"]:
        """So many runs for every η. The longest come first, so that the others join them in a batch."""
        runs = {1: {0.01: 10, 0.05: 30, 0.1: 30, 0.5: 30}, 10: {0.1: 3, 0.5: 3}}
        if preset == "quick":
            runs = {1: {0.1: 10, 0.5: 10}, 10: {0.1: 1, 0.5: 1}}
        fields = {"n_samples": 20, "width": 1000, "batch": 50, "time": TIMES}
        return [
            trial
            for dim, rates in runs.items()
            for eta, number in rates.items()
            for trial in grid(cls, dim=dim, **fields, learning_rate=eta, steps=RISK_STEPS[eta], seed=seeds(number))
        ]

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        """The excess risk grows with η, and lies where it was published."""
        for (dim, time), group in frame(results).groupby(["dim", "time"]):
            means = mean_risks(group)
            yield Claim(
                f"risk-grows-d{dim:g}-t{time:g}",
                f"At d = {dim:g}, t = {time:g} the excess risk grows with η (smallest ratio of neighbouring means).",
                PAPER,
                float((means[1:] / means[:-1]).min()),
                (1.0, None),
            )
        for time, published in EXCESS_RISK.items():
            for eta, (mean, *band) in published.items():
                runs = frame(results, dim=1, time=time, learning_rate=eta).excess_risk
                if band and len(runs):  # the presets differ in η
                    yield Claim(
                        f"risk-t{time:g}-eta{eta:g}",
                        f"The mean excess risk at d = 1, t = {time:g}, η = {eta:g} lies in the published band"
                        f" ({len(runs)} runs).",
                        f"{PAPER}, Fig. 2, read off",
                        float(runs.to_numpy().mean()),
                        (band[0], band[1]),
                        mean,
                    )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        """Fig. 2, then Fig. 1."""
        found = frame(results)
        if found.excess_risk.notna().any():
            yield Plot(
                "excess-risk",
                "Excess risk after SGD against η: means, and bands with 95 % of the runs. Crosses are the published"
                " means of d = 1, read off. At d = 10 the squared norm over all dimensions.",
                partial(_draw_risk, found),
            )
        if (line := rows(results, dim=1)).sizes["trial"]:
            yield Plot(
                "scores",
                "Learned scores (first run) against the optimal one, d = 1, at two noise levels: the larger η, the"
                " smoother.",
                partial(_draw_scores, line),
            )


def _measure_curve(network: TwoLayerBatch, data: Tensor, time: float) -> Result:
    """The exact excess risk, the irregularity, and the two scores along a line."""
    points = NoisedPoints.at_time(data[:, 0].sort().values, PROCESS, time)
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


def _measure_by_draws(network: TwoLayerBatch, data: Tensor, time: float, generator: torch.Generator) -> Result:
    """The excess risk E ‖s − s*‖² by Monte Carlo, with its standard error."""
    clean = data[torch.randint(len(data), (_DRAWS,), generator=generator)]
    y = PROCESS.forward(clean, time, generator)
    difference = network(y[None])[0] - EmpiricalScore(data, PROCESS)(y, time)
    losses = difference.double().square().sum(1)
    return {"excess_risk": float(losses.mean()), "standard_error": float(losses.std()) / math.sqrt(_DRAWS)}


def mean_risks(found: Any) -> Array:
    """Mean excess risk for every η, in ascending order of η; NaN where a run is."""
    means: Array = found.groupby("learning_rate").excess_risk.agg(lambda runs: runs.to_numpy().mean()).to_numpy()
    return means


def _level(time: float) -> str:
    return f"μ = {float(PROCESS.alpha(time)):.2f}, σ = {float(PROCESS.sigma(time)):.2f}"


def _draw_risk(found: Any, figure: Figure) -> None:
    figure.set_size_inches(9.0, 4.0)
    dims = sorted(found.dim[found.excess_risk.notna()].unique())
    for axes, dim in zip(np.atleast_1d(figure.subplots(1, len(dims))), dims, strict=True):
        same = found[found.dim == dim]
        for index, (time, group) in enumerate(same.groupby("time")):
            runs = group.groupby("learning_rate").excess_risk
            mean, low, high = runs.mean(), runs.quantile(0.025), runs.quantile(0.975)
            axes.plot(mean.index, mean, marker="os"[index % 2], color=f"C{index}", label=_level(time))
            axes.fill_between(mean.index, low, high, color=f"C{index}", alpha=0.2)
            if dim == 1 and time in EXCESS_RISK:
                known = {eta: values[0] for eta, values in EXCESS_RISK[time].items()}
                axes.plot(list(known), list(known.values()), "x", color=f"C{index}", markersize=9)
        axes.set(yscale="log", xlabel="η", ylabel="excess risk", title=f"d = {dim:g}")
        logarithmic(axes, [*same.learning_rate, *(RISK_STEPS if dim == 1 else [])])
        axes.legend()


def _draw_scores(line: xr.Dataset, figure: Figure) -> None:
    figure.set_size_inches(9.0, 4.0)
    first = line.isel(trial=np.flatnonzero(line.seed == line.seed.min()))
    times = np.unique(first.time)
    for axes, time in zip(np.atleast_1d(figure.subplots(1, len(times))), times, strict=True):
        same = first.isel(trial=np.flatnonzero(first.time == time)).sortby("learning_rate")
        shown = same.isel(y=np.flatnonzero(np.abs(same.y) <= 2.5))
        axes.plot(shown.y, shown.optimal.isel(trial=0), color="C3", linestyle="-", linewidth=2.5, alpha=0.5, label="s*")
        for k in range(shown.sizes["trial"]):
            run = shown.isel(trial=k)
            axes.plot(shown.y, run.learned, linewidth=1.2, label=f"η = {float(run.learning_rate):g}")
        axes.set(xlabel="y", ylabel="score", title=_level(float(time)))
        axes.legend()
