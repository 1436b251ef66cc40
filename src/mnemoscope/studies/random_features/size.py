"""Losses at dimensions that grow: the gap to the theory vanishes like 1/d."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.studies.random_features.model import (
    NOTE,
    RIDGE,
    SETTING,
    GaussianModel,
    draws_text,
    gap,
    mean_over_seeds,
    named,
    ridge_losses,
    setting_text,
)
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Claim, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.sweeps.trial import Array

SETTINGS = named(  # activation, psi_n, psi_p, noise_draws, time, ridge
    ("tanh", 4, 8, 4, 0.05, RIDGE),
    ("relu", 4, 8, 4, 0.05, RIDGE),
    ("tanh", 2, 6, 20, 0.02, RIDGE),
    ("relu", 2, 6, 20, 0.02, RIDGE),
    ("tanh", 4, 2, 1, 0.1, RIDGE),
    ("tanh", 4, 8, 1, 0.1, RIDGE),
)
SEEDS: dict[Preset, dict[int, int]] = {
    "quick": {50: 8, 100: 8, 200: 4},
    "paper": {50: 24, 100: 16, 200: 12, 400: 6},
}
"""How many of them at each dimension."""

AT_100, AT_400 = 0.05, 0.015
"""Tolerances. That for d = 400 is scaled by 400/d where the largest model is smaller, in the quick preset."""


class Size(GaussianModel, frozen=True):
    """The losses of the ridge solution, at several settings and dimensions."""

    ridge: float = Field(gt=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        return ridge_losses(self, self.ridge, self.items(generator), generator)

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> list["Size"]:
        return [
            trial
            for dim, number in SEEDS[preset].items()
            for setting in SETTINGS
            for trial in grid(cls, **setting, dim=dim, seed=seeds(number))
        ]

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        means = mean_over_seeds(frame(results), "dim")
        largest = int(means.dim.max())
        at_largest = AT_400 * max(1.0, 400 / largest)
        for dim, tolerance in ((100, AT_100), (largest, at_largest)):
            scaled = "" if dim in (100, 400) else f"; at d = 400, 1.5 %, scaled by 400/{dim}"
            same = means[means.dim == dim]
            for loss in ("test", "train"):
                gaps = abs(gap(same, loss))
                worst = same.iloc[int(gaps.argmax())]
                setting = f"{setting_text(worst)}, {loss} loss {worst[f'{loss}_theory']:.2g}"
                statement = (
                    f"At d = {dim} theory and simulated {loss} loss agree within {tolerance:.2g}{scaled} (largest of"
                    f" {len(same)} settings: {setting})."
                )
                if loss == "train":
                    # Relative to a loss that interpolation makes small: its limit is what is tested.
                    statement = f"At d = {dim} the largest gap of the train loss, a number: {setting}."
                accepted = (None, None if loss == "train" else tolerance)
                yield Claim(f"theory-{loss}-d{dim}", statement, NOTE, float(gaps.max()), accepted)
        for loss in ("test", "train"):
            gaps = gaps_in_the_limit(means, loss)
            statement = (
                f"Extrapolated to d = ∞ (a line in 1/d, weights d²) the gap of the {loss} loss is within"
                f" {at_largest:.2g} (largest of {len(gaps)} settings)."
            )
            yield Claim(f"theory-{loss}-limit", statement, NOTE, float(gaps.max()), (None, at_largest))
        yield Claim(
            name="gap-slope",
            statement=f"The gap to the theory falls like 1/d (slope of log gap against log d, 50 to {largest}; gap of"
            " the test loss averaged over all settings).",
            source=NOTE,
            published=-1.0,
            measured=gap_slope(means),
            tolerance=0.3,
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        means = mean_over_seeds(frame(results), "dim")
        yield Plot(
            "size",
            "Gap between simulated and predicted test loss against the dimension; the thick line is 1/d.",
            lambda figure: draw_gaps(figure, means),
        )


def gaps_in_the_limit(means: Any, loss: str) -> Array:
    """|gap| of every setting where a line in 1/d meets d = ∞.

    The weights: the spread over seeds falls like 1/d, and what the line leaves out, 1/d², faster.
    """
    groups = [group for _, group in means.groupby(SETTING)]
    lines = [np.polyfit(1 / group.dim, gap(group, loss), 1, w=group.dim) for group in groups]
    return np.abs([line[1] for line in lines])


def gap_slope(means: Any) -> float:
    """Slope of log |gap| against log d, the gap averaged over the settings."""
    dims = np.unique(means.dim)
    gaps = [abs(gap(means[means.dim == dim]).mean()) for dim in dims]
    return float(np.polyfit(np.log(dims), np.log(gaps), 1)[0])


def draw_gaps(figure: Figure, means: Any) -> None:
    """One line a setting."""
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="d", ylabel="|simulation/theory − 1|")
    for marker, (setting, group) in zip(
        "osD^vP", means.groupby(["activation", "psi_n", "psi_p", "noise_draws"]), strict=False
    ):
        activation, psi_n, psi_p, noise_draws = setting
        label = f"{activation}, ψ_n = {psi_n:g}, ψ_p = {psi_p:g}, {draws_text(noise_draws)}"
        axes.plot(group.dim, abs(gap(group)), marker=marker, markersize=4, linewidth=0.8, label=label)
    dims = np.unique(means.dim)
    axes.plot(dims, 1 / dims, color="C3", linestyle="-", linewidth=2, alpha=0.5, label="1/d")
    axes.set_xticks(dims, [f"{dim:g}" for dim in dims])
    axes.minorticks_off()
    axes.set_ylim(bottom=axes.get_ylim()[0] / 50)  # room for the legend
    axes.legend(fontsize=7, loc="lower left")
