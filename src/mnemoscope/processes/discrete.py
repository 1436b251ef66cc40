"""A variance-preserving process that is known at T steps, as networks are trained with a table of noise levels.

Step k = 0, …, T − 1 has ᾱ_k = Π_{j≤k} (1 − β_j), α = √ᾱ_k, σ = √(1 − ᾱ_k) (Ho, Jain & Abbeel 2020, eq. 4), and stands
at time t = (k + 1)/T, so that t = 0 is clean data. Between the steps log r is linear in t, which is how samplers that
leave the table (Karras et al. 2022, appendix C.3.3) find the step of a noise level; before the first step r is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.processes.base import Process, Time, as_time


@dataclass(frozen=True)
class DiscreteSteps(Process):
    """α² + σ² = 1 with the noise levels of a table; t = (step + 1)/n_steps. ``of`` makes one from ᾱ.

    Attributes:
        n_steps: T.
        log_ratios: log r at each step at which something of the signal is left, rising.
    """

    n_steps: int
    log_ratios: tuple[float, ...] = field(repr=False)

    name: ClassVar[str] = "discrete-steps"

    def __post_init__(self) -> None:
        table = self._table
        if len(table) < 2 or not bool(torch.isfinite(table).all() and (table.diff() > 0).all()):
            raise InputError(f"{self.name}: needs two noise levels or more that rise from step to step")

    @classmethod
    def of(cls, alphas_cumprod: Iterable[float]) -> "DiscreteSteps":
        """The process of a table ᾱ_0 > ᾱ_1 > …; steps at its end with ᾱ = 0, where no signal is left, are not used.

        Raises:
            InputError: ᾱ does not lie between 0 and 1 or does not fall.
        """
        signal = torch.tensor([float(each) for each in alphas_cumprod], dtype=torch.float64, device="cpu")
        left = signal[signal > 0]
        if not bool((signal >= 0).all() and (left < 1).all() and len(left)):
            raise InputError("alphas_cumprod must fall from below 1 to 0 or more")
        ratios = tuple(((1 - left) / left).sqrt().log().tolist())
        return cls(1 / len(signal), len(left) / len(signal), len(signal), ratios)

    @cached_property
    def _table(self) -> Tensor:
        return torch.tensor(self.log_ratios, dtype=torch.float64, device="cpu")

    def time_of_step(self, step: Time) -> Tensor:
        """The time of a step; of fractions between two steps as well. Shape of step."""
        return (as_time(step).to(torch.float64) + 1) / self.n_steps

    def step_of_time(self, t: Time) -> Tensor:
        """The step at a time, a whole number where it is one up to rounding; in double precision, shape of t."""
        step = as_time(t).double() * self.n_steps - 1
        nearest = step.round()
        return torch.where((step - nearest).abs() < 1e-3, nearest, step)

    def _log_ratio(self, t: Time) -> tuple[Tensor, Tensor]:
        """Log r and its slope in t."""
        time = as_time(t)
        table = self._table.to(time)
        place = time * self.n_steps
        below = place.floor().clamp(1, len(table) - 1).long() - 1
        rise = table[below + 1] - table[below]
        early = place < 1
        inside = table[below] + (place - 1 - below) * rise
        return torch.where(early, table[0] + place.log(), inside), torch.where(early, 1 / time, rise * self.n_steps)

    def alpha(self, t: Time) -> Tensor:
        return torch.sigmoid(-2 * self._log_ratio(t)[0]).sqrt()

    def sigma(self, t: Time) -> Tensor:
        return torch.sigmoid(2 * self._log_ratio(t)[0]).sqrt()

    def drift(self, t: Time) -> Tensor:
        log_ratio, slope = self._log_ratio(t)
        return -torch.sigmoid(2 * log_ratio) * slope

    def diffusion(self, t: Time) -> Tensor:
        log_ratio, slope = self._log_ratio(t)
        return (2 * torch.sigmoid(2 * log_ratio) * slope).sqrt()

    def ratio(self, t: Time) -> Tensor:
        return self._log_ratio(t)[0].exp()

    def time_of(self, ratio: Time) -> Tensor:
        log_ratio = as_time(ratio).log()
        table = self._table.to(log_ratio)
        below = (torch.searchsorted(table, log_ratio.contiguous(), right=True) - 1).clamp(0, len(table) - 2)
        place = 1 + below + (log_ratio - table[below]) / (table[below + 1] - table[below])
        return torch.where(log_ratio < table[0], (log_ratio - table[0]).exp(), place) / self.n_steps
