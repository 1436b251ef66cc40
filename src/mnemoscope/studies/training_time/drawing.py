"""Figures of trainings: curves along the step, and times against a setting."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Plot
from mnemoscope.studies.training_time.times import COPIED, exponent, mean_time, times

TIMES = {
    "generalizes": "τ_gen: the held-out loss has fallen",
    "closer": "closer than a fitted Gaussian",
    "onset": "the monitor's onset",
    "memorizes": f"τ_mem: {COPIED:.0%} copies",
}
CURVES = {
    "held_out_loss": "held-out loss",
    "membership": "membership area",
    "closeness": "closeness",
    "copies": "copies, at least",
}


def times_by_size(name: str, found: xr.Dataset, note: str = "") -> Plot:
    """Every time against n."""
    table = times(found)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for marker, (time, label) in zip("osD^", TIMES.items(), strict=True):
            mean = mean_time(table, time, "n")
            (line,) = axes.plot(mean.index, mean, label=label)
            axes.plot(table.n, table[time], marker, color=line.get_color(), markersize=4)
        axes.set(xscale="log", yscale="log", xlabel="training items n", ylabel="steps")
        sizes = np.unique(table.n)
        axes.set_xticks(sizes, [f"{size:g}" for size in sizes])
        axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
        axes.legend(fontsize=8)

    slope, low, high = exponent(table, "memorizes")
    grows = f"τ_mem grows like n to the power {slope:.2f} ({low:.2f} to {high:.2f})"
    caption = (
        f"{name}: when a model generalizes, is seen to come closer, and copies. Lines join geometric means over seeds;"
        f" {grows if np.isfinite(slope) else 'τ_mem was reached for too few n'}.{note}"
    )
    return Plot(f"times-{name}", caption, draw)


def along_training(name: str, found: xr.Dataset) -> Plot:
    """Curves of the first seed for every n."""

    def draw(figure: Figure) -> None:
        figure.set_size_inches(7.0, 5.6)
        panels = figure.subplots(2, 2, sharex=True)
        seeds = found.seed.values
        for number, n in enumerate(np.unique(found.n)):
            training = found.isel(trial=int(np.flatnonzero((found.n.values == n) & (seeds == seeds.min()))[0]))
            looks = training.dropna("step", subset=["held_out_loss"])
            for axes, curve in zip(panels.flat, CURVES, strict=True):
                axes.plot(looks.step, looks[curve], label=f"n = {n}", color=f"C{number}")
        for axes, label in zip(panels.flat, CURVES.values(), strict=True):
            axes.set(xscale="log", ylabel=label)
        for axes in panels[1]:
            axes.set_xlabel("steps")
        panels[0, 0].legend(fontsize=8)

    caption = f"{name}: what the monitor records along the training, first seed."
    return Plot(f"along-training-{name}", caption, draw)


def times_by_setting(name: str, results: xr.Dataset, usual: Mapping[str, float]) -> Plot:
    """Copies along the training, for every other value of each setting."""

    def draw(figure: Figure) -> None:
        figure.set_size_inches(8.0, 3.2)
        panels = figure.subplots(1, len(usual), sharey=True, squeeze=False)[0]
        for axes, setting in zip(panels, usual, strict=True):
            fixed = {key: value for key, value in usual.items() if key != setting}
            one = rows(results, **fixed)
            if not one.sizes["trial"]:
                continue
            others = np.unique(one.n.values[one[setting].values != usual[setting]])
            chosen = one.isel(trial=np.isin(one.n.values, others) & (one.seed.values == one.seed.values.min()))
            for row in np.argsort(chosen[setting].values):
                looks = chosen.isel(trial=int(row)).dropna("step", subset=["copies"])
                axes.plot(looks.step, looks.copies, label=f"{float(looks[setting]):g}")
            axes.set(xscale="log", xlabel="steps", title=setting.replace("_", " "))
            axes.legend(fontsize=8)
        panels[0].set_ylabel("copies, at least")

    caption = f"{name}: copies along the training with one setting changed; ∞ noise draws are new ones at each step."
    return Plot(f"settings-{name}", caption, draw)
