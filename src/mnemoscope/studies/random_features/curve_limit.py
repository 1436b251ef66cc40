"""The learning curve of m = 1 in the limit: points before, at and beyond p = n, at dimensions that grow.

The theory is a limit at fixed ψ_n, ψ_p and m, so it is held against what the simulation tends to. The gap at d is
a + b/d and terms that fall faster; a is where a line through the gaps, weighted by their standard errors over seeds,
meets d = ∞, with the interval that these errors leave. The gap at any finite d is a number, not a test of the theory.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.studies.random_features.model import (
    NOTE,
    RIDGE,
    SETTING,
    GaussianModel,
    gap,
    ridge_losses,
    setting_text,
)
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Claim, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid

RATIOS = [0.5, 1.0, 2.0]
"""ψ_p/ψ_n."""
SEEDS: dict[Preset, dict[int, int]] = {"quick": {50: 8, 100: 6, 200: 4}, "paper": {50: 12, 100: 8, 200: 4, 400: 2}}
"""How many of them at each dimension."""
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
        model = {"activation": "relu", "psi_n": psi_n, "noise_draws": 1, "time": 0.01, "ridge": RIDGE}
        return [
            trial
            for dim, number in SEEDS[preset].items()
            for trial in grid(cls, **model, dim=dim, psi_p=[ratio * psi_n for ratio in RATIOS], seed=seeds(number))
        ]

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        table = frame(results)
        limits = {setting: limit_of(group) for setting, group in table.groupby(SETTING)}
        beyond = {setting: max(0.0, abs(limit.gap) - limit.error) for setting, limit in limits.items()}
        worst = max(beyond, key=lambda setting: beyond[setting])
        dims = np.unique(table.dim)
        listed = "; ".join(
            f"ψ_p/ψ_n = {dict(zip(SETTING, s, strict=True))['psi_p'] / table.psi_n.iloc[0]:g}: {limit}"
            for s, limit in limits.items()
        )
        row = table.groupby(SETTING).first().reset_index().iloc[list(limits).index(worst)]
        yield Claim(
            "curve-limit",
            f"Extrapolated to d = ∞ (a line in 1/d through d = {', '.join(f'{d:g}' for d in dims)}) theory and"
            f" simulated test loss agree along the curve of m = 1 within the interval and {LEFT_OUT:.0%} (largest"
            f" distance from the interval: {setting_text(row)}; {listed}).",
            NOTE,
            float(beyond[worst]),
            (None, LEFT_OUT),
        )
        for dim in dims:
            means = table[table.dim == dim].groupby(SETTING)[["test_loss", "test_theory"]].mean()
            yield Claim(
                f"curve-gap-d{dim:g}",
                f"The gap itself at d = {dim:g}, largest of the same points: a number, not a test of a limit.",
                NOTE,
                float(abs(gap(means)).max()),
                (None, None),
            )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "curve-limit",
            "Gap between simulated and predicted test loss of m = 1 against 1/d: before, at and beyond p = n, with"
            " standard errors over seeds, and the lines that meet d = ∞.",
            lambda figure: draw_limits(figure, frame(results)),
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
    """One line for each point of the curve."""
    axes = figure.add_subplot(xlabel="1/d", ylabel="simulation/theory − 1")
    axes.axhline(0, color="C3", linestyle="-", linewidth=0.8)
    for k, (psi_p, group) in enumerate(table.groupby("psi_p")):
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
