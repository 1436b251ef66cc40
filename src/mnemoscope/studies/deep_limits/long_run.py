"""The long run of Figure 2: loss, local Polyak–Łojasiewicz ratio and smoothness along it."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.residual import descend, smoothness
from mnemoscope.studies.deep_limits.regression import DIM, PAPER, regression
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.theory import exponential_rate

WIDTH = 64
LEARNING_RATE = 5e-3
"""Step of the flow; on the weights L times as long."""
SHOWN = 6
"""Weights that are drawn along the depth."""
LEAST_STEPS = 80_000
"""Of the published run whose final loss is claimed; shorter runs have a milder bound."""

CAPTION = (
    "The long run. Left: the mean square loss and the local Polyak–Łojasiewicz ratio. Right: "
    f"{SHOWN} entries of V along the depth at the end."
)


class LongRun(Experiment, frozen=True):
    """One network, descended until its loss is as small as the paper's."""

    depth: int = Field(ge=1)
    n_samples: int = Field(ge=1)
    steps: int = Field(ge=1)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        network, x, y = regression(self.depth, WIDTH, self.n_samples, normalized=False, generator=generator)
        steps = np.unique(np.geomspace(1, self.steps, 60).round().astype(int))
        found, shown, fallen = [], [], 0.0
        for record in descend(network, x, y, steps=self.steps, learning_rate=LEARNING_RATE / DIM):
            if record.step in steps:
                judged = smoothness(network, shuffles=99)
                smooth = judged.jump_share, judged.step_correlation, judged.p_value, judged.maximum
                found.append((record.loss / DIM, record.ratio / DIM, *smooth, fallen))
                shown.append(network.branches.outer.detach().flatten(1)[:, :SHOWN].numpy().copy())
            # The loss averaged over outputs is ℓ/d: its ratio is P/d, and its logarithm falls by the integral of that.
            fallen += LEARNING_RATE * record.ratio / DIM
            if record.step == 0:
                first = record.loss / DIM
        names = ("loss", "ratio", "jumps", "correlation", "p_value", "maximum", "fall")
        columns = {name: ("step", column) for name, column in zip(names, np.array(found).T, strict=True)}
        weights = (("step", "layer", "shown"), np.stack(shown))
        return {"step": ("step", steps), "start": first, **columns, "weights": weights}

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence[Experiment]:
        depth, n_samples, steps = (16, 10, 2000) if preset == "quick" else (64, 50, LEAST_STEPS)
        return grid(cls, depth=depth, n_samples=n_samples, steps=steps, seed=seeds(2)[1])

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        run = rows(results).isel(trial=0)
        loss, p = float(run.loss[-1]), float(run.p_value[run.jumps > 0].max())
        late = run.step >= run.step[-1] / 2
        published = int(run.steps) >= LEAST_STEPS
        bound = 1e-6 if published else 1e-4
        yield Claim(
            "fit-loss",
            "At the end of the long run the mean square loss is below"
            + (" 1e-6." if published else f" {bound:g} (the published 1e-6 is for 80,000 steps)."),
            f"{PAPER}, Figure 2",
            loss,
            (None, bound),
            1e-7 if published else None,
        )
        yield Claim(
            "fit-smooth",
            "The weights are smooth along the depth at all times: smallest correlation of successive steps (largest"
            f" p-value {p:.2g}).",
            f"{PAPER}, Figure 2",
            float(run.correlation.min()) if p <= 0.01 else math.nan,
            (0.0, None),
        )
        yield Claim(
            "fit-ratio",
            "The Polyak–Łojasiewicz ratio ‖∇‖²/ℓ stays positive: its smallest value, per unit of training time.",
            f"{PAPER}, Proposition 5",
            float(run.ratio.min()),
            (1e-3, None),
        )
        yield Claim(
            "fit-balance",
            "The logarithm of the loss falls by the integral of that ratio: their quotient over the whole run.",
            f"{PAPER}, proof of Theorem 6",
            math.log(float(run.start) / loss) / float(run.fall[-1]),
            0.05,
            1.0,
        )
        yield Claim(
            "fit-exponential",
            "So the loss falls exponentially: rate of log ℓ per unit of that integral, fitted to the second half.",
            f"{PAPER}, Theorem 6",
            exponential_rate(run.fall[late], run.loss[late]).value,
            0.05,
            1.0,
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        run = rows(results).isel(trial=0)
        yield Plot("fit", CAPTION, lambda figure: _draw(figure, run))


def _draw(figure: Figure, run: xr.Dataset) -> None:
    figure.set_size_inches(10.0, 4.0)
    left, right = figure.subplots(1, 2)
    left.plot(run.step / 1000, run.loss, label="loss")
    left.plot(run.step / 1000, run.ratio, label="ratio ‖∇‖²/ℓ")
    left.set(yscale="log", xlabel="iterations, thousands", title=f"L = {int(run.depth)}, n = {int(run.n_samples)}")
    left.legend()
    for entry in run.weights.isel(step=-1).T.values:
        right.plot((np.arange(len(entry)) + 0.5) / len(entry), entry, marker=".", markersize=4)
    right.set(xlabel="k/L", ylabel="entry of V_k", title=f"share of jumps {float(run.jumps[-1]):.2%}")
