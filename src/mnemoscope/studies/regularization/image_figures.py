"""The figures on real images: copies against quality, the trade-off that every regularization makes."""

from functools import partial

import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemoscope.studies.images import missing_images
from mnemoscope.studies.regularization.image_quality import HELD_OUT, NOISE_LEVELS, SAMPLES, TRAIN, over_seeds
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Plot
from mnemoscope.sweeps.trial import Array

_SCORES = {
    "tikhonov": ("C0", "o", "Tikhonov, c"),
    "tikhonov-covariance": ("C2", "s", "Tikhonov in the covariance, c"),
    "empirical-bayes": ("C1", "D", "empirical Bayes, τ e^(d/2)"),
    "tempered": ("C3", "^", "tempered, T"),
}
_TICKS = [0.05, 0.1, 0.2, 0.3, 0.5]
_TITLES = {"digits": "digits, 8×8", "fashion-mnist": "Fashion-MNIST, 14×14"}


def trade_off(results: xr.Dataset) -> Plot:
    """Share of copies against distance and loss."""
    caption = (
        f"Share of copies among {SAMPLES} samples of a model of {TRAIN} images, against their distance to {HELD_OUT}"
        " held-out images (top) and the model's denoising loss on these, the mean over σ = "
        + ", ".join(f"{level:g}" for level in NOISE_LEVELS)
        + " (bottom). Each curve runs from the weakest regularization (large marker) to the strongest, networks from"
        " the last checkpoint to the first; means over seeds. The star is the exact score. Left and below is better."
    )
    return Plot("trade-off", caption + missing_images(), partial(_trade_off, results))


def copies(results: xr.Dataset) -> Plot:
    """Share of copies against strength and along training."""
    caption = (
        "Share of copies on real images: against the strength of each regularization, and along the training of"
        " networks; bars are 95 % intervals of single models, the dotted line is the share among held-out images."
    )
    return Plot("copies", caption + missing_images(), partial(_copies, results))


def _data_names(results: xr.Dataset) -> list[str]:
    present = set(rows(results)["data"].values)
    return [name for name in _TITLES if name in present]


def _networks(results: xr.Dataset, data: str) -> list[tuple[str, str, str, xr.Dataset]]:
    """Label, marker, colour and first trial of every network, at the checkpoints of its training."""
    found = []
    widths = np.unique(rows(results, score="network").width)
    for width, marker, colour in zip(widths, "v<>", ("C4", "C5", "C2"), strict=False):
        trained = rows(results, score="network", data=data, width=width)
        if trained.sizes["trial"]:
            row = trained.isel(trial=0).dropna("checkpoint", subset=["copies"])
            found.append((f"MLP, width {width:g}", marker, colour, row))
    return found


def _trade_off(results: xr.Dataset, figure: Figure) -> None:
    names = _data_names(results)
    figure.set_size_inches(5.0 * len(names) + 0.4, 8.0)
    panels = figure.subplots(2, len(names), squeeze=False, sharey=True)
    entries: dict[str, Artist] = {}
    for column, data in zip(panels.T, names, strict=True):
        for axes, quality in zip(column, ("mmd", "denoising_loss"), strict=True):
            for score, (colour, marker, label) in _SCORES.items():
                _, x = over_seeds(results, quality, data=data, score=score)
                _, y = over_seeds(results, "copies", data=data, score=score)
                if x.size:
                    _track(axes, x, y, colour, marker, label)
            for label, marker, colour, row in _networks(results, data):
                x = row[quality].values if quality == "mmd" else row[quality].mean("noise_level").values
                _track(axes, x[::-1], row.copies.values[::-1], colour, marker, label)
            _, x = over_seeds(results, quality, data=data, score="empirical")
            axes.plot(x, np.ones_like(x), "*", color=axes.spines["left"].get_edgecolor(), markersize=12, label="exact")
            axes.set_xscale("log")
            low, high = axes.get_xlim()
            shown = [tick for tick in _TICKS if low <= tick <= high]
            axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
            axes.minorticks_off()
            entries |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        column[0].set(title=_TITLES[data], xlabel="MMD to held-out images")
        column[1].set_xlabel("denoising loss on held-out images")
    for axes in panels[:, 0]:
        axes.set_ylabel("share of copies")
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=4)


def _track(axes: Axes, x: Array, y: Array, colour: str, marker: str, label: str) -> None:
    axes.plot(x, y, color=colour, marker=marker, linestyle="-", linewidth=1, markersize=4, label=label)
    axes.plot(x[:1], y[:1], color=colour, marker=marker, markersize=9)


def _copies(results: xr.Dataset, figure: Figure) -> None:
    names = _data_names(results)
    figure.set_size_inches(10.4, 3.6 * len(names))
    panels = figure.subplots(len(names), 2, squeeze=False, sharex="col", sharey=True)
    for (closed, trained), data in zip(panels, names, strict=True):
        for score, (colour, marker, label) in _SCORES.items():
            group = rows(results, data=data, score=score)
            if group.sizes["trial"]:
                at, mean = over_seeds(results, "copies", data=data, score=score)
                closed.plot(at, mean, color=colour, linestyle="-", linewidth=1)
                _bars(closed, group.strength.values, group.sel(checkpoint=0), colour, marker, label)
        for label, marker, colour, row in _networks(results, data):
            trained.plot(row.checkpoint, row.copies, color=colour, linestyle="-", linewidth=1)
            _bars(trained, row.checkpoint.values, row, colour, marker, label)
        null = np.nanmean(rows(results, data=data).null.values)
        for axes in (closed, trained):
            axes.axhline(null, color=axes.spines["left"].get_edgecolor(), linestyle=":")
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
