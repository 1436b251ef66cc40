"""The scalar ReLU network of Appendix D, whose successive weights stay apart at every depth."""

import math
from collections.abc import Iterator, Sequence

import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.residual import ResidualBranches, ResidualMLP, descend
from mnemoscope.studies.deep_limits.regression import PAPER
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.theory import alternating_limit

RATIO = 3.0
"""C of the counter-example: the target is C x."""
LEARNING_RATE = 0.1

CAPTION = "The ReLU counter-example: the smallest gap between successive weights after training does not fall with L."


class CounterExample(Experiment, frozen=True):
    """One network of 2L layers; nothing in it is random."""

    depth: int = Field(ge=2)
    n_samples: int = Field(ge=1)
    steps: int = Field(ge=0)

    def run(self) -> Result:
        pairs = self.depth // 2
        generator = torch.Generator().manual_seed(0)  # of weights that are overwritten at once
        branches = ResidualBranches(1, 1, 2 * pairs, activation="relu", generator=generator, dtype=torch.float64)
        network = ResidualMLP(1, 1, branches)
        for parameter in (network.lift, network.project, branches.outer):
            parameter.requires_grad_(False)
        signs = torch.tensor([-1.0, 1.0], dtype=torch.float64).repeat(pairs)
        with torch.no_grad():
            branches.outer.fill_(1.0)
            branches.inner.copy_((signs / (2 * pairs))[:, None, None])
        x = torch.linspace(0.5, 1.5, self.n_samples, dtype=torch.float64)[:, None]
        for _ in descend(network, x, RATIO * x, steps=self.steps, learning_rate=LEARNING_RATE):
            pass  # only the end is of interest
        weights = branches.inner.detach().flatten()
        limit = alternating_limit(RATIO, pairs)
        return {"gap": float(weights.diff().abs().min()), "error": float((weights[1::2] - limit).abs().max())}

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence[Experiment]:  # noqa: ARG003
        return grid(cls, depth=[8, 32, 128, 512], n_samples=4, steps=400)

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        yield Claim(
            "pair-gaps",
            f"In the ReLU counter-example successive weights stay apart at every depth: smallest gap, C = {RATIO:g}.",
            f"{PAPER}, Appendix D",
            float(results.gap.min()),
            (2 * math.log(RATIO), None),
        )
        yield Claim(
            "pair-limit",
            "Its even weights end at w* of (1 + w*/2L)^L = C: largest distance.",
            f"{PAPER}, Appendix D",
            float(results.error.max()),
            (None, 1e-6),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        trials = rows(results).sortby("depth")
        yield Plot("counter-example", CAPTION, lambda figure: _draw(figure, trials))


def _draw(figure: Figure, trials: xr.Dataset) -> None:
    axes = figure.add_subplot(xscale="log", xlabel="depth 2L", ylabel="smallest |w_k+1 − w_k|")
    axes.plot(trials.depth, trials.gap, "o", label="trained")
    limits = [alternating_limit(RATIO, depth // 2) + 1 / depth for depth in trials.depth.values.tolist()]
    axes.plot(trials.depth, limits, label="w* + 1/2L")
    axes.set_ylim(0, 1.15 * float(trials.gap.max()))
    axes.legend()
