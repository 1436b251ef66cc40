"""The two distances of generated samples at one bandwidth, where they cross, and how they are drawn."""

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemoscope.studies.large_steps.drawing import logarithmic
from mnemoscope.studies.rows import frame, rows

LINES = (("o", "mmd_optimal", "to the optimal score's"), ("s", "mmd_gaussian", "to the Gaussian"))
"""Marker, distance and label."""


def at_bandwidth(results: xr.Dataset, bandwidth: float, *, scaled: bool = False) -> Any:
    """The finished networks as a table with their two distances, means over the sets of samples.

    Args:
        results: of an experiment with generated samples.
        bandwidth: of the kernel.
        scaled: each set's distances over that between the optimal score's samples and the Gaussian, as in Fig. 4.
    """
    found, arrays = frame(results), rows(results).sel(bandwidth=bandwidth)
    for _, name, _ in LINES:
        values = arrays[name] / arrays.mmd_between if scaled else arrays[name]
        found[name] = values.values.mean(axis=1)
    return found


def mean_distances(found: Any, by: str) -> Any:
    """Means of the two distances over seeds; NaN where one of them is."""
    return found.groupby(by)[["mmd_optimal", "mmd_gaussian"]].agg(lambda values: values.to_numpy().mean())


def crossing(distances: Any) -> float:
    """The first η from which the samples are closer to the fitted Gaussian than to the optimal score's; NaN if none."""
    kept = distances.dropna()
    closer, log_eta = (kept.mmd_optimal - kept.mmd_gaussian).to_numpy(), np.log(kept.index.to_numpy())
    passes = np.flatnonzero((closer[:-1] < 0) & (closer[1:] >= 0))
    if not passes.size:
        return math.nan
    i = passes[0]
    return math.exp(np.interp(0.0, closer[i : i + 2], log_eta[i : i + 2]))


def draw_distances(axes: Axes, found: Any, by: str) -> None:
    """Both distances against a field: means as lines, a dot for each network."""
    for marker, name, label in LINES:
        mean = mean_distances(found, by)[name].dropna()
        (line,) = axes.plot(mean.index, mean, label=label)
        axes.plot(found[by], found[name], marker, color=line.get_color(), markersize=4)
    logarithmic(axes, found[by])


def draw_samples(arrays: xr.Dataset, figure: Figure) -> None:
    """Samples of the first seed's networks, one panel for each η."""
    flat = arrays.isel(trial=np.flatnonzero(arrays.diverged == 0)).sortby("learning_rate")
    first = {float(flat.learning_rate[k]): k for k in np.argsort(-flat.seed.values, kind="stable")}
    figure.set_size_inches(9.0, 3.0 * math.ceil(len(first) / 3) + 0.4)
    panels = np.atleast_1d(figure.subplots(math.ceil(len(first) / 3), min(3, len(first)), sharex=True, sharey=True))
    for axes, (eta, k) in zip(panels.flat, sorted(first.items()), strict=False):
        run = flat.isel(trial=k)
        generated, training = run.generated.dropna("item"), run.training.dropna("training_item")
        axes.plot(generated[:, 0], generated[:, 1], ".", color="C0", markersize=3, alpha=0.6)
        axes.plot(training[:, 0], training[:, 1], "x", color="C1", markersize=8, markeredgewidth=2)
        axes.set(title=f"η = {eta:g}, {int(run.steps):,} steps", xlim=(-6, 6), ylim=(-6, 6))
    for axes in panels.flat[len(first) :]:
        axes.set_axis_off()
