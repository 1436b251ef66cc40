"""Losses along learning curves, p from a tenth of n to several n, at several m: where the model begins to memorize.

The numbers that the source prints for single points are checked, too; they need no simulation.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import xarray as xr
from pydantic import Field

from mnemoscope.studies.random_features.curve_figures import draw_learning_curves, draw_noise_draws, draw_phase_diagram
from mnemoscope.studies.random_features.model import (
    PAPER,
    RIDGE,
    GaussianModel,
    draws_text,
    gap,
    mean_over_seeds,
    ridge_losses,
    setting_text,
)
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Claim, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.text import json_number
from mnemoscope.theory import learning_curve

RATIOS = [0.1, 0.25, 0.5, 1.0, 2.0, 3.0]
"""ψ_p/ψ_n of every learning curve."""
NEAR_PEAK = [0.8, 0.9, 1.0, 1.1, 1.25]
"""ψ_p/ψ_n around the peak of m = 1, close enough for a parabola."""

PRINTED = [  # psi_p, noise_draws, score error, train loss; tanh, psi_n = 4, ridge = 1e-3, time = 0.1
    (2.0, 1.0, "4.06", ".417"),
    (2.0, math.inf, ".525", ".780"),
    (8.0, 1.0, "5.44", ".0012"),
    (8.0, math.inf, "2.58", ".630"),
]


class Curve(GaussianModel, frozen=True):
    """The losses of the ridge solution at one point of a learning curve."""

    ridge: float = Field(gt=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        return ridge_losses(self, self.ridge, self.items(generator), generator)

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> list["Curve"]:
        psi_n = 4 if preset == "quick" else 20
        draws = {1: sorted({*RATIOS, *NEAR_PEAK}), 4: RATIOS, math.inf: RATIOS}
        fixed = {"activation": "relu", "dim": 100, "psi_n": psi_n, "time": 0.01, "ridge": RIDGE}
        return [
            trial
            for m, ratios in draws.items()
            for trial in grid(cls, **fixed, psi_p=[r * psi_n for r in ratios], noise_draws=m, seed=seeds(3))
        ]

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        curves = mean_over_seeds(frame(results))
        curves["ratio"] = curves.psi_p / curves.psi_n
        few, many = curves[curves.noise_draws == 1], curves[curves.noise_draws == curves.noise_draws.max()]
        m = draws_text(many.noise_draws.iloc[0])
        both = few.merge(many, on="ratio", suffixes=("_few", "_many"))
        better = both.test_loss_few / both.test_loss_many
        beyond = many[many.ratio >= 1]
        gaps = abs(gap(curves))
        worst = curves.iloc[int(gaps.argmax())]
        yield Claim(
            "theory-curves",
            "Along the learning curves, d = 100, the gap between theory and simulated test loss: a number, since the"
            f" theory is of the limit, where it is tested (largest of {len(curves)} points: {setting_text(worst)}).",
            PAPER,
            measured=float(gaps.max()),
            tolerance=(None, None),
        )
        yield Claim(
            "peak",
            "The simulated test loss of m = 1 peaks at ψ_p = ψ_n (parabola through its means in log ψ_p).",
            PAPER,
            measured=peak(few[(few.ratio > 0.7) & (few.ratio < 1.3)]),
            tolerance=0.05,
            published=1.0,
        )
        yield Claim(
            "draws-help",
            f"For p < n more noise draws are better: simulated test loss of m = 1 over {m}, smallest for ψ_p/ψ_n"
            " from 0.25 to 0.5.",
            PAPER,
            measured=float(better[(both.ratio >= 0.25) & (both.ratio < 1)].min()),
            tolerance=(1.0, None),
        )
        yield Claim(
            "draws-harm",
            f"Deep in p > n more noise draws are worse: the same ratio, largest for ψ_p ≥ 2 ψ_n, {m}.",
            PAPER,
            measured=float(better[both.ratio >= 2].max()),
            tolerance=(None, 1.0),
        )
        yield Claim(
            "crossover",
            f"The simulated share of memorization of {m} passes 1/2 at ψ_p = ψ_n (interpolated in log ψ_p).",
            PAPER,
            measured=crossing(many),
            tolerance=0.15,
            published=1.0,
        )
        yield Claim(
            "crossover-losses",
            f"Beyond ψ_p = ψ_n the test loss of {m} grows and its train loss falls (smallest step).",
            PAPER,
            measured=float(np.min([np.diff(beyond.test_loss), -np.diff(beyond.train_loss)])),
            tolerance=(0.0, None),
        )
        yield from printed_values()

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        points = frame(results)
        yield Plot(
            "learning-curves",
            "Losses against features per sample: m = ∞ (left) and m = 1 (right). Lines are theory, dots are finite"
            " models.",
            lambda figure: draw_learning_curves(figure, points),
        )
        yield Plot(
            "noise-draws",
            "Test loss for several m. Few draws hurt below ψ_p = ψ_n and save the model beyond it.",
            lambda figure: draw_noise_draws(figure, points),
        )
        yield Plot(
            "phase-diagram",
            "Share of memorization; the line is where it passes 1/2, the dots are ψ_p = ψ_n (theory).",
            lambda figure: draw_phase_diagram(figure, points.iloc[0]),
        )


def peak(means: Any) -> float:
    """Where a parabola in log ψ_p/ψ_n through the test losses is highest, NaN if nowhere."""
    curvature, slope, _ = np.polyfit(np.log(means.ratio), means.test_loss, 2)
    return math.exp(-slope / (2 * curvature)) if curvature < 0 else math.nan


def crossing(means: Any) -> float:
    """The first ψ_p/ψ_n at which the share of memorization passes 1/2, NaN if none."""
    excess = means.test_loss - means.bayes_loss
    share = (excess / (excess + means.train_loss)).to_numpy()
    passes = np.flatnonzero((share[:-1] < 0.5) & (share[1:] >= 0.5))
    if not passes.size:
        return math.nan
    i, log_ratio = passes[0], np.log(means.ratio.to_numpy())
    return math.exp(np.interp(0.5, share[i : i + 2], log_ratio[i : i + 2]))


def printed_values() -> Iterator[Claim]:
    """The theory gives what the source prints, to all digits."""
    for psi_p, noise_draws, *printed in PRINTED:
        curve = learning_curve(psi_n=4.0, psi_p=psi_p, noise_draws=noise_draws, time=0.1, ridge=1e-3, activation="tanh")
        for loss, text in zip(("score_error", "train_loss"), printed, strict=True):
            yield Claim(
                name=f"value-{loss.replace('_', '-')}-p{psi_p:g}-m{json_number(noise_draws)}",
                statement=f"The theory's {loss.replace('_', ' ')} to all digits given (tanh, ψ_n = 4,"
                f" ψ_p = {psi_p:g}, {draws_text(noise_draws)}, λ = 1e-3, t = .1).",
                source=PAPER,
                published=float(text),
                measured=float(curve[loss]),
                tolerance=0.5 * 10.0 ** -len(text.split(".")[1]),
            )
