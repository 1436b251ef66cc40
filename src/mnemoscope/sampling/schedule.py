"""Whether a schedule can be sampled at all, and what to change where it cannot.

A sampler goes from the noise-to-signal ratio r(t_max) to r(t_min). Three things make its samples worthless whatever the
score says, and none of them shows in the score:

- at t_max α, or at t_min σ, is so small that a number format loses it: nothing of the signal, or of the noise, is left;
- two neighbours of the grid lie so far apart (``COARSEST``) that the scale of the data falls between them. The step
  from one to the other then has an error as large as the first, and the digits that remain cannot tell data from it;
- the samples themselves differ by no more than the noise at t_min: the data's scale lies below the grid.
"""

import math
import warnings

import torch
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.processes import Process

COARSEST = 2000.0
"""The largest factor between neighbours of a grid: two steps over the whole way of a usual schedule have less."""

_RESOLVED = 100.0
"""The factor that the remedies aim at."""

_NOISE_ALONE = 1000.0
"""The noise-to-signal ratio at which samplers may start: of the signal there is nothing to be seen."""

_RHO = 7.0
_SPREAD = 4.0
_SAMPLES = 16
"""Fewer samples may all be one training item by chance."""


def check_ends(process: Process, dtype: torch.dtype) -> None:
    """Refuse a schedule whose ends a number format cannot hold: squares of r and of σ are computed.

    Raises:
        InputError: it cannot; the message names t_max or t_min and a value that can be sampled.
    """
    # Of numbers in half precision only what is no number at all is refused: their squares are no one's business here.
    limits = torch.finfo(dtype if dtype.itemsize > 2 else torch.float32)
    start, end = float(process.ratio(process.t_max)), float(process.sigma(process.t_min))
    if not start**2 <= limits.max:
        raise InputError(
            f"{process.name}: nothing of the signal is left at t_max={process.t_max:g}, where the noise is {start:.2g} "
            f"times as large: lower t_max to about {_useful_end(process):.3g}"
        )
    if not end**2 >= limits.tiny:
        raise InputError(
            f"{process.name}: the noise at t_min={process.t_min:g}, {end:.2g}, is lost in {dtype}: raise t_min"
        )


def coarseness(grid: Tensor, process: Process) -> str | None:
    """What to change where a grid leaps over the data's scale; None for a grid that does not."""
    steps = grid[:-1] / grid[1:]
    widest = int(steps.argmax())
    if not float(steps[widest]) > COARSEST:
        return None
    span = float(grid[0] / grid[-1]) ** (1 / _RHO)
    enough = math.ceil((span - 1) / (_RESOLVED ** (1 / _RHO) - 1))
    end = f", lower t_max={process.t_max:g} to about {_useful_end(process):.3g}" if grid[0] > _NOISE_ALONE else ""
    return (
        f"{process.name}: a grid of {len(grid) - 1} steps does not resolve the data's scale: the noise falls from "
        f"{float(grid[widest]):.2g} to {float(grid[widest + 1]):.2g} in one: raise n_steps to {enough}{end}, or raise "
        f"t_min={process.t_min:g}"
    )


def warn_of_spread(samples: Tensor, process: Process, *, denoised: bool) -> None:
    """Warn where samples differ by less than the noise at t_min hides."""
    if len(samples) < _SAMPLES:
        return
    noise = float(process.ratio(process.t_min))
    variance = float(samples.detach().cpu().double().flatten(1).var(dim=0).mean())
    if not denoised:
        variance = variance / float(process.alpha(process.t_min)) ** 2 - noise**2
    if 0 <= noise**2 * _SPREAD**2 <= variance:
        return
    spread = math.sqrt(max(variance, 0))
    # Items far larger than the noise of the start: all samples began at one place, and it is no matter of the end.
    start, size = float(process.ratio(process.t_max)), float(samples.detach().cpu().double().square().mean().sqrt())
    what = "lower t_min" if size <= start else f"raise t_max={process.t_max:g}, whose noise is smaller than the data"
    warnings.warn(
        f"{process.name}: the samples differ by {spread:.2g} in each value, no more than the noise that is left at "
        f"t_min={process.t_min:g}, {noise:.2g}, hides: {what}, unless the model knows one item only",
        stacklevel=3,
    )


def _useful_end(process: Process) -> float:
    return float(process.time_of(_NOISE_ALONE))
