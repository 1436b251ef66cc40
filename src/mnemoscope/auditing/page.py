"""The page of an audit: verdict, measures, distances against the null, closest pairs, warnings and limits."""

from typing import Any

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from mnemoscope.auditing.result import AuditResult
from mnemoscope.pages import render
from mnemoscope.pages.figures import FIGURE_COLOURS, INK, image_uri, new_figure, svg

_GALLERY = 24
_BINS = 50


def audit_page(report: AuditResult) -> str:
    """The whole page as HTML."""
    return render("auditing/report.html.j2", title="mnemoscope audit", **audit_section(report))


def audit_section(report: AuditResult) -> dict[str, Any]:
    """What the template's macros need to show one audit."""
    return {"report": report, "histogram": distance_histogram(report), "gallery": gallery(report)}


def distance_histogram(report: AuditResult) -> Markup:
    """Distances to the nearest training item, generated samples against the null, on shared bins, highest bin one."""
    generated, null = report.nearest.distances[:, 0], report.null_nearest.distances[:, 0]
    edges = np.linspace(0, max(generated.max(), null.max()) or 1.0, _BINS + 1).tolist()
    figure, axes = new_figure()
    blue, vermilion = FIGURE_COLOURS[:2]
    axes.hist(
        null,
        edges,
        weights=_peak_one(null, edges),
        color=blue,
        alpha=0.45,
        label=f"null: {report.results[0].null_source}",
    )
    axes.hist(
        generated,
        edges,
        weights=_peak_one(generated, edges),
        histtype="step",
        linewidth=2,
        color=vermilion,
        label="generated",
    )
    axes.set_xlabel("distance to the nearest training item")
    axes.set_ylabel("frequency, highest bin = 1")
    axes.legend(frameon=False, labelcolor=INK, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return svg(figure, "Histogram of the distance to the nearest training item, generated samples against the null")


def _peak_one(values: Float[np.ndarray, " items"], edges: list[float]) -> Float[np.ndarray, " items"]:
    """Weights that make the highest bin one: a narrow peak of copies would flatten the null otherwise."""
    return np.full(len(values), 1 / np.histogram(values, edges)[0].max())


def gallery(report: AuditResult) -> list[dict[str, Any]]:
    """The closest generated items, each beside its nearest training item; empty where items are no pictures."""
    flags = report.evidence[0].flagged
    shape = report.train.event_shape
    low_high = report.train.value_range
    shown = []
    for pair in report.closest[:_GALLERY]:
        generated = image_uri(report.generated.array[pair.generated].reshape(shape), low_high)
        train = image_uri(report.train.array[pair.train], low_high)
        if generated is None or train is None:
            return []
        shown.append({"pair": pair, "generated": generated, "train": train, "flagged": bool(flags[pair.generated])})
    return shown
