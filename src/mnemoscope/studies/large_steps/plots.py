"""The figures: those of the paper, and what it does not show."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.studies.images import missing_images
from mnemoscope.studies.large_steps.claims import PUBLISHED, as_frame, dimension_rows, mean_distances, rates_rows
from mnemoscope.studies.large_steps.images import SAMPLES
from mnemoscope.studies.large_steps.laws import LAWS
from mnemoscope.studies.study import Plot

SCORES = "Learned scores (first run) against the optimal one, d = 1, at two noise levels: the larger η, the smoother."
RISK = (
    "Excess risk after SGD against η: means, and bands with 95 % of the runs. Crosses are the published means of d = 1,"
    " read off. At d = 10 the squared norm over all dimensions."
)
SHARPNESS = (
    "Sharpness against the edge of stability 2/η (the line) at the end of full-batch descent on the exact risk, and the"
    " stability ratio on the way there."
)
IRREGULARITY = (
    "TV_π of the scores learned by full-batch descent, and the bounds of Prop. 6 with the measured sharpness and with"
    " that of a stable minimum. Dead networks, TV_π = 0, are off the axis."
)
SAMPLES_CAPTION = "Samples (dots) of two-dimensional networks and the ten training points (crosses)."
DISTANCES = (
    "MMD² of the samples to those of the optimal score and to the Gaussian fitted to the data: against η (left), and"
    " against the dimension (right)."
)
COPIES = (
    "Share of the samples that are copies of a training point, with 95 % intervals of the excess, and the null: fresh"
    " draws of the data's law."
)
LAWS_CAPTION = (
    "How far every configuration is from violating each theorem, where its conditions are met; 1 is the edge."
)
IMAGES = (
    f"Share of {SAMPLES} generated images that are copies of one of 8 training images against η, with 95 % intervals of"
    " the excess over held-out images: at the same number of steps, and at the same η · steps."
)


def draw_plots(results: xr.Dataset) -> list[Plot]:
    """All figures whose trials have begun to come in, most important first."""
    results = results.isel(trial=np.flatnonzero(results.finished))
    frame = as_frame(results)
    part = {name: frame[frame.part == name] for name in frame.part.unique()}
    table = {name: results.isel(trial=np.flatnonzero(results.part == name)) for name in part}
    plots: list[Plot] = []

    def add(name: str, draw: Callable[..., None], rows: Any, caption: str) -> None:
        plots.append(Plot(name, caption, lambda figure: draw(figure, rows)))

    if "risk" in part:
        add("excess-risk", _risk, part["risk"], RISK)
        add("scores", _scores, table["risk"], SCORES)
    if "stability" in part:
        add("sharpness", _sharpness, table["stability"], SHARPNESS)
        add("irregularity", _irregularity, part["stability"], IRREGULARITY)
    if "generation" in part:
        add("distances", _distances, part["generation"], DISTANCES)
        add("copies", _copies, rates_rows(part["generation"]), COPIES)
        add("samples", _samples, table["generation"], SAMPLES_CAPTION)
    if "images" in part:
        missing = missing_images()
        add("images", _images, part["images"], IMAGES + missing)
    if "laws" in part:
        add("laws", _laws, part["laws"], LAWS_CAPTION)
    return plots


def _level(time: float) -> str:
    process = OrnsteinUhlenbeck()
    return f"μ = {float(process.alpha(time)):.2f}, σ = {float(process.sigma(time)):.2f}"


def _ticks(axes: Axes, values: Any) -> None:
    """A tick at each value of a logarithmic axis, and at no other."""
    ticks = sorted(set(values))
    if len(ticks) > 1:
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()


def _risk(figure: Figure, rows: Any) -> None:
    figure.set_size_inches(9.0, 4.0)
    dims = sorted(rows.dim.unique())
    for axes, dim in zip(np.atleast_1d(figure.subplots(1, len(dims))), dims, strict=True):
        for index, (time, group) in enumerate(rows[rows.dim == dim].groupby("time")):
            runs = group.groupby("learning_rate").excess_risk
            mean, low, high = runs.mean(), runs.quantile(0.025), runs.quantile(0.975)
            axes.plot(mean.index, mean, marker="os"[index % 2], color=f"C{index}", label=_level(time))
            axes.fill_between(mean.index, low, high, color=f"C{index}", alpha=0.2)
            if dim == 1 and time in PUBLISHED:
                known = PUBLISHED[time]
                axes.plot(list(known), [values[0] for values in known.values()], "x", color=f"C{index}", markersize=9)
        axes.set(xscale="log", yscale="log", xlabel="η", ylabel="excess risk", title=f"d = {dim:g}")
        _ticks(axes, [*rows[rows.dim == dim].learning_rate, *(PUBLISHED[0.05] if dim == 1 else [])])
        axes.legend()


def _scores(figure: Figure, rows: xr.Dataset) -> None:
    figure.set_size_inches(9.0, 4.0)
    first = rows.isel(trial=np.flatnonzero((rows.dim == 1) & (rows.seed == rows.seed.min())))
    times = np.unique(first.time)
    for axes, time in zip(np.atleast_1d(figure.subplots(1, len(times))), times, strict=True):
        same = first.isel(trial=np.flatnonzero(first.time == time)).sortby("learning_rate")
        shown = same.isel(y=np.flatnonzero(np.abs(same.y) <= 2.5))
        axes.plot(shown.y, shown.optimal.isel(trial=0), color="C3", linestyle="-", linewidth=2.5, alpha=0.5, label="s*")
        for k in range(shown.sizes["trial"]):
            run = shown.isel(trial=k)
            axes.plot(shown.y, run.learned, linewidth=1.2, label=f"η = {float(run.learning_rate):g}")
        axes.set(xlabel="y", ylabel="score", title=_level(float(time)))
        axes.legend()


def _sharpness(figure: Figure, rows: xr.Dataset) -> None:
    figure.set_size_inches(9.0, 4.0)
    left, right = figure.subplots(1, 2)
    edge = 2 / rows.learning_rate.values
    ends = np.array([edge.min() / 1.3, edge.max() * 1.3])
    floor = ends[0] / 2
    for ratios, marker, label in (
        (rows.stability_ratio.values, {"marker": "o", "color": "C0"}, "last weights"),
        (rows.average_ratio.values, {"marker": "s", "color": "C2", "fillstyle": "none"}, "weights averaged at the end"),
    ):
        # Units that no data reach any more leave no curvature: such networks lie at the bottom.
        left.plot(edge, np.maximum(ratios * edge, floor), linestyle="", label=label, **marker)
    left.plot(ends, ends, color="C1", linestyle="-", label="2/η")
    left.set(xscale="log", yscale="log", xlabel="2/η", ylabel="width · λ_max")
    left.legend()
    first = rows.isel(trial=np.flatnonzero(rows.seed == rows.seed.min())).sortby("learning_rate")
    for k in range(first.sizes["trial"]):
        run = first.isel(trial=k)
        right.plot(run.look, run.ratio_path, marker="o", markersize=4, label=f"η = {float(run.learning_rate):g}")
    right.axhline(1, color="C3", linestyle="-", linewidth=0.8)
    right.set(xlabel="step", ylabel="η · width · λ_max/2", ylim=(0, 1.5 * right.get_ylim()[1]))
    right.legend(ncols=2, loc="upper right")


def _irregularity(figure: Figure, rows: Any) -> None:
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="η", ylabel="irregularity")
    axes.plot(rows.learning_rate, rows.irregularity, "o", color="C0", label="TV_π of the learned score")
    axes.plot(rows.learning_rate, rows.sharp_bound, "s", color="C1", fillstyle="none", label="bound, measured λ_max")
    label = "bound, λ_max = 2/(width η)"
    axes.plot(rows.learning_rate, rows.stable_bound, "^", color="C2", fillstyle="none", label=label)
    _ticks(axes, rows.learning_rate)
    axes.legend()


def _distances(figure: Figure, rows: Any) -> None:
    figure.set_size_inches(9.0, 4.0)
    panels = figure.subplots(1, 2)
    lines = (("o", "mmd_optimal", "to the optimal score's"), ("s", "mmd_gaussian", "to the Gaussian"))
    for axes, found, x in zip(panels, (rates_rows(rows), dimension_rows(rows)), ("learning_rate", "dim"), strict=True):
        for marker, name, label in lines:
            mean = mean_distances(found, x)[name].dropna()
            (line,) = axes.plot(mean.index, mean, label=label)
            axes.plot(found[x], found[name], marker, color=line.get_color(), markersize=4)
        axes.set(xscale="log", ylabel="MMD²", ylim=(0, 1.3 * axes.get_ylim()[1]))  # room for the legend
        _ticks(axes, found[x])
        axes.legend()
    panels[0].set(xlabel="η", title="d = 2")
    panels[1].set(xlabel="d", title=_steps(dimension_rows(rows)))


def _steps(rows: Any) -> str:
    return f"η = {rows.learning_rate.iloc[0]:g}, {rows.steps.iloc[0]:,.0f} steps" if len(rows) else ""


def _copies(figure: Figure, rows: Any) -> None:
    axes = figure.add_subplot(xscale="log", xlabel="η", ylabel="copies among the samples")
    kept = rows[rows.copies.notna()]
    mean = kept.groupby("learning_rate")[["copies", "null"]].mean()
    axes.plot(mean.index, mean.copies, color="C0", label="samples")
    axes.errorbar(kept.learning_rate, kept.copies, _bars(kept), fmt="o", color="C0", markersize=4, capsize=2)
    axes.plot(mean.index, mean.null, ":", color="C1", label="null")
    axes.plot(kept.learning_rate, kept.null, "s", color="C1", markersize=4)
    for _, row in kept[~kept.duplicated("learning_rate", keep="last")].iterrows():
        label = f"{row.steps / 1000:g}k"
        axes.annotate(label, (row.learning_rate, row.copies), (4, 6), textcoords="offset points", fontsize=8)
    axes.set_ylim(bottom=0)
    _ticks(axes, kept.learning_rate)
    axes.legend(title="labels: steps")


def _bars(rows: Any) -> list[Any]:
    """Error bars of the excess, at the rate."""
    excess = rows.copies - rows.null
    return [(excess - rows.excess_low).clip(lower=0), (rows.excess_high - excess).clip(lower=0)]


def _samples(figure: Figure, rows: xr.Dataset) -> None:
    flat = rows.isel(trial=np.flatnonzero((rows.dim == 2) & (rows.diverged == 0))).sortby("learning_rate")
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


def _images(figure: Figure, rows: Any) -> None:
    models = list(dict.fromkeys(zip(rows.data, rows.network, strict=True)))
    figure.set_size_inches(9.0, 2.6 * len(models) + 0.6)
    panels = figure.subplots(len(models), 2, squeeze=False)
    for line, (data, network) in zip(panels, models, strict=True):
        for axes, optimizer in zip(line, ("sgd", "adam"), strict=True):
            same = rows[(rows.data == data) & (rows.network == network) & (rows.optimizer == optimizer)]
            distance = (same.learning_rate * same.steps).map(lambda value: float(f"{value:.2g}"))
            budgets = same.steps.mode().max(), distance.mode().max()
            labels = (f"{budgets[0]:,.0f} steps", f"η · steps = {budgets[1]:g}")
            chosen = (same.steps == budgets[0], distance == budgets[1])
            for marker, mask, label in zip("os", chosen, labels, strict=True):
                group = same[mask].sort_values("learning_rate").dropna(subset="copies")
                axes.errorbar(group.learning_rate, group.copies, _bars(group), marker=marker, capsize=2, label=label)
            gone = same[same.diverged > 0]
            axes.plot(gone.learning_rate, 0 * gone.diverged, "x", color="C3", label="diverged" if len(gone) else None)
            null = same.null.mean()
            axes.axhline(null, color="C3", linestyle=":", linewidth=0.8)
            axes.set(xscale="log", title=f"{data}, {network}, {optimizer}")
            axes.set_ylim(bottom=-0.05 * axes.get_ylim()[1])
            _ticks(axes, same.learning_rate)
            axes.legend(fontsize=8)
        line[0].set_ylabel("copies")
    for axes in panels[-1]:
        axes.set_xlabel("η")


def _laws(figure: Figure, rows: Any) -> None:
    figure.set_size_inches(8.0, 4.0)
    axes = figure.add_subplot(xscale="log", xlabel="larger side / smaller side (1: equality)")
    names = list(LAWS)[::-1]
    for place, law in enumerate(names):
        margins = rows[f"margin_{law}"]
        finite = margins[np.isfinite(margins)].clip(upper=1e12)
        axes.plot(finite, np.full(len(finite), place), "|", color="C0", markersize=12)
    axes.axvline(1, color="C1", linestyle="-")
    axes.set_yticks(range(len(names)), [LAWS[law] for law in names])
    axes.set_xlim(left=0.5)
