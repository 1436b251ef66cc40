"""Which networks stand in which figure of the paper, the means over their seeds, and the figures."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.studies.large_steps.drawing import excess_bars, logarithmic
from mnemoscope.studies.study import Plot


def of_two_dimensions(found: Any) -> Any:
    """The networks of Fig. 3."""
    return found[found.dim == 2].sort_values(["learning_rate", "seed"])


def sharing_the_step(found: Any) -> Any:
    """The networks of Fig. 4: those that share η and steps with one of more than two dimensions."""
    high = found[found.dim > 2]
    same = found[found.learning_rate.isin(high.learning_rate) & found.steps.isin(high.steps)]
    return same.sort_values(["dim", "seed"])


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


def draw_generation(found: Any, arrays: xr.Dataset) -> Iterator[Plot]:
    """The figures of finished networks: their numbers as a table, their samples as arrays along ``trial``."""
    if _with_distances(found):
        yield Plot(
            "distances",
            "MMD² of the samples to those of the optimal score and to the Gaussian fitted to the data: against η"
            " (left), and against the dimension (right).",
            partial(_draw_distances, found),
        )
    flat = of_two_dimensions(found[found.diverged == 0])
    if len(flat):
        yield Plot(
            "copies",
            "Share of the samples that are copies of a training point, with 95 % intervals of the excess, and the null:"
            " fresh draws of the data's law.",
            partial(_draw_copies, flat),
        )
        yield Plot(
            "samples",
            "Samples (dots) of two-dimensional networks and the ten training points (crosses).",
            partial(_draw_samples, arrays),
        )


def _with_distances(found: Any) -> list[tuple[Any, str, str, str]]:
    """The networks of Fig. 3 and of Fig. 4, if any of them has samples; what they stand against; label and title."""
    flat, high = of_two_dimensions(found), sharing_the_step(found)
    steps = f"η = {high.learning_rate.iloc[0]:g}, {high.steps.iloc[0]:,.0f} steps" if len(high) else ""
    panels = [(flat, "learning_rate", "η", "d = 2"), (high, "dim", "d", steps)]
    return [panel for panel in panels if panel[0].mmd_optimal.notna().any()]


def _draw_distances(found: Any, figure: Figure) -> None:
    figure.set_size_inches(9.0, 4.0)
    panels = _with_distances(found)
    lines = (("o", "mmd_optimal", "to the optimal score's"), ("s", "mmd_gaussian", "to the Gaussian"))
    for axes, (networks, x, label_x, title) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        for marker, name, label in lines:
            mean = mean_distances(networks, x)[name].dropna()
            (line,) = axes.plot(mean.index, mean, label=label)
            axes.plot(networks[x], networks[name], marker, color=line.get_color(), markersize=4)
        top = 1.3 * axes.get_ylim()[1]  # room for the legend
        axes.set(xlabel=label_x, ylabel="MMD²", ylim=(0, top), title=title)
        logarithmic(axes, networks[x])
        axes.legend()


def _draw_copies(flat: Any, figure: Figure) -> None:
    axes = figure.add_subplot(xlabel="η", ylabel="copies among the samples")
    mean = flat.groupby("learning_rate")[["copies", "null"]].mean()
    axes.plot(mean.index, mean.copies, color="C0", label="samples")
    axes.errorbar(flat.learning_rate, flat.copies, excess_bars(flat), fmt="o", color="C0", markersize=4, capsize=2)
    axes.plot(mean.index, mean.null, ":", color="C1", label="null")
    axes.plot(flat.learning_rate, flat.null, "s", color="C1", markersize=4)
    for _, row in flat[~flat.duplicated("learning_rate", keep="last")].iterrows():
        label = f"{row.steps / 1000:g}k"
        axes.annotate(label, (row.learning_rate, row.copies), (4, 6), textcoords="offset points", fontsize=8)
    axes.set_ylim(bottom=0)
    logarithmic(axes, flat.learning_rate)
    axes.legend(title="labels: steps")


def _draw_samples(arrays: xr.Dataset, figure: Figure) -> None:
    flat = arrays.isel(trial=np.flatnonzero((arrays.dim == 2) & (arrays.diverged == 0))).sortby("learning_rate")
    last = {float(flat.learning_rate[k]): k for k in np.argsort(-flat.seed.values, kind="stable")}
    figure.set_size_inches(9.0, 3.0 * math.ceil(len(last) / 3) + 0.4)
    panels = np.atleast_1d(figure.subplots(math.ceil(len(last) / 3), min(3, len(last)), sharex=True, sharey=True))
    for axes, (eta, k) in zip(panels.flat, sorted(last.items()), strict=False):
        run = flat.isel(trial=k)
        generated, training = run.generated.dropna("item"), run.training.dropna("training_item")
        axes.plot(generated[:, 0], generated[:, 1], ".", color="C0", markersize=3, alpha=0.6)
        axes.plot(training[:, 0], training[:, 1], "x", color="C1", markersize=8, markeredgewidth=2)
        axes.set(title=f"η = {eta:g}, {int(run.steps):,} steps", xlim=(-6, 6), ylim=(-6, 6))
    for axes in panels.flat[len(last) :]:
        axes.set_axis_off()
