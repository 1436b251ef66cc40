"""The learning curves in the limit: points before, at and beyond p = n, m = 1 and ∞, at dimensions that grow.

The theory is a limit at fixed ψ_n, ψ_p and m, so it is held against what the simulation tends to. The gap at d is
a + b/d and terms that fall faster; a is where a line through the gaps, weighted by their standard errors over seeds,
meets d = ∞, with the interval that these errors leave. The gap at any finite d is a number, not a test of the theory.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.studies.random_features.curve import RATIOS
from mnemoscope.studies.random_features.model import (
    NOTE,
    RIDGE,
    GaussianModel,
    draws_text,
    gap,
    ridge_losses,
    setting_text,
)
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Claim, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.text import json_number

FIGURES = {1: "Figure 5", math.inf: "Figures 2 and 3"}
"""Of the source, by m."""
SEEDS: dict[Preset, dict[int, int]] = {"quick": {50: 8, 100: 6, 200: 4}, "paper": {50: 12, 100: 8, 200: 4, 400: 2}}
"""How many of them at each dimension; of m = ∞ from d = 200 on half of them."""
LARGEST = 3e12
"""The largest n p² that is trained, counting that of m = ∞ for its series of some five products."""
LEFT_OUT = 0.03
"""What a line leaves out: the terms that fall faster than 1/d, as large as this where the gap at d = 100 is a fifth."""


class Limit(NamedTuple):
    """The gap at d = ∞, and the half-width of its 95 % interval."""

    gap: float
    error: float

    def __str__(self) -> str:
        return f"{self.gap:+.1%} ± {self.error:.1%}"


class CurveLimit(GaussianModel, frozen=True):
    """The losses of the ridge solution at one point and dimension."""

    ridge: float = Field(gt=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        return ridge_losses(self, self.ridge, self.items(generator), generator)

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> list["CurveLimit"]:
        psi_n = 4.0 if preset == "quick" else 20.0
        model = {"activation": "relu", "psi_n": psi_n, "time": 0.01, "ridge": RIDGE}
        trials = []
        for m, products in ((1, 1), (math.inf, 5)):
            for dim, number in SEEDS[preset].items():
                most = math.sqrt(LARGEST / (products * psi_n * dim)) / dim
                trials += grid(
                    cls,
                    **model,
                    noise_draws=m,
                    dim=dim,
                    psi_p=[ratio * psi_n for ratio in RATIOS if ratio * psi_n <= most],
                    seed=seeds(number if m == 1 or dim < 200 else number // 2),
                )
        return trials

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        for m, curve in frame(results).groupby("noise_draws"):
            yield from _claims_of_curve(m, curve)

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "curve-limit",
            "Gap between simulated and predicted test loss against 1/d, of m = 1 (left) and ∞ (right): before, at and"
            " beyond p = n, with standard errors over seeds, and the lines that meet d = ∞.",
            lambda figure: draw_limits(figure, frame(results)),
        )


def _claims_of_curve(m: float, curve: Any) -> Iterator[Claim]:
    """What is claimed of one m."""
    limits = {psi_p: limit_of(group) for psi_p, group in curve.groupby("psi_p")}
    beyond = {psi_p: max(0.0, abs(limit.gap) - limit.error) for psi_p, limit in limits.items()}
    worst = max(beyond, key=lambda psi_p: beyond[psi_p])
    dims = np.unique(curve.dim)
    listed = "; ".join(f"ψ_p/ψ_n = {psi_p / curve.psi_n.iloc[0]:g}: {limit}" for psi_p, limit in limits.items())
    yield Claim(
        f"curve-limit-m{json_number(m)}",
        f"Extrapolated to d = ∞ (a line in 1/d through d = {', '.join(f'{d:g}' for d in dims)}, as far as p = ψ_p d can"
        f" be trained) theory and simulated test loss agree along the curve of {draws_text(m)} ({FIGURES[m]})"
        f" within the interval and {LEFT_OUT:.0%} (largest distance from the interval:"
        f" {setting_text(curve[curve.psi_p == worst].iloc[0])}; {listed}).",
        NOTE,
        beyond[worst],
        (None, LEFT_OUT),
    )
    for dim in dims:
        means = curve[curve.dim == dim].groupby("psi_p")[["test_loss", "test_theory"]].mean()
        yield Claim(
            f"curve-gap-m{json_number(m)}-d{dim:g}",
            f"The gap itself at d = {dim:g}, largest of the same points: a number, not a test of a limit.",
            NOTE,
            float(abs(gap(means)).max()),
            (None, None),
        )


def limit_of(group: Any) -> Limit:
    """Where the weighted line through one setting's gaps meets d = ∞."""
    at = gaps_by_dim(group)
    design = np.stack([np.ones(len(at)), 1 / at.index.to_numpy()], axis=1) / at.error.to_numpy()[:, None]
    covariance = np.linalg.inv(design.T @ design)
    line = covariance @ design.T @ (at.gap / at.error).to_numpy()
    return Limit(float(line[0]), float(1.96 * np.sqrt(covariance[0, 0])))


def gaps_by_dim(group: Any) -> Any:
    """Mean gap and its standard error at each dimension.

    The spread of one seed is taken to be c/d, with c from all dimensions together: two seeds alone tell none.
    """
    table = group.assign(gap=gap(group))
    by_dim = table.groupby("dim").gap
    count, dims = by_dim.count(), np.array(list(by_dim.groups))
    spread = by_dim.var(ddof=1).fillna(0.0).to_numpy() * (count - 1).to_numpy() * dims**2
    c = np.sqrt(max(spread.sum() / max(1, (count - 1).sum()), 1e-12))
    return by_dim.mean().to_frame("gap").assign(error=c / dims / np.sqrt(count.to_numpy()))


def draw_limits(figure: Figure, table: Any) -> None:
    """A panel for each m, and in it a line for each point of the curve."""
    curves = list(table.groupby("noise_draws"))
    figure.set_size_inches(9.0, 4.0)
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for axes, (m, curve) in zip(panels, curves, strict=True):
        dims = sorted(curve.dim.unique())
        axes.set(xlabel="1/d", title=draws_text(m))
        axes.set_xticks([0, *(1 / d for d in dims)], ["0", *(f"1/{d:g}" for d in dims)])
        axes.axhline(0, color="black", linestyle="-", linewidth=0.8)
        for k, (psi_p, group) in enumerate(curve.groupby("psi_p")):
            at = gaps_by_dim(group)
            label = f"ψ_p/ψ_n = {psi_p / group.psi_n.iloc[0]:g}"
            axes.errorbar(1 / at.index, at.gap, at.error, fmt="o", color=f"C{k}", capsize=2, label=label)
            if len(at) > 1:
                limit = limit_of(group)
                slope = np.average((at.gap - limit.gap) * at.index, weights=1 / at.error**2 / at.index**2)
                x = np.array([0, 1 / at.index.min()])
                axes.plot(x, limit.gap + slope * x, color=f"C{k}", linestyle="--")
                axes.errorbar([0], [limit.gap], [limit.error], fmt="s", color=f"C{k}", fillstyle="none", capsize=3)
        axes.legend()
    panels[0].set_ylabel("simulation/theory − 1")
