"""The page of ``compare_halves``: the sentence, samples from the same noise, noise levels, closeness."""

from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup
from torch import Tensor

from mnemoscope.data.arrays import Array
from mnemoscope.monitoring.halves.result import HalvesResult
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.pages import render
from mnemoscope.pages.figures import FIGURE_COLOURS, INK, image_uri, new_figure, svg

_SHOWN = 12
_BINS = [place / 30 for place in range(-30, 31)]
_BLUE, _VERMILION = FIGURE_COLOURS[:2]


class Pair(NamedTuple):
    """Pictures of two samples from the same noise, and of the nearest items of their own halves."""

    a: str
    b: str
    nearest_a: str
    nearest_b: str


def halves_page(report: HalvesResult) -> str:
    """The whole page as HTML."""
    return render(
        "monitoring/halves.html.j2",
        title="mnemoscope halves",
        report=report,
        split=report.halves.a.half,
        cosines=cosine_histogram(report),
        curves=level_curves(report),
        pairs=pairs(report),
    )


def cosine_histogram(report: HalvesResult) -> Markup:
    """Cosines of samples from the same noise, beside those with the nearest item of the own half."""
    figure, axes = new_figure()
    own = report.samples.own_cosines
    axes.hist(own, _BINS, density=True, color=_BLUE, alpha=0.45, label="a sample and the nearest item of its own half")
    axes.hist(
        report.samples.cosines, _BINS, density=True, histtype="step", lw=2, color=_VERMILION,
        label="the two models' samples from the same noise",
    )  # fmt: skip
    axes.set_xlim(min(0.0, float(min(own.min(), report.samples.cosines.min()))) - 0.02, 1)
    axes.set_xlabel("cosine, about the mean of the data")
    axes.set_ylabel("density")
    axes.legend(frameon=False, labelcolor=INK, loc="lower left", bbox_to_anchor=(0, 1))
    return svg(figure, "Histogram of the cosines of samples of both models, and with the nearest item of the own half")


def level_curves(report: HalvesResult) -> Markup:
    """Agreement of the denoisers and their likeness to memory of the own half, by noise level."""
    figure, axes = new_figure()
    ratios = [level.ratio for level in report.levels]
    for name, colour, label in (
        ("agreement", _VERMILION, "the two denoisers"),
        ("own", _BLUE, "a denoiser and perfect memory of its half, at items of the other"),
    ):
        found = [getattr(level, name) for level in report.levels]
        low, high = np.array([each.interval for each in found]).T
        axes.fill_between(ratios, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(ratios, [each.value for each in found], "o-", color=colour, label=label)
    axes.set_xscale("log")
    axes.set_ylim(top=1.02)
    axes.set_xlabel("noise-to-signal ratio σ/α")
    axes.set_ylabel("cosine")
    axes.legend(frameon=False, labelcolor=INK, loc="lower left", bbox_to_anchor=(0, 1))
    return svg(figure, "Cosine of the two denoisers, and with perfect memory of the own half, by noise level")


def pairs(report: HalvesResult) -> list[Pair]:
    """Pairs of samples, most alike, in the middle and least alike; none where items are no pictures."""
    order = np.argsort(-report.samples.cosines, kind="stable")
    chosen = order[np.unique(np.linspace(0, len(order) - 1, _SHOWN).round().astype(int))]
    columns = []
    for samples, half in zip(report.drawn_samples, (report.halves.a, report.halves.b), strict=True):
        some = samples[chosen.tolist()]
        nearest = half.array[nearest_neighbours(some.numpy(), half.array, 1).indices[:, 0]]
        columns += [_pictures(report, _array(some)), _pictures(report, nearest)]
    a, nearest_a, b, nearest_b = columns
    rows: list[tuple[Any, ...]] = list(zip(a, b, nearest_a, nearest_b, strict=True))
    return [] if any(each is None for row in rows for each in row) else [Pair(*row) for row in rows]


def _array(samples: Tensor) -> Array:
    return np.asarray(samples.numpy())


def _pictures(report: HalvesResult, items: Array) -> list[str | None]:
    return [image_uri(item, report.halves.data.value_range) for item in items]
