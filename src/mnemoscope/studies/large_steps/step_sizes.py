"""Fig. 3 of the paper: samples against the learning rate, on the ten points that the figure was drawn for.

All learning rates share one draw of the data; seeds differ in the initial weights and the batches. The distances are
taken at the bandwidth of the paper's code, 0.1, at which they are published, and at that of its text, 1.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from mnemoscope.auditing.intervals import student_error
from mnemoscope.studies.large_steps.distances import (
    LINES,
    at_bandwidth,
    crossing,
    draw_distances,
    draw_samples,
    mean_distances,
)
from mnemoscope.studies.large_steps.generation import BANDWIDTHS, SETS, Generated
from mnemoscope.studies.large_steps.published import (
    FIG_3_BATCH,
    FIG_3_CROSSING,
    FIG_3_DISTANCES,
    FIG_3_POINTS,
    FIG_3_STEPS,
    PAPER,
)
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Plot, Preset, Seeds
from mnemoscope.sweeps import grid

CODE, TEXT = BANDWIDTHS
"""The bandwidths of the paper's code and of its text."""

_AFFORDABLE = 20_000
"""Steps in the published batch, which take 20 ms each on a core."""


class StepSizes(Generated, frozen=True):
    """One network on the published points, and its samples.

    Attributes:
        final_steps: further steps, in batches of ``final_batch``.
        final_batch: items of these.
    """

    final_steps: int = Field(ge=0)
    final_batch: int = Field(ge=1)

    def phases(self) -> Sequence[tuple[int, int]]:
        return [(self.steps, self.batch), *([(self.final_steps, self.final_batch)] if self.final_steps else [])]

    def data(self, generator: torch.Generator) -> Tensor:  # noqa: ARG002
        return torch.tensor(FIG_3_POINTS)

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["StepSizes"]:
        """The published steps, most of an hour of them: none in ``quick``, and a claim needs them.

        The batch is the published one, but for the longest descent, which has a tenth of it (the noise of its steps is
        that of η = 1 in the published batch) and then a tenth of its steps more in the whole.
        """
        if preset == "quick":
            return []
        fields = {"dim": 2, "n_samples": len(FIG_3_POINTS), "width": 1000, "final_batch": FIG_3_BATCH, "seed": seeds(3)}
        trials: list[StepSizes] = []
        for eta, steps in FIG_3_STEPS.items():
            long = steps > _AFFORDABLE
            batch, final_steps = (FIG_3_BATCH // 10, steps // 10) if long else (FIG_3_BATCH, 0)
            trials += grid(cls, **fields, learning_rate=eta, steps=steps, batch=batch, final_steps=final_steps)
        return trials

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        narrow, wide = (mean_distances(at_bandwidth(results, h), "learning_rate") for h in (CODE, TEXT))
        etas = f"η = {', '.join(f'{eta:g}' for eta in narrow.index)}"
        yield Claim(
            "crossing",
            "On the published points the distances MMD² of the samples to those of the optimal score and to the fitted"
            f" Gaussian cross at an η between 0.1 and 1 (means over seeds and {SETS} sets of samples, interpolated in"
            f" log η; bandwidth {CODE:g}, that of the code which drew the figure: the text has {TEXT:g}; the longest"
            " descent has a tenth of the published batch, and then steps in the whole).",
            f"{PAPER}, Fig. 3",
            crossing(narrow),
            (0.1, 1.0),
            FIG_3_CROSSING,
        )
        yield Claim(
            "crossing-margin",
            f"At the smallest η, {narrow.index[0]:g}, they are closer to the optimal score's (difference of the two at"
            f" bandwidth {CODE:g}, upper end of its 95 % interval over sets of samples).",
            f"{PAPER}, Fig. 3",
            margin(results),
            (None, 0.0),
        )
        yield Claim(
            "no-crossing-at-1",
            f"At bandwidth {TEXT:g} they are closer to the optimal score's at every η (largest difference of the two;"
            f" {etas}).",
            "here",
            float((wide.mmd_optimal - wide.mmd_gaussian).max(skipna=False)),
            (None, 0.0),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        trained = rows(results)
        if not (trained.diverged == 0).any():
            return
        yield Plot(
            "step-sizes",
            "MMD² of the samples to those of the optimal score and to the Gaussian fitted to the data, on the points of"
            f" the paper's Fig. 3: at the bandwidth {CODE:g} of the code that drew it (left; crosses are published) and"
            f" at {TEXT:g}, that of the text (right).",
            partial(_draw, {h: at_bandwidth(results, h) for h in (CODE, TEXT)}),
        )
        yield Plot(
            "samples",
            "Samples (dots) of two-dimensional networks and the ten training points (crosses).",
            partial(draw_samples, trained),
        )


def margin(results: xr.Dataset) -> float:
    """The upper end of the 95 % interval, Student's over all sets, of the difference at the smallest η."""
    found = rows(results).sel(bandwidth=CODE)
    found = found.isel(trial=np.flatnonzero(found.learning_rate == found.learning_rate.min()))
    differences = (found.mmd_optimal - found.mmd_gaussian).values.ravel()
    return float(differences.mean()) + student_error(differences)


def _draw(found: dict[float, Any], figure: Figure) -> None:
    figure.set_size_inches(9.0, 4.0)
    for axes, (bandwidth, table) in zip(figure.subplots(1, len(found)), found.items(), strict=True):
        draw_distances(axes, table, "learning_rate")
        if bandwidth == CODE:
            for k, (_, _, label) in enumerate(LINES):
                published = [values[k] for values in FIG_3_DISTANCES.values()]
                axes.plot([*FIG_3_DISTANCES], published, "x", color=f"C{k}", markersize=9, label=f"{label}, published")
        axes.set(xlabel="η", ylabel="MMD²", ylim=(0, 1.5 * axes.get_ylim()[1]), title=f"bandwidth {bandwidth:g}")
        axes.legend()
