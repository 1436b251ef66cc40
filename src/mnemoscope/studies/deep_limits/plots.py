"""The figures, from the finished trials."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemoscope.studies.deep_limits.claims import part_of, reference_distances
from mnemoscope.studies.deep_limits.network_claims import TITLES, copies_at_equal_loss
from mnemoscope.studies.deep_limits.scores import SAMPLES
from mnemoscope.studies.deep_limits.trials import RATIO, SHOWN
from mnemoscope.studies.images import missing_images
from mnemoscope.studies.study import Plot
from mnemoscope.theory import alternating_limit

DEPTH = (
    "Gradient descent with steps proportional to the depth, after several numbers of iterations. Left: the largest"
    " distance of successive layers. Middle: the statistic that the authors' code accumulates instead. Right: the"
    " largest distance, over k/L, to the deepest network. Thick lines have the slopes of the theory."
)
FIT = (
    "The long run. Left: the mean square loss and the local Polyak–Łojasiewicz ratio. Right: "
    f"{SHOWN} entries of V along the depth at the end."
)
ODE = (
    "Distance of the output of a network of L layers to the ODE whose weights it reads off: each dot one random path,"
    " the largest over the inputs. The thick line is 1/L."
)
PAIRS = "The ReLU counter-example: the smallest gap between successive weights after training does not fall with L."
IMAGES = (
    "Trained convolutional networks on {}: correlation of the successive steps of their weights along the depth (1 for"
    " a path that an ODE follows, 0 for a random walk, −1/2 for noise), accuracy on training (hollow) and test images."
)
SCORES = (
    f"Residual score networks on 16 digits of 4×4 pixels. Left: share of copies among {SAMPLES} samples against the"
    " loss, along training. Right: the same at the lowest loss that all of them reach, with 95 % intervals of the"
    " excess; the dotted line is the held-out null."
)


def draw_plots(results: xr.Dataset) -> list[Plot]:
    """All figures whose trials have begun to come in, most important first."""
    plots: list[Plot] = []

    def add(name: str, part: str, draw: Callable[[Figure, xr.Dataset], None], caption: str, least: int = 1) -> None:
        trials = part_of(results, part)
        if trials.sizes["trial"] >= least:
            plots.append(Plot(name, caption, lambda figure: draw(figure, trials)))

    missing = missing_images()
    add("depth", "depth", _depth, DEPTH + missing, least=2)
    add("fit", "fit", _fit, FIT)
    for part, title in TITLES.items():
        add(part, part, _images, IMAGES.format(title))
    add("scores", "scores", _scores, SCORES)
    add("ode", "ode", _ode, ODE)
    add("counter-example", "counter-example", _pairs, PAIRS)
    return plots


def _power(axes: Axes, x: Any, start: float, exponent: float, label: str) -> None:
    x = np.asarray(x, dtype=float)
    axes.plot(x, start * (x / x[0]) ** exponent, color="C3", linestyle="-", linewidth=3, alpha=0.4, label=label)


def _depth(figure: Figure, trials: xr.Dataset) -> None:
    figure.set_size_inches(11.0, 3.8)
    panels = figure.subplots(1, 3)
    ordered = trials.sortby("depth")
    depths, gaps = reference_distances(trials)
    shown = (
        (panels[0], ordered.depth.values, ordered.maximum.values, -1.0, "largest successive distance", "1/L"),
        (panels[1], ordered.depth.values, ordered.accumulated.values, -0.5, "accumulated distance", "L^(−1/2)"),
        (panels[2], depths, gaps, -1.0, "distance to the deepest network", "1/L"),
    )
    for axes, x, values, exponent, label, law in shown:
        for marker, column, iteration in zip("os^Dv", values.T, ordered.iteration.values, strict=False):
            axes.plot(x, column, marker=marker, markersize=4, label=f"T = {int(iteration)}")
        _power(axes, x, 1.6 * float(values[0].max()), exponent, law)
        axes.set(xscale="log", yscale="log", xlabel="depth L", ylabel=label)
        axes.minorticks_off()
        axes.set_xticks(x[::2], [f"{depth:g}" for depth in x[::2]])
    handles, labels = panels[2].get_legend_handles_labels()
    figure.legend(handles[:-1], labels[:-1], loc="outside right center", fontsize=8)


def _fit(figure: Figure, trials: xr.Dataset) -> None:
    figure.set_size_inches(10.0, 4.0)
    left, right = figure.subplots(1, 2)
    run = trials.isel(trial=0)
    left.plot(run.fit_step / 1000, run.fit_loss, label="loss")
    left.plot(run.fit_step / 1000, run.fit_ratio, label="ratio ‖∇‖²/ℓ")
    left.set(yscale="log", xlabel="iterations, thousands", title=f"L = {int(run.depth)}, n = {int(run.n_samples)}")
    left.legend()
    weights = run.fit_weights.isel(fit_step=-1).dropna("fit_layer")
    for entry in weights.T.values:
        right.plot((np.arange(len(entry)) + 0.5) / len(entry), entry, marker=".", markersize=4)
    right.set(xlabel="k/L", ylabel="entry of V_k", title=f"share of jumps {float(run.fit_jumps[-1]):.2%}")


def _ode(figure: Figure, trials: xr.Dataset) -> None:
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="depth L", ylabel="largest ‖h_L − H(1)‖")
    axes.plot(trials.depth, trials.ode_error, "o", markersize=4, label="measured")
    means = np.exp(np.log(trials.ode_error).groupby(trials.depth).mean())
    _power(axes, means.depth.values, float(means[0]), -1.0, "1/L")
    axes.legend()


def _pairs(figure: Figure, trials: xr.Dataset) -> None:
    ordered = trials.sortby("depth")
    axes = figure.add_subplot(xscale="log", xlabel="depth 2L", ylabel="smallest |w_k+1 − w_k|")
    axes.plot(ordered.depth, ordered.pair_gap, "o", label="trained")
    limits = [alternating_limit(RATIO, depth // 2) + 1 / depth for depth in ordered.depth.values.tolist()]
    axes.plot(ordered.depth, limits, label="w* + 1/2L")
    axes.set_ylim(0, 1.15 * float(ordered.pair_gap.max()))
    axes.legend()


def _images(figure: Figure, trials: xr.Dataset) -> None:
    figure.set_size_inches(10.0, 4.0)
    left, right = figure.subplots(1, 2, sharey=True)
    names = [f"{a}, {i}" for a, i in zip(trials.activation.values, trials.initialization.values, strict=True)]
    kinds = list(dict.fromkeys(names))
    rows = np.array([kinds.index(name) for name in names])
    left.axvline(-0.5, color="C3", linestyle=":", label="noise")
    left.axvline(0, color="C1", linestyle="--", label="random walk: smooth above")
    left.plot(trials.step_correlation, rows, "o", color="C0", label="trained")
    left.set(xlim=(-0.65, 1.05), xlabel="correlation of successive steps", yticks=range(len(kinds)), yticklabels=kinds)
    left.invert_yaxis()
    right.plot(trials.train_accuracy, rows, "o", color="C0", fillstyle="none", label="training images")
    right.plot(trials.test_accuracy, rows, "o", color="C0", label="test images")
    right.set(xlabel="accuracy, %")
    for axes in (left, right):
        axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def _scores(figure: Figure, trials: xr.Dataset) -> None:
    figure.set_size_inches(11.0, 4.2)
    left, right = figure.subplots(1, 2)
    level, settings = copies_at_equal_loss(trials)
    for k, depth in enumerate(np.unique(trials.depth)):
        for j, (start, marker) in enumerate(zip(("tied", "smooth", "iid"), "os^", strict=True)):
            rows = trials.isel(trial=np.flatnonzero((trials.depth == depth) & (trials.initialization == start)))
            for run in range(rows.sizes["trial"]):
                one = rows.isel(trial=run)
                left.plot(
                    one.score_loss,
                    one.copies,
                    color=f"C{k}",
                    linestyle="-",
                    linewidth=0.8,
                    marker=marker,
                    markersize=4,
                    label=f"L = {depth}, {start}" if run == 0 else None,
                )
            for at in settings:
                if (at.depth, at.initialization) == (depth, start):
                    excess = at.copies - at.null
                    bars = [[max(excess - at.excess_low, 0)], [max(at.excess_high - excess, 0)]]
                    right.errorbar(depth * 1.12 ** (j - 1), at.copies, bars, fmt=marker, color=f"C{k}", capsize=3)
    left.axvline(level, color="C5", linewidth=0.8)
    left.set(xlabel="loss on fixed draws", ylabel="copies among the samples")
    left.legend(fontsize=8)
    right.axhline(float(trials.null.mean()), color="C3", linestyle=":")
    right.set(xscale="log", xlabel="depth L", ylabel=f"copies at loss {level:.3g}")
    right.set_xticks(np.unique(trials.depth), [str(d) for d in np.unique(trials.depth)])
    right.minorticks_off()
