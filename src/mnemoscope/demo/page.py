"""The demo's page: one table, memorization against training step, and what each model's samples look like."""

from typing import Any

import numpy as np
from markupsafe import Markup

from mnemoscope.auditing.reports.page import audit_section
from mnemoscope.demo.result import DemoResult, ModelResult
from mnemoscope.pages import render
from mnemoscope.pages.figures import FIGURE_COLOURS, INK, new_figure, svg

_PAIRS = 12


def demo_page(result: DemoResult) -> str:
    """The whole page as HTML."""
    models = [_section(model) for model in result.models]
    return render(
        "demo/demo.html.j2", title="mnemoscope demo", result=result, models=models, curve=memorization_curve(result)
    )


def _section(model: ModelResult) -> dict[str, Any]:
    section = audit_section(model.report)
    return {**section, "model": model, "gallery": section["gallery"][:_PAIRS]}


def memorization_curve(result: DemoResult) -> Markup:
    """Memorized fraction against training step, with 95 % bands, and each model's null."""
    figure, axes = new_figure()
    for model, colour in zip(result.models, FIGURE_COLOURS, strict=False):
        if not model.history:
            continue
        steps = [record.step for record in model.history]
        low, high = np.array([record.result.rate.interval for record in model.history]).T
        axes.fill_between(steps, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(
            steps,
            [record.result.rate.fraction for record in model.history],
            "o-",
            color=colour,
            label=model.description,
        )
        axes.plot(steps, [record.result.null.fraction for record in model.history], ":", color=colour)
    axes.plot([], [], ":", color=INK, label="null of each")
    axes.set_ylim(-0.03, 1.03)
    axes.set_xlabel("training step")
    axes.set_ylabel("share of samples called copies")
    axes.legend(frameon=False, labelcolor=INK)
    return svg(figure, "Share of samples called copies against training step, with 95 % bands and the null")
