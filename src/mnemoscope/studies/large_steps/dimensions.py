"""Fig. 4 of the paper: samples against the dimension, at one learning rate.

The figure divides both distances, for each set of samples, by that between the optimal score's samples and the fitted
Gaussian: 1 is as far as these two are apart. Its bandwidth is 1.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.studies.large_steps.distances import at_bandwidth, draw_distances, mean_distances
from mnemoscope.studies.large_steps.generation import Generated
from mnemoscope.studies.large_steps.published import PAPER
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Plot, Preset, Seeds
from mnemoscope.sweeps import grid

BANDWIDTH = 1.0
RISE = 0.05
"""What two neighbouring means of three networks may differ by, in units of the scale."""


class Dimensions(Generated, frozen=True):
    """One network in d dimensions, and its samples."""

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Dimensions"]:
        quick = preset == "quick"
        fields = {"n_samples": 10, "width": 1000, "learning_rate": 0.5, "steps": 1_500 if quick else 50_000}
        dims = [2, 10, 50] if quick else [2, 5, 10, 20, 50, 100]
        return grid(cls, **fields, batch=250, dim=dims, seed=seeds(1 if quick else 3))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        means = mean_distances(at_bandwidth(results, BANDWIDTH, scaled=True), "dim")
        to_gaussian = means.mmd_gaussian.to_numpy()
        yield Claim(
            "dimension",
            "MMD² to the fitted Gaussian, over that between the optimal score's samples and the Gaussian, falls with d"
            f" ({', '.join(f'{d:g}' for d in means.index)}; largest rise from one mean to the next).",
            f"{PAPER}, Fig. 4",
            float(np.diff(to_gaussian).max()),
            (None, RISE),
        )
        yield Claim(
            "dimension-vanishes",
            "At the largest d the distance to the fitted Gaussian has vanished beside that to the optimal score's"
            " samples (ratio of the two).",
            f"{PAPER}, Fig. 4",
            float((means.mmd_gaussian / means.mmd_optimal).to_numpy()[-1]),
            (None, 0.01),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        if not (rows(results).diverged == 0).any():
            return
        yield Plot(
            "dimensions",
            "MMD² of the samples to those of the optimal score and to the Gaussian fitted to the data, over the MMD²"
            " between these two, against the dimension.",
            partial(_draw, at_bandwidth(results, BANDWIDTH, scaled=True)),
        )


def _draw(found: Any, figure: Figure) -> None:
    axes = figure.add_subplot()
    draw_distances(axes, found, "dim")
    title = f"η = {found.learning_rate.iloc[0]:g}, {found.steps.iloc[0]:,.0f} steps"
    axes.set(xlabel="d", ylabel="MMD², scaled", ylim=(0, 1.3 * axes.get_ylim()[1]), title=title)
    axes.legend()
