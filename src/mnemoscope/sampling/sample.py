"""One loop for any score, any process and every solver."""

import math
import warnings
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from mnemoscope.choose import check_event_shape, check_kind, check_name, check_number, check_whole
from mnemoscope.errors import InputError, LostSamplesError
from mnemoscope.processes import Process
from mnemoscope.processes.base import standard_normal
from mnemoscope.progress import progress_bar
from mnemoscope.reading import check_memory
from mnemoscope.sampling.adaptive import adaptive_flow
from mnemoscope.sampling.grids import ratio_grid
from mnemoscope.sampling.schedule import check_ends, coarseness, warn_of_spread
from mnemoscope.sampling.steps import Noise, ancestral_step, heun_step
from mnemoscope.scores.base import (
    Score,
    ScoreFunction,
    as_score_function,
    check_floating,
    check_same_process,
    score_device,
)

SOLVERS = ("ode", "adaptive", "sde")
N_STEPS, BATCH_SIZE = 64, 1024
"""Of the solver, and how many samples are computed at once, if nothing else is asked for."""


@torch.no_grad()
def sample(
    score: ScoreFunction,
    process: Process,
    n: int,
    *,
    generator: torch.Generator,
    solver: str = "ode",
    n_steps: int = N_STEPS,
    tolerance: float = 1e-5,
    denoise: bool = True,
    event_shape: tuple[int, ...] | None = None,
    initial: Tensor | None = None,
    device: torch.device | str | None = None,
    batch_size: int = BATCH_SIZE,
    progress: bool = False,
) -> Tensor:
    """Draw from the model that a score defines, from pure noise at t_max back to t_min.

    A schedule on which no score could be sampled is named: refused where numbers run out at its ends, and a warning
    says which number to change where the grid leaps over the data's scale, or the samples differ by less than the noise
    at t_min.

    Args:
        score: a ``Score`` or any ``score(x, t)``, which gets t of shape ``(batch,)`` in the dtype and on the device
            of x. A network is evaluated in evaluation mode and left in the mode in which it came.
        process: the forward process it belongs to; that of the score, where it is a ``Score``.
        n: number of samples.
        generator: the source of the initial noise and of the SDE's.
        solver: ``ode``, the probability flow by Heun's rule on a fixed grid (error ∝ n_steps⁻²); ``adaptive``, the
            same by Dormand and Prince's rule of order 5(4) in log r; ``sde``, the reverse equation by ancestral steps.
        n_steps: steps of the fixed grid (``ode``, ``sde``).
        tolerance: relative and absolute tolerance of every sample (``adaptive``).
        denoise: end with the denoiser at t_min, so that no noise of size σ(t_min) is left in the samples.
        event_shape: shape of one sample; taken from the score where it is a ``Score``.
        initial: x at t_max, shape ``(n, *event)``, in place of a draw; its dtype is that of all x.
        device: where x lives. Left out, it is the score's own device or that of a network's parameters; for any other
            function that of ``initial``, else the generator's.
        batch_size: samples computed at once.
        progress: show a bar.

    Returns:
        Shape ``(n, *event)``, on that device; in single precision unless ``initial`` says otherwise.

    Raises:
        InputError: an argument out of range, an unknown solver, a ``Score`` of another process, a schedule whose ends
            are lost in the number format, no way to tell the event shape, more samples than fit into memory, or a score
            that returns no tensor like x.
        LostSamplesError: samples that are not finite, or that the adaptive solver gives up; it holds the others.
    """
    n, batch_size, n_steps = check_whole(n, "n"), check_whole(batch_size, "batch_size"), check_whole(n_steps, "n_steps")
    tolerance = check_number(tolerance, "tolerance", "positive")
    check_name(solver, SOLVERS, "solver")
    check_kind(process, Process, "process")
    check_kind(generator, torch.Generator, "generator")
    called = as_score_function(score)
    check_same_process(score, process)
    if initial is None:
        check_ends(process, torch.float32)
        initial = _draw_initial(process, _shape_of(score, event_shape, n), generator)
    else:
        check_floating(initial, "initial", score.event_shape if isinstance(score, Score) else None)
        if initial.shape[0] != n:
            raise InputError(f"initial holds {initial.shape[0]} items, n is {n}")
        if not bool(torch.isfinite(initial).all()):
            raise InputError("initial holds NaN or Inf")
        check_ends(process, initial.dtype)
    initial = initial.to(device if device is not None else score_device(score) or initial.device)

    grid = ratio_grid(process, n_steps)
    too_coarse = None if solver == "adaptive" else coarseness(grid, process)
    if too_coarse is not None:
        warnings.warn(too_coarse, stacklevel=2)
    noise = _noise_in_ratio(called, process)
    first, last = process.alpha(process.time_of(grid[0])), process.alpha(process.time_of(grid[-1]))
    batches = torch.split(initial, batch_size)
    samples, given_up = [], []
    n_stages = len(batches) * (1 if solver == "adaptive" else n_steps)
    with progress_bar(f"sampling ({solver})", n_stages, enabled=progress) as advance:
        for x in batches:
            if solver == "adaptive":
                y, lost = adaptive_flow(noise, x / first, grid[0], grid[-1], tolerance)
                advance()
            else:
                y, lost = _fixed(noise, x / first, grid, generator if solver == "sde" else None, advance)
            samples.append(y - grid[-1] * noise(y, grid[-1]) if denoise else last * y)
            given_up.append(torch.where(lost.isnan() & ~_is_finite(samples[-1]).cpu(), grid[-1], lost))
    drawn = _all_of(torch.cat(samples), process.time_of(torch.cat(given_up)), too_coarse)
    warn_of_spread(drawn, process, denoised=denoise)
    return drawn


def _shape_of(score: ScoreFunction, event_shape: tuple[int, ...] | None, n: int) -> tuple[int, ...]:
    """The shape of all samples; refused before anything is drawn where they do not fit into memory."""
    if event_shape is None:
        if not isinstance(score, Score):
            raise InputError("event_shape is needed where the score is a plain function")
        event_shape = score.event_shape
    shape = (n, *check_event_shape(event_shape))
    # The noise at the start, the samples, and once more all of them in one piece; in single precision.
    check_memory(f"{n} samples of shape {shape[1:]}", 3 * 4 * math.prod(shape))
    return shape


def _draw_initial(process: Process, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    unit = standard_normal(shape, generator)
    return process.sigma(process.t_max).to(unit) * unit


def _noise_in_ratio(score: ScoreFunction, process: Process) -> Noise:
    def noise(y: Tensor, r: Tensor) -> Tensor:
        t = process.time_of(r)
        return process.noise_from_score(score(process.alpha(t).to(y) * y, t), t)

    return noise


def _fixed(
    noise: Noise, y: Tensor, grid: Tensor, generator: torch.Generator | None, advance: Callable[[], None]
) -> tuple[Tensor, Tensor]:
    """State at the end of the grid, and for every sample the ratio of the step in which it was lost, NaN for none."""
    n_whole = torch.zeros(len(y), dtype=torch.int64, device=y.device)  # steps; counted there, read once at the end
    whole = torch.ones_like(n_whole, dtype=torch.bool)
    for r, r_next in pairwise(grid):
        y = heun_step(noise, y, r, r_next) if generator is None else ancestral_step(noise, y, r, r_next, generator)
        whole &= _is_finite(y)
        n_whole += whole
        advance()
    return y, torch.where(whole.cpu(), torch.nan, grid[n_whole.cpu()])


def _is_finite(y: Tensor) -> Tensor:
    """Of every sample."""
    return y.isfinite().flatten(1).all(dim=1)


def _all_of(samples: Tensor, times: Tensor, why: str | None) -> Tensor:
    """The samples, if no time is given at which one was lost; ``why``, if the grid is known to be at fault."""
    lost = (~times.isnan()).nonzero()[:, 0].tolist()
    if lost:
        samples[lost] = torch.nan
        raise LostSamplesError({index: float(times[index]) for index in lost}, samples, why)
    return samples
