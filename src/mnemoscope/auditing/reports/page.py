"""The page of an audit: verdict, both axes, measures, extracted items, distances, closest pairs, limits, model card."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from markupsafe import Markup
from matplotlib.axes import Axes

from mnemoscope.auditing.private import FEWEST, merged_bins
from mnemoscope.auditing.reports.axes import HEADLINES, axes
from mnemoscope.auditing.reports.card import model_card
from mnemoscope.auditing.reports.record import column_rows, extracted_by_class, flagged_hashes
from mnemoscope.auditing.result import AuditResult
from mnemoscope.pages import render
from mnemoscope.pages.figures import FIGURE_COLOURS, INK, image_uri, new_figure, svg
from mnemoscope.text import one_name

_GALLERY = 24
_LONGEST_TABLE = 100
_MOST_COPIED = 12
_MOST_COLUMNS = 1000
_BINS = 50


def audit_page(report: AuditResult) -> str:
    """The whole page as HTML; what is long is cut, and the page says where."""
    flagged = flagged_hashes(report) if report.private else report.flagged
    groups = [] if report.private else list((report.extracted_by_group or {}).items())
    return render(
        "auditing/report.html.j2",
        title="mnemoscope audit",
        most_copied=most_copied(report),
        n_copied=len(report.extracted),
        by_class=extracted_by_class(report),
        by_group=dict(groups[:_LONGEST_TABLE]),
        n_groups=len(groups),
        flagged=flagged[:_LONGEST_TABLE],
        n_flagged=len(flagged),
        fewest=FEWEST,
        card=model_card(report),
        columns=column_rows(report)[:_MOST_COLUMNS],
        **audit_section(report),
    )


def audit_section(report: AuditResult) -> dict[str, Any]:
    """What the template's macros need to show one audit."""
    return {
        "report": report,
        "headline": HEADLINES[report.tone],
        "axes": axes(report),
        "histogram": distance_histogram(report),
        "gallery": gallery(report),
    }


def distance_histogram(report: AuditResult) -> Markup:
    """``draw_distances`` for a page."""
    figure, ax = new_figure()
    draw_distances(report, ax, ink=INK)
    return svg(figure, "Histogram of the distance to the nearest training item, generated samples against the null")


def draw_distances(report: AuditResult, ax: Axes, ink: str | None = None) -> Axes:
    """Distances to the nearest training item, samples against the null, on shared bins, densest bin one.

    Bins of a private report are merged until each holds none or at least ten items of either set.
    """
    generated, null = report.nearest.distances[:, 0], report.null_nearest.distances[:, 0]
    both = np.concatenate([generated, null])
    if report.private:
        # An end rounded to two digits is nobody's distance; what lies beyond counts in the last bin.
        end = float(f"{np.quantile(both, 0.95):.1e}") or 1.0
        edges, (counts, null_counts) = merged_bins(generated, null, np.linspace(0, end, _BINS + 1))
    else:
        edges = np.linspace(0, both.max() or 1.0, _BINS + 1)
        counts, null_counts = (np.histogram(values, edges)[0] for values in (generated, null))
    blue, vermilion = FIGURE_COLOURS[:2]
    label = f"null: {report.results[0].null_source}"
    ax.stairs(_peak_one(null_counts, edges), edges, fill=True, color=blue, alpha=0.45, label=label)
    ax.stairs(_peak_one(counts, edges), edges, linewidth=2, color=vermilion, label="generated")
    ax.set_xlim(0, float(edges[-1]))
    ax.set_xlabel("distance to the nearest training item")
    ax.set_ylabel("density, highest = 1")
    ax.legend(frameon=False, labelcolor=ink, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return ax


def _peak_one(counts: Any, edges: Float[np.ndarray, " edges"]) -> Float[np.ndarray, " bins"]:
    """Densities with the highest at one: a narrow peak of copies would flatten the null otherwise."""
    density = counts / np.diff(edges)
    return np.asarray(density / density.max())


class Copied(NamedTuple):
    """A training item, its copies among the samples, and its picture if it is one."""

    name: str
    copies: int
    picture: str | None


def most_copied(report: AuditResult) -> list[Copied]:
    """The training items with most copies; none of a private report, whose counts are in ``report.json``."""
    if report.private:
        return []
    return [
        Copied(one_name(report.train.label_of(row) or row), count, _picture(report, report.train.array[row]))
        for row, count in report.extracted[:_MOST_COPIED]
    ]


def gallery(report: AuditResult) -> list[dict[str, Any]]:
    """The closest samples, each beside its nearest training item; empty where items are no pictures, or private."""
    if report.private:
        return []
    flags = report.evidence[0].flagged
    shape = report.train.event_shape
    shown = []
    for pair in report.pairs(np.argsort(report.nearest.distances[:, 0], kind="stable")[:_GALLERY]):
        generated = _picture(report, report.generated.array[pair.generated].reshape(shape))
        train = _picture(report, report.train.array[pair.train])
        if generated is None or train is None:
            return []
        shown.append(
            {
                "pair": pair,
                "names": pair.shown,
                "generated": generated,
                "train": train,
                "flagged": bool(flags[pair.generated]),
            }
        )
    return shown


def _picture(report: AuditResult, item: Any) -> str | None:
    return image_uri(item, report.train.value_range)
