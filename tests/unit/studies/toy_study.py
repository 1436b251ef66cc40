"""A study small enough for tests: the mean of n draws has variance 1/n, and coins fall as they are loaded."""

import os
from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.studies import Claim, Experiment, Plot, Preset, Seeds, Study
from mnemoscope.sweeps import Result, grid


class Mean(Experiment):
    n_samples: int = Field(gt=0)
    seed: int

    def run(self) -> Result:
        if os.environ.get("TOY_FAILS") == str(self.seed):
            raise RuntimeError("<b>on purpose</b>")
        return {"mean": np.random.default_rng(self.seed).normal(size=self.n_samples).mean()}

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Mean"]:
        return grid(cls, n_samples=[4, 64], seed=seeds(20 if preset == "quick" else 25))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        variance = results["mean"].var("seed", skipna=False)
        yield Claim(
            name="ratio",
            statement="The variance falls as 1/n <for normal draws>.",
            source="any textbook",
            measured=float(variance.sel(n_samples=64) / variance.sel(n_samples=4)),
            tolerance=0.04,
            published=float(os.environ.get("TOY_TARGET", "0.0625")),
        )
        yield Claim("falls", "It falls.", "the same", float(variance[0] - variance[1]), (0.0, None))

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        def draw(figure: Figure) -> None:
            axes = figure.add_subplot(xlabel="n", ylabel="variance")
            axes.plot(results.n_samples, results["mean"].var("seed"), label="measured")
            axes.plot(results.n_samples, 1 / results.n_samples, label="1/n")
            axes.legend()

        yield Plot("variance", "Variance of the mean against n", draw)


class LoadedCoin(Experiment):
    bias: float = Field(gt=0, lt=1)
    seed: int

    def run(self) -> Result:
        return {"heads": (np.random.default_rng(self.seed).random(1000) < self.bias).mean()}

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["LoadedCoin"]:
        return grid(cls, bias=0.25, seed=seeds(3))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        yield Claim("bias", "Heads are as frequent as the bias.", "the same", float(results.heads.mean()), 0.05, 0.25)


class Toy(Study):
    name = "toy"
    title = "Means & variances"
    experiments = (Mean, LoadedCoin)
