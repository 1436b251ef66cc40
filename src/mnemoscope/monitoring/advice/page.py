"""The page of ``advise``: the sentence, the onsets with the law and its interval, and what would help."""

import numpy as np
from markupsafe import Markup

from mnemoscope.monitoring.advice.result import AdviceResult
from mnemoscope.pages import render
from mnemoscope.pages.figures import FIGURE_COLOURS, INK, new_figure, svg

_BLUE, _VERMILION = FIGURE_COLOURS[:2]
_POINTS = 60


def advice_page(advice: AdviceResult) -> str:
    """The whole page as HTML."""
    return render(
        "monitoring/advice.html.j2",
        title="mnemoscope advise",
        advice=advice,
        figure=onset_figure(advice),
    )


def onset_figure(advice: AdviceResult) -> Markup:
    """Onsets against the number of items, both on a logarithmic scale, with the law, its interval and the plan."""
    figure, axes = new_figure(height=3.8)
    seen = [(each.n, each.step) for each in advice.onsets if each.step is not None]
    unseen = [each for each in advice.onsets if each.step is None]
    if advice.law is not None:
        ends = [each.n for each in advice.onsets] + [advice.n]
        sizes = np.unique(np.geomspace(min(ends), max(ends), _POINTS).round().astype(int))
        predicted = [advice.law.predict(int(n)) for n in sizes]
        low, high = np.array([each.interval for each in predicted]).T
        axes.fill_between(sizes, low, high, color=_BLUE, alpha=0.2, linewidth=0, label="95 % interval")
        label = f"the fitted law, exponent {advice.law.exponent:.2f}"
        axes.plot(sizes, [each.step for each in predicted], color=_BLUE, label=label)
    if seen:
        axes.plot(*zip(*seen, strict=True), "o", color=_BLUE, label="onsets in the probe")
    if unseen:
        axes.plot(
            [each.n for each in unseen], [each.last for each in unseen], "^", color=_BLUE, mfc="none",
            label="none by this step",
        )  # fmt: skip
    axes.plot([advice.n], [advice.steps], "*", color=_VERMILION, markersize=12, label="the training that is planned")
    axes.set(xscale="log", yscale="log")
    axes.set_xlabel("training items n")
    axes.set_ylabel("step")
    axes.legend(frameon=False, labelcolor=INK, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return svg(figure, "Step from which models memorize, against the number of training items, with the fitted law")
