"""The figures on points in the plane; those on images are in ``image_plots``."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.spatial import Voronoi, voronoi_plot_2d

from mnemoscope.auditing import clopper_pearson
from mnemoscope.studies.regularization import table
from mnemoscope.studies.regularization.claims import LATE_SIGMA, PUBLISHED_EARLY, PUBLISHED_TIKHONOV, law
from mnemoscope.studies.regularization.closed_form import training_points
from mnemoscope.studies.regularization.image_plots import draw_image_plots
from mnemoscope.studies.study import Plot
from mnemoscope.sweeps.trial import Array

COLLAPSE = (
    "Share of samples that end within 0.01 of one of 20 training points; bars are 95 % intervals. Left: Tikhonov, with"
    " the law 1 − exp(−tol²/2c) and the published shares. Middle: empirical Bayes. Right: tempered weights, which stop"
    " nothing, and the kernel-smoothed score."
)
EARLY_STOPPING = (
    "Share of a trained network's samples within 0.05 of a training point, along the training; shades are the range"
    " over seeds. Left: the published curve, the plain network and the one with 1/σ built in. Middle: Tikhonov"
    " training. Right: widths."
)
TRAJECTORIES = "Trajectories of the exact score over the Voronoi cells of the 20 training points, and where they end."
WEIGHTS = (
    "Posterior weights of the 20 training points along one trajectory, against time; time runs backwards from the"
    " right. The line is the collapse time of the whole law."
)
RATES = (
    "Distance to the limit, 100 trajectories: against time, with 2σ(t) (top), and in the time s = −log σ, with"
    " e^(−s) (bottom)."
)
SYMMETRIC = (
    "2 and 4 symmetric points. Starts on the vertical symmetry line (dashed) end in the middle between points, all"
    " others on a point; lines are the boundaries of the Voronoi cells."
)
_PROCESSES = {"variance-exploding": "variance exploding", "variance-preserving": "variance preserving"}


def draw_plots(results: xr.Dataset) -> list[Plot]:
    """All figures whose trials have begun to come in, most important first."""
    results = results.isel(trial=np.flatnonzero(results.finished))
    plots: list[Plot] = []

    def add(name: str, caption: str, draw: Callable[..., None], **where: Any) -> None:
        rows = table.select(results, **where)
        if rows.sizes["trial"]:
            plots.append(Plot(name, caption, lambda figure: draw(figure, rows)))

    add("collapse", COLLAPSE, _collapse, part="collapse")
    add("early-stopping", EARLY_STOPPING, _early_stopping, part="network")
    add("trajectories", TRAJECTORIES, _trajectories, part="path")
    add("weights", WEIGHTS, _weights, part="path")
    add("rates", RATES, _rates, part="path")
    add("symmetric", SYMMETRIC, _symmetric, part="symmetric")
    return [*draw_image_plots(results), *plots]


def _shares(axes: Axes, rows: xr.Dataset, score: str, colour: str, marker: str, label: str) -> Array:
    at, copies, samples = table.collapsed(rows, score)
    intervals = np.array([clopper_pearson(int(k), int(n)) for k, n in zip(copies, samples, strict=True)])
    share = copies / samples
    bars = abs(intervals.T - share)
    axes.errorbar(at, share, bars, fmt=marker, color=colour, markersize=4, capsize=2, label=label)
    return at


def _collapse(figure: Figure, rows: xr.Dataset) -> None:
    figure.set_size_inches(11.0, 3.8)
    tikhonov, bayes, others = figure.subplots(1, 3, sharey=True)
    if (at := table.strengths(rows, score="tikhonov")).size:
        fine = np.geomspace(at[0], at[-1], 200)
        tikhonov.plot(fine, law(fine), color="C0", linestyle="-", label="1 − exp(−tol²/2c)")
        _shares(tikhonov, rows, "tikhonov", "C0", "o", "measured")
        published = 10.0 ** np.arange(-5, -0.9, 0.5)
        tikhonov.plot(published, PUBLISHED_TIKHONOV, "x", color="C1", markersize=7, label="published")
        tikhonov.legend()
    if table.strengths(rows, score="empirical-bayes").size:
        at = _shares(bayes, rows, "empirical-bayes", "C0", "o", "measured")
        _, copies, samples = table.collapsed(rows, "empirical-bayes")
        bayes.plot(at, copies / samples, color="C0", linestyle="-")
    for score, colour, marker, label in (
        ("tempered", "C1", "s", "tempered, temperature T"),
        ("kernel-smoothed", "C2", "D", "kernel-smoothed, bandwidth h"),
    ):
        if table.strengths(rows, score=score).size:
            at = _shares(others, rows, score, colour, marker, label)
            _, copies, samples = table.collapsed(rows, score)
            others.plot(at, copies / samples, color=colour, linestyle="-")
    others.legend(loc="center right", bbox_to_anchor=(1, 0.75), fontsize=8)
    for axes, title, label in (
        (tikhonov, "Tikhonov", "c"),
        (bayes, "empirical Bayes", "τ"),
        (others, "smoothed", "T or h"),
    ):
        axes.set(xscale="log", xlabel=label, title=title)
    tikhonov.set_ylabel("share within 0.01 of a training point")


def _curve(axes: Axes, rows: xr.Dataset, label: str, colour: str, **where: Any) -> None:
    """Mean over seeds, with their range as a shade."""
    if not table.select(rows, **where).sizes["trial"]:
        return
    epochs, found = table.along_training(rows, "within_0_05", **where)
    axes.plot(epochs / 1000, found.mean(axis=0), color=colour, marker="o", markersize=3, label=label)
    axes.fill_between(epochs / 1000, found.min(axis=0), found.max(axis=0), color=colour, alpha=0.2, linewidth=0)


def _early_stopping(figure: Figure, rows: xr.Dataset) -> None:
    figure.set_size_inches(11.0, 3.8)
    plain, penalty, width = figure.subplots(1, 3, sharey=True)
    base: dict[str, Any] = {"score": "network", "strength": 0.0, "width": 256}
    longest = int(rows.steps.max()) // 10_000
    plain.plot(10 * np.arange(1, longest + 1), PUBLISHED_EARLY[:longest], "x", color="C1", markersize=7)
    plain.lines[-1].set_label("published, plain")
    for axes, label in ((plain, "plain"), (penalty, "c = 0"), (width, "width 256")):
        _curve(axes, rows, label, "C0", **base)
    _curve(plain, rows, "1/σ built in", "C2", **(base | {"score": "singular-network"}))
    for k, c in enumerate(value for value in table.strengths(rows, score="network") if value):
        _curve(penalty, rows, f"c = {c:g}", f"C{k + 1}", **(base | {"strength": c}))
    for k, value in enumerate(sorted({int(w) for w in np.atleast_1d(rows.width.values)} - {256})):
        _curve(width, rows, f"width {value}", f"C{k + 1}", **(base | {"width": value}))
    for axes in (plain, penalty, width):
        axes.set_xlabel("thousand epochs")
        axes.legend()
    plain.set_ylabel("share within 0.05 of a training point")


def _cells(axes: Axes, points: Array) -> None:
    """The boundaries of the Voronoi cells, and the points."""
    ink = axes.spines["left"].get_edgecolor()
    voronoi_plot_2d(Voronoi(points), axes, show_points=False, show_vertices=False, line_colors=ink, line_width=0.6)
    axes.plot(*points.T, "o", color="C1", markersize=4)


def _by_process(rows: xr.Dataset) -> list[tuple[str, xr.Dataset]]:
    """A title and the first trial of each process."""
    found = [(title, table.select(rows, process=name)) for name, title in _PROCESSES.items()]
    return [(title, of_process.isel(trial=0)) for title, of_process in found if of_process.sizes["trial"]]


def _trajectories(figure: Figure, rows: xr.Dataset) -> None:
    figure.set_size_inches(9.0, 4.6)
    shown = _by_process(rows)
    for axes, (title, row) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _cells(axes, training_points("points"))
        for x in row.position.values.transpose(1, 0, 2)[:30]:
            axes.plot(*x.T, color="C0", linestyle="-", linewidth=0.7)
            axes.plot(*x[-1], "o", color="C2", fillstyle="none", markersize=8)
        axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="x₁", ylabel="x₂", title=title)
        axes.grid(False)


def _weights(figure: Figure, rows: xr.Dataset) -> None:
    figure.set_size_inches(9.0, 3.6)
    shown = _by_process(rows)
    for axes, (title, row) in zip(figure.subplots(1, len(shown), sharey=True, squeeze=False)[0], shown, strict=True):
        for weight in row.weight.values.T:
            axes.plot(row.time, weight, linestyle="-", linewidth=1)
        axes.axvline(float(row.collapse_time), color=axes.spines["left"].get_edgecolor(), linestyle="--")
        axes.set(xlabel="time t", title=title, xscale="log", xlim=(1e-3, 1))
    figure.axes[0].set_ylabel("posterior weight")


def _rates(figure: Figure, rows: xr.Dataset) -> None:
    figure.set_size_inches(9.0, 6.4)
    shown = _by_process(rows)
    panels = figure.subplots(2, len(shown), squeeze=False)
    for (upper, lower), (title, row) in zip(panels.T, shown, strict=True):
        sigma, distance = row.sigma.values, row.to_limit.values
        ink = upper.spines["left"].get_edgecolor()
        upper.plot(row.time, distance, color="C0", linestyle="-", linewidth=0.5, alpha=0.4)
        upper.plot(row.time, 2 * sigma, color="C1", linestyle="-", linewidth=2, label="2σ(t)")
        upper.set(xscale="log", yscale="log", xlabel="time t", title=title)
        s, late = -np.log(sigma), sigma < LATE_SIGMA
        largest = distance.max(axis=1)
        lower.plot(s, distance, color="C0", linestyle="-", linewidth=0.5, alpha=0.4)
        lower.plot(s, largest, color=ink, linestyle="-", label="largest")
        if late.any():
            scale = largest[late][0] * sigma / sigma[late][0]
            lower.plot(s[late], scale[late], color="C1", linestyle="--", linewidth=2, label="∝ e^(−s)")
        lower.set(yscale="log", xlabel="s = −log σ")
        for axes in (upper, lower):
            axes.legend()
    for axes in panels[:, 0]:
        axes.set_ylabel("distance to the limit")


def _symmetric(figure: Figure, rows: xr.Dataset) -> None:
    figure.set_size_inches(9.0, 4.6)
    names = list(dict.fromkeys(np.atleast_1d(rows.data.values)))
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        row = table.select(rows, data=name).isel(trial=0)
        points = training_points(str(name))
        # A cell needs neighbours on all sides to be bounded: two points have one boundary, four have two.
        axes.axvline(0, color=axes.spines["left"].get_edgecolor(), linewidth=0.6)
        if len(points) > 2:
            axes.axhline(0, color=axes.spines["left"].get_edgecolor(), linewidth=0.6)
        axes.plot(*points.T, "o", color="C1", markersize=5)
        for x, special in zip(row.track.values.transpose(1, 0, 2), row.on_boundary.values == 1, strict=True):
            colour, dashes = ("C2", "--") if special else ("C0", "-")
            axes.plot(*x.T, color=colour, linestyle=dashes, linewidth=2 if special else 0.7)
            axes.plot(*x[-1], "o", color=colour, fillstyle="none", markersize=9)
        axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="x₁", ylabel="x₂", title=f"{len(points)} points")
        axes.grid(False)
