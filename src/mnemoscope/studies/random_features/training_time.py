"""Losses along gradient flow from zero: memorization sets in late, and later with more noise draws."""

from collections.abc import Iterator

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.random_features import GradientFlow, collect_moments
from mnemoscope.studies.random_features.model import LOSSES, GaussianModel
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.theory import training_curve

TRAINING_TIMES = np.geomspace(0.1, 1e5, 19)


class TrainingTime(GaussianModel, frozen=True):
    """The losses along gradient flow, without a penalty."""

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        score, moments, fresh = self.draw(self.items(generator), generator)
        test = collect_moments(score, fresh, noise_draws=1, generator=generator)
        flow, times = GradientFlow(moments), torch.from_numpy(TRAINING_TIMES)
        return {
            "training_time": ("training_time", TRAINING_TIMES),
            "test_path": ("training_time", flow.losses(times, test).numpy()),
            "train_path": ("training_time", flow.losses(times, moments).numpy()),
        }

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> list["TrainingTime"]:
        model = {"activation": "tanh", "dim": 100, "psi_n": 4.0, "psi_p": 8.0, "time": 0.05}
        return grid(cls, **model, noise_draws=[1, 4, 20], seed=seeds(2 if preset == "quick" else 4))

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "training-time",
            "Losses along gradient flow from zero. The test loss turns where memorization sets in.",
            lambda figure: draw_paths(figure, rows(results)),
        )


def draw_paths(figure: Figure, trials: xr.Dataset) -> None:
    """Test and train loss against training time, one line for each m."""
    figure.set_size_inches(9.0, 4.0)
    times = np.geomspace(float(trials.training_time[0]), float(trials.training_time[-1]), 100)
    panels = figure.subplots(1, 2)
    for noise_draws, same in trials.groupby("noise_draws"):
        setting = {name: float(same[name][0]) for name in ("psi_n", "psi_p", "time", "noise_draws")}
        theory = training_curve(**setting, training_time=times, activation=str(same.activation.values[0]))
        for axes, path, name in zip(panels, ("test_path", "train_path"), LOSSES, strict=True):
            (line,) = axes.plot(times, theory[name], label=f"m = {noise_draws:g}")
            mean, low, high = same[path].mean("trial"), same[path].min("trial"), same[path].max("trial")
            axes.errorbar(
                same.training_time, mean, [mean - low, high - mean], fmt="o", color=line.get_color(), markersize=4
            )
    for axes, label in zip(panels, LOSSES.values(), strict=True):
        axes.set(xscale="log", xlabel="training time τ", ylabel=f"{label} per dimension")
        axes.legend()
