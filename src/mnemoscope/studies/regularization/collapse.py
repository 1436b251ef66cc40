"""How many samples of each regularized score collapse onto one of 20 training points in the plane."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.auditing import clopper_pearson
from mnemoscope.sampling import sample
from mnemoscope.studies.regularization.closed_forms import ClosedForm, closed_form
from mnemoscope.studies.regularization.plane import FIGURES, PAPER, PROCESSES, distances, training_points
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.sweeps.trial import Array
from mnemoscope.theory import copy_share

PROCESS = PROCESSES["variance-exploding"]
LATENTS = 1000
COPY_DISTANCE = 1e-2
"""A sample this near to a training point is a copy of it."""
TOLERANCE = {"empirical": 1e-6, "empirical-bayes": 1e-6}
"""Of the ODE solver, as in the source; 1e-5 for the other scores."""

TIKHONOV = [float(f"{10**power:.3g}") for power in np.arange(-5, -0.9, 0.5)]
EMPIRICAL_BAYES = [float(f"{10**power:.3g}") for power in np.arange(-2, 1.1, 0.5)]
TEMPERED = [2.0, 4.0, 8.0, 16.0]
KERNEL_SMOOTHED = [0.01, 0.03, 0.1, 0.3]

PUBLISHED_C = 10.0 ** np.arange(-5, -0.9, 0.5)
PUBLISHED_TIKHONOV = (0.991, 0.804, 0.396, 0.137, 0.042, 0.012, 0.003, 0.001, 0.0)
"""At these c."""


class Collapse(Experiment, frozen=True):
    """How many of 1000 samples end within 1e-2 of a training point, by the adaptive solver.

    Attributes:
        score: which closed form.
        strength: of its regularization: c, τ, temperature or bandwidth.
        seed: of every draw.
    """

    score: ClosedForm
    strength: float = Field(default=0.0, ge=0)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        initial = PROCESS.sigma(PROCESS.t_max) * torch.randn(LATENTS, 2, generator=generator, dtype=torch.float64)
        x = sample(
            closed_form(self.score, self.strength, training_points(), PROCESS, self.seed),
            PROCESS,
            LATENTS,
            generator=generator,
            solver="adaptive",
            tolerance=TOLERANCE.get(self.score, 1e-5),
            denoise=False,
            initial=initial,
        )
        return {"collapsed": int((distances(x) < COPY_DISTANCE).sum()), "latents": LATENTS}

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Collapse"]:
        quick = preset == "quick"
        return [
            *grid(cls, score="tikhonov", strength=TIKHONOV, seed=seeds(4 if quick else 10)),
            *grid(cls, score="empirical-bayes", strength=EMPIRICAL_BAYES, seed=seeds(2 if quick else 5)),
            *grid(cls, score="tempered", strength=TEMPERED, seed=seeds(1)),
            *grid(cls, score="kernel-smoothed", strength=KERNEL_SMOOTHED[:: 2 if quick else 1], seed=seeds(1)),
        ]

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        # The samples of all seeds are taken together: 10,000 have a standard deviation of at most 0.005.
        c, copies, samples = counts(results, "tikhonov")
        share = copies / samples
        gaps = abs(share - copy_share(c, COPY_DISTANCE))
        statement = "Tikhonov: the share of copies is 1 − exp(−tol²/2c) at every c (largest gap, at c = "
        statement += f"{c[gaps.argmax()]:.2g})."
        yield Claim("tikhonov-law", statement, PAPER, float(gaps.max()), (None, 0.02))
        for at, published in zip(PUBLISHED_C, PUBLISHED_TIKHONOV, strict=True):
            measured = float(share[np.isclose(c, at, rtol=0.01)].item())
            statement = f"Tikhonov, c = {at:.2g}: the share of copies is the published one."
            yield Claim(f"tikhonov-{at:.2g}", statement, FIGURES, measured, 0.03, published)

        tau, copies, samples = counts(results, "empirical-bayes")
        share = copies / samples
        text = f"from τ = {tau[0]:g} to {tau[-1]:g}"
        yield Claim(
            "empirical-bayes-monotone",
            f"Empirical Bayes: the share of copies falls with every step of τ {text} (smallest fall).",
            PAPER,
            float(-np.diff(share).max()),
            (0.0, None),
        )
        yield Claim(
            "empirical-bayes-ends",
            f"Empirical Bayes: the share of copies falls from near 1 to 0 {text} (the fall).",
            PAPER,
            float(share[0] - share[-1]),
            (0.95, None),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "collapse",
            "Share of samples that end within 0.01 of one of 20 training points; bars are 95 % intervals. Left:"
            " Tikhonov, with the law 1 − exp(−tol²/2c) and the published shares. Middle: empirical Bayes. Right:"
            " tempered weights, which stop nothing, and the kernel-smoothed score.",
            partial(_draw, results),
        )


def counts(results: xr.Dataset, score: ClosedForm) -> tuple[Array, Array, Array]:
    """Strength, copies and samples, summed over the seeds."""
    summed = frame(results, score=score).groupby("strength")[["collapsed", "latents"]].sum()
    return summed.index.to_numpy(), summed.collapsed.to_numpy(), summed.latents.to_numpy()


def _draw(results: xr.Dataset, figure: Figure) -> None:
    figure.set_size_inches(11.0, 3.8)
    tikhonov, bayes, others = figure.subplots(1, 3, sharey=True)
    if (c := counts(results, "tikhonov")[0]).size:
        fine = np.geomspace(c[0], c[-1], 200)
        share = copy_share(fine, COPY_DISTANCE)
        tikhonov.plot(fine, share, color="C0", linestyle="-", label="1 − exp(−tol²/2c)")
        _shares(tikhonov, results, "tikhonov", "C0", "o", "measured", join=False)
        tikhonov.plot(PUBLISHED_C, PUBLISHED_TIKHONOV, "x", color="C1", markersize=7, label="published")
        tikhonov.legend()
    _shares(bayes, results, "empirical-bayes", "C0", "o", "measured")
    _shares(others, results, "tempered", "C1", "s", "tempered, temperature T")
    _shares(others, results, "kernel-smoothed", "C2", "D", "kernel-smoothed, bandwidth h")
    if others.get_legend_handles_labels()[0]:
        others.legend(loc="center right", bbox_to_anchor=(1, 0.75), fontsize=8)
    for axes, title, label in (
        (tikhonov, "Tikhonov", "c"),
        (bayes, "empirical Bayes", "τ"),
        (others, "smoothed", "T or h"),
    ):
        axes.set(xscale="log", xlabel=label, title=title)
    tikhonov.set_ylabel("share within 0.01 of a training point")


def _shares(
    axes: Axes, results: xr.Dataset, score: ClosedForm, colour: str, marker: str, label: str, *, join: bool = True
) -> None:
    """The shares of a score with their intervals, if it has any."""
    at, copies, samples = counts(results, score)
    if not at.size:
        return
    intervals = np.array([clopper_pearson(int(k), int(n)) for k, n in zip(copies, samples, strict=True)])
    share = copies / samples
    axes.errorbar(at, share, abs(intervals.T - share), fmt=marker, color=colour, markersize=4, capsize=2, label=label)
    if join:
        axes.plot(at, share, color=colour, linestyle="-")
