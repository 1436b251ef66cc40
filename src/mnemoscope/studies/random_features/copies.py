"""How many samples of a trained model are copies of training digits: more with more features and more noise draws."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.random_features import RandomFeatureGrid, collect_moments, ridge_readout
from mnemoscope.sampling.grids import ratio_grid
from mnemoscope.studies.random_features.digits import LATEST_TIME, SAMPLER_STEPS, SAMPLES, TrainingDigits
from mnemoscope.studies.random_features.model import RIDGE, random_score
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid

N_SAMPLES = 16
"""With more digits, copies are rare at any p that is affordable."""
N_FEATURES = [32, 64, 128, 256, 512, 1024, 2048]


class Copies(Experiment, frozen=True):
    """Copies among the samples of random-feature scores, one trained for every time that the sampler visits."""

    activation: Literal["relu", "tanh"]
    n_samples: int = Field(ge=1)
    n_features: int = Field(ge=1)
    noise_draws: int = Field(ge=1)
    time: float = Field(gt=0, lt=LATEST_TIME)
    ridge: float = Field(gt=0)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        digits = TrainingDigits.draw(self.n_samples, self.seed)
        process = OrnsteinUhlenbeck(t_min=self.time, t_max=LATEST_TIME)
        score = self._grid_of_models(digits.items().flatten(1), process, generator)
        return digits.copies(score, process, self.seed, generator)

    def _grid_of_models(
        self, items: Tensor, process: OrnsteinUhlenbeck, generator: torch.Generator
    ) -> RandomFeatureGrid:
        scores = []
        for time in process.time_of(ratio_grid(process, SAMPLER_STEPS)).tolist():
            score = random_score(items, self.n_features, self.activation, process, time, generator)
            moments = collect_moments(score, items, noise_draws=self.noise_draws, generator=generator)
            score.set_readout(ridge_readout(moments, self.ridge))
            scores.append(score)
        return RandomFeatureGrid(scores)

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> list["Copies"]:
        fixed = {"activation": "relu", "n_samples": N_SAMPLES, "time": 0.01, "ridge": RIDGE}
        number = 1 if preset == "quick" else 3
        return grid(cls, **fixed, n_features=N_FEATURES, noise_draws=[1, 10, 100], seed=seeds(number))

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "copies",
            f"Share of {SAMPLES} generated digits that are copies of a training digit, against the number of features;"
            " bars are 95 % intervals of the excess over held-out digits, lines join means over seeds.",
            lambda figure: draw_copies(figure, frame(results)),
        )


def draw_copies(figure: Figure, table: Any) -> None:
    """Share of copies against features per training digit, one line for each m."""
    axes = figure.add_subplot(xscale="log", xlabel="p/n", ylabel="copies among the samples")
    axes.axvline(1, color="C5", linewidth=0.8)
    for marker, (noise_draws, group) in zip("osD", table.groupby("noise_draws"), strict=False):
        ratio = group.n_features / group.n_samples
        mean = group.groupby(ratio).copies.mean()
        (line,) = axes.plot(mean.index, mean, label=f"m = {noise_draws:g}")
        excess = group.copies - group.null
        bars = [excess - group.excess_low, group.excess_high - excess]
        axes.errorbar(ratio, group.copies, bars, fmt=marker, color=line.get_color(), markersize=4, capsize=2)
    axes.axhline(table.null.mean(), color="C3", linestyle=":", label="held-out null")
    axes.legend()
