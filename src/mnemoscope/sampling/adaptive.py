"""The probability flow by Dormand and Prince's rule of order 5(4), in which no sample spoils the others.

In u = log r(t_max) − log r the flow is dy/du = −r ε̂(α y, t(r)), smooth over the many decades that r covers. A step
from u to u + h is accepted where the embedded estimate of its error is, for *every sample*, within
tolerance · (1 + |y|), root mean square over its coordinates; the next step is h · min(10, max(1/5, 0.9 · e^{−1/5}))
with e the largest estimate (Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, II.4). All samples
share the step, since a score is handed one time for the batch.

torchdiffeq's rule averages the estimate over the batch. One state that overflows makes it NaN and the step 0, and
nothing can be finished; and a sample among a thousand may err by thirty tolerances. Here a sample is given up, where it
is, once it asks for a step that is next to nothing, or has held the batch up too often; the others go on from there.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from mnemoscope.sampling.steps import Noise

SMALLEST_STEP = 1e-10
"""Of the whole range of u. Doubles near its end lie 1e-16 apart."""
HELD_UP = 20_000
"""How many steps, accepted or not, one sample may be the one to limit."""

_FIRST_STEP, _SAFETY, _SHORTEN, _LENGTHEN = 0.01, 0.9, 0.2, 10.0

_NODES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
"""The last row is the step itself, whose slope is the first of the next."""
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""The fifth-order weights minus the fourth-order ones."""

Slope: TypeAlias = Callable[[Tensor, float], Tensor]
"""dy/du as a function of (y, u)."""


def adaptive_flow(noise: Noise, y: Tensor, first: Tensor, last: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
    """The flow from the ratio ``first`` down to ``last``.

    Args:
        noise: ε̂(y, r).
        y: shape ``(n, *event)``, finite.
        first: r at the start, a scalar in double precision on the CPU.
        last: r at the end.
        tolerance: relative and absolute, of every sample.

    Returns:
        y at the end, and for every sample the ratio at which it was given up, NaN for those that were finished. A
        sample that was given up has the state it had there.
    """
    start = first.log()
    span = float(start - last.log())

    def slope(y: Tensor, u: float) -> Tensor:
        r = (start - u).exp()
        return -r.to(y) * noise(y, r)

    y, u = y.clone(), 0.0
    given_up = torch.full((len(y),), torch.nan, dtype=torch.float64, device="cpu")
    held_up = torch.zeros(len(y), dtype=torch.int64, device="cpu")
    active = torch.arange(len(y), device="cpu")
    rate = slope(y, u)
    step = _first_step(y, rate, tolerance, span)
    while u < span and len(active):
        h = min(step, span - u)
        at = active.to(y.device)
        there, rate_there, estimates = _attempt(slope, y[at], rate, u, h, tolerance)
        worst = int(estimates.argmax())
        if estimates[worst] <= 1:
            u = span if h >= span - u else u + h
            y[at], rate = there, rate_there
        held_up[active[worst]] += 1
        lost = (held_up[active] >= HELD_UP) | ((estimates > 1) & (h < SMALLEST_STEP * span))
        if lost.any() and u < span:
            given_up[active[lost]] = float((start - u).exp())
            active, rate, estimates = active[~lost], rate[(~lost).to(y.device)], estimates[~lost]
        step = h * _stretch(float(estimates.max())) if len(active) else h
    return y, given_up


def _attempt(
    slope: Slope, y: Tensor, rate: Tensor, u: float, h: float, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """One step: where it ends, the slope there, and every sample's error over its tolerance, ∞ if not finite."""
    slopes, there = [rate], y
    for node, weights in zip(_NODES, _STAGES, strict=True):
        there = y + h * _sum(weights, slopes)
        slopes.append(slope(there, u + node * h))
    scale = tolerance * (1 + _wide(torch.maximum(y.abs(), there.abs())))
    estimates = _size(h * _sum(_ERROR, slopes) / scale)
    whole = (there.isfinite() & slopes[-1].isfinite()).flatten(1).all(dim=1).cpu()
    return there, slopes[-1], torch.where(whole & estimates.isfinite(), estimates, torch.inf)


def _stretch(estimate: float) -> float:
    """The next step over the last."""
    return min(_LENGTHEN, max(_SHORTEN, _SAFETY * estimate**-0.2)) if estimate else _LENGTHEN


def _first_step(y: Tensor, rate: Tensor, tolerance: float, span: float) -> float:
    """A step in which every y changes by at most a hundredth of itself, and at most a hundredth of the range."""
    scale = tolerance * (1 + _wide(y.abs()))
    steps = _FIRST_STEP * _size(y / scale) / _size(rate / scale)
    usable = steps[steps.isfinite() & (steps > 0)]
    return max(SMALLEST_STEP * span, min(_FIRST_STEP * span, float(usable.min()) if len(usable) else span))


def _sum(weights: tuple[float, ...], slopes: list[Tensor]) -> Tensor:
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1:], strict=True):
        if weight:
            total = total.add(slope, alpha=weight)
    return total


def _size(values: Tensor) -> Tensor:
    """Root mean square over the coordinates of every sample, in double precision on the CPU."""
    return values.flatten(1).square().mean(dim=1).sqrt().cpu().double()


def _wide(values: Tensor) -> Tensor:
    """At least single precision: half precision has no square of an error over a tolerance."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
