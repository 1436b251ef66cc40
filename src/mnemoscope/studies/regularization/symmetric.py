"""Starts that no training point is nearest to end between the points, on the boundary of their Voronoi cells."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.scores import EmpiricalScore
from mnemoscope.studies.regularization.plane import PAPER, PROCESSES, distances, follow, training_points
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid

PROCESS = PROCESSES["variance-exploding"]
BOUNDARY_STARTS = [(0.0, height) for height in (-6.0, -2.0, 0.0, 2.0, 6.0)]
"""On the vertical symmetry line."""
OTHER_STARTS = 12


class Symmetric(Experiment, frozen=True):
    """Starts on the vertical symmetry line, and others, followed by the exact score of 2 or 4 symmetric points.

    Attributes:
        data: the training points.
        seed: of the other starts.
    """

    data: Literal["pair", "square"]
    seed: int = Field(ge=0)

    def run(self) -> Result:
        points = training_points(self.data)
        generator = torch.Generator().manual_seed(self.seed)
        others = 3 * torch.randn(OTHER_STARTS, 2, generator=generator, dtype=torch.float64)
        starts = torch.cat([torch.tensor(BOUNDARY_STARTS, dtype=torch.float64), others])
        _, x = follow(EmpiricalScore(points, PROCESS), PROCESS, starts)
        middles = (points[:, None] + points[None, :]).reshape(-1, 2) / 2
        return {
            "start": ("start", np.arange(len(starts))),
            # As far from the points on the left as from those on the right, and stays so in floating point, too: in
            # the order of the points, the terms of the left cancel those of the right exactly.
            "on_boundary": ("start", np.arange(len(starts)) < len(BOUNDARY_STARTS)),
            "track": (("stage", "start", "axis"), x.numpy()),
            "to_point": ("start", distances(x[-1], self.data).numpy()),
            "to_middle": ("start", torch.cdist(x[-1], torch.from_numpy(middles)).amin(dim=1).numpy()),
        }

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Symmetric"]:  # noqa: ARG003
        return grid(cls, data=["pair", "square"], seed=seeds(1))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        found = rows(results)
        special = found.on_boundary.values == 1
        yield Claim(
            "symmetric-boundary",
            "2 and 4 symmetric points: a start on the symmetry line ends in the middle between points, on the boundary"
            " of their Voronoi cells (largest distance; σ ends at 1e-4).",
            PAPER,
            float(found.to_middle.values[special].max()),
            (None, 1e-3),
        )
        yield Claim(
            "symmetric-points",
            "2 and 4 symmetric points: any other start ends on a training point (largest distance).",
            PAPER,
            float(found.to_point.values[~special].max()),
            (None, 1e-3),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "symmetric",
            "2 and 4 symmetric points. Starts on the vertical symmetry line (dashed) end in the middle between points,"
            " all others on a point; lines are the boundaries of the Voronoi cells.",
            partial(_draw, rows(results)),
        )


def _draw(found: xr.Dataset, figure: Figure) -> None:
    figure.set_size_inches(9.0, 4.6)
    for trial, axes in enumerate(figure.subplots(1, found.sizes["trial"], squeeze=False)[0]):
        row = found.isel(trial=trial)
        points = training_points(row["data"].item())
        # A cell needs neighbours on all sides to be bounded: two points have one boundary, four have two.
        axes.axvline(0, color=axes.spines["left"].get_edgecolor(), linewidth=0.6)
        if len(points) > 2:
            axes.axhline(0, color=axes.spines["left"].get_edgecolor(), linewidth=0.6)
        axes.plot(*points.T, "o", color="C1", markersize=5)
        for x, special in zip(row.track.values.transpose(1, 0, 2), row.on_boundary.values == 1, strict=True):
            colour, dashes = ("C2", "--") if special else ("C0", "-")
            axes.plot(*x.T, color=colour, linestyle=dashes, linewidth=2 if special else 0.7)
            axes.plot(*x[-1], "o", color=colour, fillstyle="none", markersize=9)
        axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xlabel="x₁", ylabel="x₂", title=f"{len(points)} points")
        axes.grid(False)
