"""A study small enough for tests: the mean of n draws has variance 1/n."""

import os
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.studies import Claim, Plot, Preset, Study
from mnemoscope.sweeps import Result, Trial, grid


class Mean(Trial):
    n_samples: int = Field(gt=0)
    seed: int

    def run(self) -> Result:
        if os.environ.get("TOY_FAILS") == str(self.seed):
            raise RuntimeError("<b>on purpose</b>")
        return {"mean": np.random.default_rng(self.seed).normal(size=self.n_samples).mean()}


class Toy(Study):
    name = "toy"
    title = "Means & variances"

    def trials(self, preset: Preset, seed: int) -> Sequence[Trial]:
        return grid(Mean, n_samples=[4, 64], seed=range(seed, seed + (20 if preset == "quick" else 25)))

    def claims(self, results: xr.Dataset) -> Sequence[Claim]:
        ratio = results["mean"].var("seed", skipna=False)
        target = float(os.environ.get("TOY_TARGET", "0.0625"))
        return [
            Claim(
                name="ratio",
                statement="The variance falls as 1/n <for normal draws>.",
                source="any textbook",
                measured=float(ratio.sel(n_samples=64) / ratio.sel(n_samples=4)),
                tolerance=0.04,
                published=target,
            ),
            Claim("falls", "It falls.", "the same", float(ratio[0] - ratio[1]), (0.0, None)),
        ]

    def plots(self, results: xr.Dataset) -> Sequence[Plot]:
        def draw(figure: Figure) -> None:
            axes = figure.add_subplot(xlabel="n", ylabel="variance")
            axes.plot(results.n_samples, results["mean"].var("seed"), label="measured")
            axes.plot(results.n_samples, 1 / results.n_samples, label="1/n")
            axes.legend()

        return [Plot("variance", "Variance of the mean against n", draw)]
