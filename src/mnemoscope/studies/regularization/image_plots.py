"""The figures on images. On real ones: copies against quality, the trade-off that every regularization makes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemoscope.studies.images import missing_images
from mnemoscope.studies.regularization import table
from mnemoscope.studies.regularization.images import HELD_OUT, NOISE_LEVELS, SAMPLES, TRAIN
from mnemoscope.studies.study import Plot
from mnemoscope.sweeps.trial import Array

TRADE_OFF = (
    f"Share of copies among {SAMPLES} samples of a model of {TRAIN} images, against their distance to {HELD_OUT}"
    " held-out images (top) and the model's denoising loss on these, the mean over σ = "
    + ", ".join(f"{level:g}" for level in NOISE_LEVELS)
    + " (bottom). Each curve runs from the weakest regularization (large marker) to the strongest, networks from the"
    " last look to the first; means over seeds. The star is the exact score. Left and below is better."
)
COPIES = (
    "Share of copies on real images: against the strength of each regularization, and along the training of networks;"
    " bars are 95 % intervals of single models, the dotted line is the share among held-out images."
)
SQUARES = (
    "Samples of a U-Net trained on two pictures, from the same latents along the training, and their distance to the"
    " nearer picture in units of the pictures' distance (median, and the middle 80 %)."
)

_SCORES = {
    "tikhonov": ("C0", "o", "Tikhonov, c"),
    "tikhonov-covariance": ("C2", "s", "Tikhonov in the covariance, c"),
    "empirical-bayes": ("C1", "D", "empirical Bayes, τ e^(d/2)"),
    "tempered": ("C3", "^", "tempered, T"),
}
_TICKS = [0.05, 0.1, 0.2, 0.3, 0.5]
_TITLES = {"digits": "digits, 8×8", "fashion-mnist": "Fashion-MNIST, 14×14"}


def draw_image_plots(results: xr.Dataset) -> list[Plot]:
    """The figures of the parts that have results, most important first."""
    missing = missing_images()
    plots: list[Plot] = []

    def add(name: str, caption: str, draw: Callable[..., None], **where: Any) -> None:
        rows = table.select(results, **where)
        if rows.sizes["trial"]:
            plots.append(Plot(name, caption, lambda figure: draw(figure, rows)))

    add("trade-off", TRADE_OFF + missing, _trade_off, part="images")
    add("copies", COPIES + missing, _copies, part="images")
    add("squares", SQUARES, _squares, part="squares-network")
    return plots


def _data_names(rows: xr.Dataset) -> list[str]:
    return [name for name in _TITLES if name in np.atleast_1d(rows.data.values)]


def _networks(rows: xr.Dataset, data: str) -> list[tuple[str, str, str, xr.Dataset]]:
    """Label, marker, colour and first trial of every network, the looks without a result left out."""
    trained = table.select(rows, score="network")
    widths = np.unique(np.broadcast_to(trained.width.values, trained.sizes["trial"]))
    found = []
    for width, marker, colour in zip(widths, "v<>", ("C4", "C5", "C2"), strict=False):
        one = table.select(trained, data=data, width=width)
        if one.sizes["trial"]:
            found.append((f"MLP, width {width:g}", marker, colour, one.isel(trial=0).dropna("look", subset=["copies"])))
    return found


def _trade_off(figure: Figure, rows: xr.Dataset) -> None:
    names = _data_names(rows)
    figure.set_size_inches(5.0 * len(names) + 0.4, 8.0)
    panels = figure.subplots(2, len(names), squeeze=False, sharey=True)
    for column, data in zip(panels.T, names, strict=True):
        for axes, quality in zip(column, ("mmd", "denoising_loss"), strict=True):
            for score, (colour, marker, label) in _SCORES.items():
                if table.strengths(rows, data=data, score=score).size:
                    _, x = table.over_seeds(rows, quality, data=data, score=score)
                    _, y = table.over_seeds(rows, "copies", data=data, score=score)
                    _track(axes, x, y, colour, marker, label)
            for label, marker, colour, row in _networks(rows, data):
                x = row[quality].values if quality == "mmd" else row[quality].mean("noise_level").values
                _track(axes, x[::-1], row.copies.values[::-1], colour, marker, label)
            _, x = table.over_seeds(rows, quality, data=data, score="empirical")
            axes.plot(x, np.ones_like(x), "*", color=axes.spines["left"].get_edgecolor(), markersize=12, label="exact")
            axes.set_xscale("log")
            low, high = axes.get_xlim()
            shown = [tick for tick in _TICKS if low <= tick <= high]
            axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
            axes.minorticks_off()
        column[0].set(title=_TITLES[data], xlabel="MMD to held-out images")
        column[1].set_xlabel("denoising loss on held-out images")
    for axes in panels[:, 0]:
        axes.set_ylabel("share of copies")
    entries = dict(zip(*reversed(panels[0, 0].get_legend_handles_labels()), strict=True))
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=4)


def _track(axes: Axes, x: Array, y: Array, colour: str, marker: str, label: str) -> None:
    axes.plot(x, y, color=colour, marker=marker, linestyle="-", linewidth=1, markersize=4, label=label)
    axes.plot(x[:1], y[:1], color=colour, marker=marker, markersize=9)


def _copies(figure: Figure, rows: xr.Dataset) -> None:
    names = _data_names(rows)
    figure.set_size_inches(10.4, 3.6 * len(names))
    panels = figure.subplots(len(names), 2, squeeze=False, sharex="col", sharey=True)
    for (closed, trained), data in zip(panels, names, strict=True):
        for score, (colour, marker, label) in _SCORES.items():
            group = table.select(rows, data=data, score=score)
            if group.sizes["trial"]:
                at, mean = table.over_seeds(rows, "copies", data=data, score=score)
                closed.plot(at, mean, color=colour, linestyle="-", linewidth=1)
                _bars(closed, group.strength.values, group.sel(look=0), colour, marker, label)
        for label, marker, colour, row in _networks(rows, data):
            trained.plot(row.look, row.copies, color=colour, linestyle="-", linewidth=1)
            _bars(trained, row.look.values, row, colour, marker, label)
        for axes in (closed, trained):
            null = table.numbers(table.select(rows, data=data), "null", 1)
            axes.axhline(np.nanmean(null), color=axes.spines["left"].get_edgecolor(), linestyle=":")
            axes.set_xscale("log")
            if axes.get_legend_handles_labels()[0]:
                axes.legend(fontsize=8)
        closed.set(ylabel=f"{_TITLES[data]}\nshare of copies")
    panels[-1, 0].set_xlabel("strength")
    panels[-1, 1].set_xlabel("steps of training")


def _bars(axes: Axes, x: Array, group: xr.Dataset, colour: str, marker: str, label: str) -> None:
    share = group.copies.values
    bars = np.clip([share - group.copies_low.values, group.copies_high.values - share], 0, None)
    axes.errorbar(x, share, bars, fmt=marker, color=colour, markersize=4, capsize=2, label=label)


def _squares(figure: Figure, rows: xr.Dataset) -> None:
    row = rows.isel(trial=0).dropna("look", subset=["to_picture"])
    looks = row.look.values
    shown = row.isel(look=np.unique(np.linspace(0, len(looks) - 1, 6).round().astype(int)))
    figure.set_size_inches(9.0, 3.8)
    images, curve = figure.subfigures(1, 2, width_ratios=[1.2, 1])  # type: ignore[misc]
    grid = images.subplots(shown.sizes["example"], shown.sizes["look"], squeeze=False)
    for column, look in zip(grid.T, range(shown.sizes["look"]), strict=True):
        for axes, picture in zip(column, shown.shown.values[look], strict=True):
            axes.imshow(picture, vmin=-1, vmax=1, cmap="gray")
            axes.set_axis_off()
        column[0].set_title(f"{int(shown.look[look])}", fontsize=8)
    axes = curve.subplots()
    low, median, high = np.quantile(row.to_picture.values, [0.1, 0.5, 0.9], axis=1)
    axes.plot(looks, median, color="C0", marker="o", markersize=3)
    axes.fill_between(looks, low, high, color="C0", alpha=0.2, linewidth=0)
    axes.set(yscale="log", xlabel="steps of training", ylabel="distance to the nearer picture")
