"""What the figures of this study share."""

from typing import Any

from matplotlib.axes import Axes


def logarithmic(axes: Axes, values: Any) -> None:
    """A logarithmic x-axis with a tick at each value and at no other; one value alone spans no such axis."""
    ticks = sorted(set(values))
    if len(ticks) > 1:
        axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def excess_bars(rows: Any) -> list[Any]:
    """The interval of the excess over the null, as error bars around the share of copies."""
    excess = rows.copies - rows.null
    return [(excess - rows.excess_low).clip(lower=0), (rows.excess_high - excess).clip(lower=0)]
