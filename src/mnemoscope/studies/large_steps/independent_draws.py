"""Beyond one draw: the networks of Fig. 3 on data of their own each, and the copies among their samples.

The paper's Fig. 3 has one draw of ten points, a tight one. Here every seed has its own, in batches of 250. Copies are
counted against fresh draws of N(0, 4I).
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy import stats

from mnemoscope.studies.large_steps.distances import at_bandwidth
from mnemoscope.studies.large_steps.drawing import excess_bars, logarithmic
from mnemoscope.studies.large_steps.generation import BANDWIDTHS, Generated
from mnemoscope.studies.large_steps.published import FIG_3_STEPS
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Claim, Plot, Preset, Seeds
from mnemoscope.sweeps import grid
from mnemoscope.sweeps.trial import Array

SMALL, LARGE = 0.1, 1.0
"""The two learning rates."""
BANDWIDTH = BANDWIDTHS[0]


class IndependentDraws(Generated, frozen=True):
    """One network on a draw of its own, and its samples."""

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["IndependentDraws"]:
        quick = preset == "quick"
        fields = {"dim": 2, "n_samples": 10, "width": 1000, "batch": 250, "seed": seeds(1 if quick else 20)}
        steps = {LARGE: 10_000, SMALL: 30_000} if quick else {eta: FIG_3_STEPS[eta] for eta in (LARGE, SMALL)}
        return [t for eta, number in steps.items() for t in grid(cls, **fields, learning_rate=eta, steps=number)]

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        small, large = (_at(frame(results), eta) for eta in (SMALL, LARGE))
        n = len(small)
        yield Claim(
            "copies",
            f"More samples are copies at η = {SMALL:g} ({small.steps.iloc[0]:,} steps) than at {LARGE:g}"
            f" ({large.steps.iloc[0]:,}): distance between the 95 % intervals of their excess over the null, mean over"
            f" {n} draws of the data.",
            "here",
            float((small.excess_low.to_numpy() - large.excess_high.to_numpy()).mean()),
            (0.0, None),
        )
        if n < 3:
            return
        variance, closer = differences(results)
        crosses = (closer[SMALL] < 0) & (closer[LARGE] >= 0)
        yield Claim(
            "draws-do-not-cross",
            "On independent draws the two distances do not cross between the two η as they do on the published points:"
            f" share of {n} draws on which they do, bandwidth {BANDWIDTH:g}.",
            "here",
            float(crosses.mean()) if np.isfinite([*closer.values()]).all() else math.nan,
            (None, 0.1),
        )
        limit = -float(stats.t.ppf(0.95, n - 2))
        limit /= math.sqrt(n - 2 + limit**2)
        yield Claim(
            "draws-variance",
            f"The tighter a draw, the closer the samples of η = {LARGE:g} are to the Gaussian: rank correlation of its"
            f" generalised variance with the difference of the two distances ({n} draws; below {limit:.2f} by chance"
            " in 5 %).",
            "here",
            float(stats.spearmanr(variance, closer[LARGE]).statistic),
            (None, limit),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        found = frame(results)
        found = found[found.diverged == 0]
        if not len(found):
            return
        yield Plot(
            "copies",
            "Share of the samples that are copies of a training point, with 95 % intervals of the excess, and the null:"
            " fresh draws of the data's law.",
            partial(_draw_copies, found),
        )
        yield Plot(
            "draws",
            f"MMD² to the optimal score's samples minus that to the Gaussian, bandwidth {BANDWIDTH:g}, against the"
            " generalised variance of the ten points; above zero the samples are closer to the Gaussian.",
            partial(_draw_differences, at_bandwidth(results, BANDWIDTH)),
        )


def differences(results: xr.Dataset) -> tuple[Array, dict[float, Array]]:
    """The generalised variance of every draw, and for each η how much closer to the Gaussian its samples are."""
    found = at_bandwidth(results, BANDWIDTH)
    tables = {eta: _at(found, eta) for eta in (SMALL, LARGE)}
    closer = {eta: (table.mmd_optimal - table.mmd_gaussian).to_numpy() for eta, table in tables.items()}
    return tables[LARGE].generalized_variance.to_numpy(), closer


def _at(found: Any, eta: float) -> Any:
    return found[found.learning_rate == eta].sort_values("seed")


def _draw_copies(found: Any, figure: Figure) -> None:
    axes = figure.add_subplot(xlabel="η", ylabel="copies among the samples")
    mean = found.groupby("learning_rate")[["copies", "null"]].mean()
    axes.plot(mean.index, mean.copies, color="C0", label="samples")
    axes.errorbar(found.learning_rate, found.copies, excess_bars(found), fmt="o", color="C0", markersize=4, capsize=2)
    axes.plot(mean.index, mean.null, ":", color="C1", label="null")
    axes.plot(found.learning_rate, found.null, "s", color="C1", markersize=4)
    for _, row in found[~found.duplicated("learning_rate", keep="last")].iterrows():
        label = f"{row.steps / 1000:g}k"
        axes.annotate(label, (row.learning_rate, row.copies), (4, 6), textcoords="offset points", fontsize=8)
    axes.set_ylim(bottom=0)
    logarithmic(axes, found.learning_rate)
    axes.legend(title="labels: steps")


def _draw_differences(found: Any, figure: Figure) -> None:
    axes = figure.add_subplot(xscale="log", xlabel="generalised variance of the points", ylabel="difference of MMD²")
    for marker, (eta, table) in zip("os", found.groupby("learning_rate"), strict=False):
        axes.plot(table.generalized_variance, table.mmd_optimal - table.mmd_gaussian, marker, label=f"η = {eta:g}")
    axes.axhline(0, color="C3", linestyle="-", linewidth=0.8)
    axes.legend()
