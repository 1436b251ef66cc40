"""Trajectories of the exact score end on training points, and approach them like σ."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field
from scipy.spatial import Voronoi, voronoi_plot_2d

from mnemoscope.scores import EmpiricalScore, collapse_time
from mnemoscope.studies.regularization.plane import PAPER, PROCESSES, ProcessName, follow, training_points
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.sweeps.trial import Array

TRAJECTORIES = 100

LATE_SIGMA = 1e-2
"""Rates are fitted where σ is below this."""

_TITLES = {"variance-exploding": "variance exploding", "variance-preserving": "variance preserving"}


class Path(Experiment, frozen=True):
    """Trajectories of the probability flow of the exact score of 20 points.

    Attributes:
        process: the forward process.
        seed: of the latents.
    """

    process: ProcessName
    seed: int = Field(ge=0)

    def run(self) -> Result:
        process, points = PROCESSES[self.process], training_points()
        score = EmpiricalScore(points, process)
        generator = torch.Generator().manual_seed(self.seed)
        latents = torch.randn(TRAJECTORIES, 2, generator=generator, dtype=torch.float64)
        times, x = follow(score, process, process.sigma(process.t_max) * latents)
        limit = torch.from_numpy(points)[torch.cdist(x[-1], torch.from_numpy(points)).argmin(dim=1)]
        return {
            "point": ("point", np.arange(len(points))),
            "position": (("stage", "trajectory", "axis"), x.numpy()),
            "time": ("stage", times.numpy()),
            "sigma": ("stage", process.sigma(times).numpy()),
            "to_limit": (("stage", "trajectory"), (x - limit).norm(dim=2).numpy()),
            "weight": (("stage", "point"), score.weights(x[:, 0], times).numpy()),  # along the first trajectory
            "collapse_time": float(collapse_time(score, generator=generator)),
        }

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Path"]:  # noqa: ARG003
        return grid(cls, process=list(PROCESSES), seed=seeds(1))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        for process in PROCESSES:
            row = rows(results, process=process).isel(trial=0)
            slopes, rate = late_slopes(row.sigma.values, row.to_limit.values)
            worst = float(slopes[np.argmax(abs(slopes - 1))])
            statement = f"{process}: the distance to the limit is O(σ(t)) (slope of its log against log σ below"
            statement += f" σ = {LATE_SIGMA:g}; of {len(slopes)} trajectories the one farthest from 1)."
            yield Claim(f"rate-{process}", statement, PAPER, worst, 0.05, 1.0)
            statement = f"{process}: in the time s = −log σ the largest distance of all trajectories falls like e^(−s)."
            yield Claim(f"transformed-{process}", statement, PAPER, -rate, 0.05, -1.0)

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        found = [(title, rows(results, process=name)) for name, title in _TITLES.items()]
        shown = [(title, of_process.isel(trial=0)) for title, of_process in found if of_process.sizes["trial"]]
        yield Plot(
            "trajectories",
            "Trajectories of the exact score over the Voronoi cells of the 20 training points, and where they end.",
            partial(_trajectories, shown),
        )
        yield Plot(
            "weights",
            "Posterior weights of the 20 training points along one trajectory, against time; time runs backwards from"
            " the right. The line is the collapse time of the whole law.",
            partial(_weights, shown),
        )
        yield Plot(
            "rates",
            "Distance to the limit, 100 trajectories: against time, with 2σ(t) (top), and in the time s = −log σ, with"
            " e^(−s) (bottom).",
            partial(_rates, shown),
        )


def late_slopes(sigma: Array, distance: Array) -> tuple[Array, float]:
    """Slopes of log distance to the limit against log σ where σ is small: of every trajectory, and of the largest.

    Args:
        sigma: shape ``(stages,)``.
        distance: shape ``(stages, trajectories)``.
    """
    late = sigma < LATE_SIGMA
    log_sigma, log_distance = np.log(sigma[late]), np.log(distance[late])
    slopes = np.polyfit(log_sigma, log_distance, 1)[0]
    return np.asarray(slopes), float(np.polyfit(log_sigma, log_distance.max(axis=1), 1)[0])


Shown = Sequence[tuple[str, xr.Dataset]]
"""A title and the trial of each process."""


def _trajectories(shown: Shown, figure: Figure) -> None:
    figure.set_size_inches(9.0, 4.6)
    for axes, (title, row) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        _cells(axes, training_points())
        for x in row.position.values.transpose(1, 0, 2)[:30]:
            axes.plot(*x.T, color="C0", linestyle="-", linewidth=0.7)
            axes.plot(*x[-1], "o", color="C2", fillstyle="none", markersize=8)
        axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="x₁", ylabel="x₂", title=title)
        axes.grid(False)


def _cells(axes: Axes, points: Array) -> None:
    """The boundaries of the Voronoi cells, and the points."""
    ink = axes.spines["left"].get_edgecolor()
    voronoi_plot_2d(Voronoi(points), axes, show_points=False, show_vertices=False, line_colors=ink, line_width=0.6)
    axes.plot(*points.T, "o", color="C1", markersize=4)


def _weights(shown: Shown, figure: Figure) -> None:
    figure.set_size_inches(9.0, 3.6)
    for axes, (title, row) in zip(figure.subplots(1, len(shown), sharey=True, squeeze=False)[0], shown, strict=True):
        for weight in row.weight.values.T:
            axes.plot(row.time, weight, linestyle="-", linewidth=1)
        axes.axvline(float(row.collapse_time), color=axes.spines["left"].get_edgecolor(), linestyle="--")
        axes.set(xlabel="time t", title=title, xscale="log", xlim=(1e-3, 1))
    figure.axes[0].set_ylabel("posterior weight")


def _rates(shown: Shown, figure: Figure) -> None:
    figure.set_size_inches(9.0, 6.4)
    panels = figure.subplots(2, len(shown), squeeze=False)
    for (upper, lower), (title, row) in zip(panels.T, shown, strict=True):
        sigma, distance = row.sigma.values, row.to_limit.values
        upper.plot(row.time, distance, color="C0", linestyle="-", linewidth=0.5, alpha=0.4)
        upper.plot(row.time, 2 * sigma, color="C1", linestyle="-", linewidth=2, label="2σ(t)")
        upper.set(xscale="log", yscale="log", xlabel="time t", title=title)
        s, late = -np.log(sigma), sigma < LATE_SIGMA
        largest = distance.max(axis=1)
        lower.plot(s, distance, color="C0", linestyle="-", linewidth=0.5, alpha=0.4)
        lower.plot(s, largest, color=lower.spines["left"].get_edgecolor(), linestyle="-", label="largest")
        scale = largest[late][0] * sigma / sigma[late][0]
        lower.plot(s[late], scale[late], color="C1", linestyle="--", linewidth=2, label="∝ e^(−s)")
        lower.set(yscale="log", xlabel="s = −log σ")
        for axes in (upper, lower):
            axes.legend()
    for axes in panels[:, 0]:
        axes.set_ylabel("distance to the limit")
