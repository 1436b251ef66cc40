"""The figures of ``stability``: sharpness against the edge, irregularity against its bounds."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.studies.large_steps.drawing import logarithmic
from mnemoscope.sweeps.trial import Array


def draw_sharpness(found: xr.Dataset, settled: Array, figure: Figure) -> None:
    """Left: the last weights, settled or not, and the averaged ones, against the edge; right: on the way there."""
    figure.set_size_inches(9.0, 4.0)
    left, right = figure.subplots(1, 2)
    edge = 2 / found.learning_rate.values
    ends = np.array([edge.min() / 1.3, edge.max() * 1.3])
    floor = ends[0] / 2
    for chosen, ratios, marker, label in (
        (settled, found.stability_ratio.values, {"marker": "o", "color": "C0"}, "last weights, settled"),
        (~settled, found.stability_ratio.values, {"marker": "x", "color": "C3"}, "last weights, not settled"),
        (
            np.ones_like(settled),
            found.average_ratio.values,
            {"marker": "s", "color": "C2", "fillstyle": "none"},
            "weights averaged at the end",
        ),
    ):
        # Units that no data reach any more leave no curvature: such networks lie at the bottom.
        heights = np.maximum(ratios * edge, floor)
        left.plot(edge[chosen], heights[chosen], linestyle="", label=label, **marker)
    left.plot(ends, ends, color="C1", linestyle="-", label="2/η")
    left.set(xscale="log", yscale="log", xlabel="2/η", ylabel="width · λ_max")
    left.legend()
    first = found.isel(trial=np.flatnonzero(found.seed == found.seed.min())).sortby("learning_rate")
    for k in range(first.sizes["trial"]):
        run = first.isel(trial=k)
        right.plot(run.checkpoint, run.ratio_path, marker="o", markersize=4, label=f"η = {float(run.learning_rate):g}")
    right.axhline(1, color="C3", linestyle="-", linewidth=0.8)
    right.set(xlabel="step", ylabel="η · width · λ_max/2", ylim=(0, 1.5 * right.get_ylim()[1]))
    right.legend(ncols=2, loc="upper right")


def draw_irregularity(found: Any, figure: Figure) -> None:
    """TV_π and the two bounds against η."""
    axes = figure.add_subplot(yscale="log", xlabel="η", ylabel="irregularity")
    axes.plot(found.learning_rate, found.irregularity, "o", color="C0", label="TV_π of the learned score")
    axes.plot(found.learning_rate, found.sharp_bound, "s", color="C1", fillstyle="none", label="bound, measured λ_max")
    label = "bound, λ_max = 2/(width η)"
    axes.plot(found.learning_rate, found.stable_bound, "^", color="C2", fillstyle="none", label=label)
    logarithmic(axes, found.learning_rate)
    axes.legend()
