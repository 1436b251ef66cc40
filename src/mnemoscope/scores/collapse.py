"""When the posterior over the training points collapses onto one of them."""

import torch
from torch import Tensor

from mnemoscope.errors import ConvergenceError, InputError
from mnemoscope.processes.base import standard_normal
from mnemoscope.scores.empirical import EmpiricalScore


def collapse_time(
    score: EmpiricalScore, *, generator: torch.Generator, n_draws: int = 256, effective_number: float = 2.0
) -> Tensor:
    """The time below which a noised training point is attributed to a single training point.

    The t_C at which the median, over x_t = α x_i + σ ε, of the effective number of training points e^H crosses
    ``effective_number``: before it (in reversed time) the score is that of a population, after it the trajectory is
    bound to one point (the condensation or collapse time of Biroli, Bonnaire, de Bortoli & Mézard 2024). Found by
    bisection in the noise-to-signal ratio with the same draws throughout, to a relative 1e-6.

    Args:
        score: the empirical score.
        generator: the source of the x_i and ε.
        n_draws: how many x_t the median is taken over.
        effective_number: the threshold, above 1.

    Raises:
        InputError: a threshold that is not above 1, or not below the number of training points.
        ConvergenceError: the median does not cross the threshold between t_min and t_max.
    """
    if not 1 < effective_number < score.n_samples:
        raise InputError(
            f"effective_number must lie above 1 and below n_samples = {score.n_samples}, got {effective_number}"
        )
    points, process = score.points, score.process
    mass = torch.ones(points.n_samples, dtype=torch.float64, device="cpu")
    mass = mass if points.log_weights is None else points.log_weights.cpu().exp()
    chosen = torch.multinomial(mass, n_draws, replacement=True, generator=generator)
    x0 = points.take(chosen).reshape(n_draws, *score.event_shape)
    noise = standard_normal(x0.shape, generator, like=x0)

    def above(log_ratio: Tensor) -> bool:
        t = process.time_of(log_ratio.exp())
        number = score.effective_number(process.perturb(x0, t, noise), t)
        return bool(number.median() > effective_number)

    low, high = (torch.log(process.ratio(t)) for t in (process.t_min, process.t_max))
    if above(low) or not above(high):
        raise ConvergenceError(
            f"the median effective number does not cross {effective_number} between t_min = {process.t_min} and "
            f"t_max = {process.t_max}"
        )
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (low, middle) if above(middle) else (middle, high)
    return process.time_of(((low + high) / 2).exp())
