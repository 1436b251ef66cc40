"""The four processes in use, with their exact kernels."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mnemoscope.choose import choose
from mnemoscope.errors import InputError
from mnemoscope.processes.base import Process, Time, as_time


@dataclass(frozen=True)
class OrnsteinUhlenbeck(Process):
    """dx = −x dt + √2 dW: α = e^{−t}, σ² = 1 − e^{−2t} (Wu et al. 2025; George, Veiga & Macris 2025)."""

    t_min: float = 1e-5
    t_max: float = 5.0

    name: ClassVar[str] = "ornstein-uhlenbeck"

    def alpha(self, t: Time) -> Tensor:
        return torch.exp(-as_time(t))

    def sigma(self, t: Time) -> Tensor:
        return torch.sqrt(-torch.expm1(-2 * as_time(t)))

    def drift(self, t: Time) -> Tensor:
        return -torch.ones_like(as_time(t))

    def diffusion(self, t: Time) -> Tensor:
        return math.sqrt(2) * torch.ones_like(as_time(t))

    def ratio(self, t: Time) -> Tensor:
        return torch.sqrt(torch.expm1(2 * as_time(t)))

    def time_of(self, ratio: Time) -> Tensor:
        return torch.log1p(as_time(ratio) ** 2) / 2


@dataclass(frozen=True)
class VariancePreserving(Process):
    """dx = −½β x dt + √β dW with β(t) = β_min + (β_max − β_min) t (Song et al. 2021, eq. 11 and 33).

    With B(t) = ∫₀ᵗ β: α = e^{−B/2}, σ² = 1 − e^{−B}. Baptista et al. (2025) use ``beta_min=0.001, beta_max=3``.
    """

    t_min: float = 1e-4
    t_max: float = 1.0
    beta_min: float = 0.1
    beta_max: float = 20.0

    name: ClassVar[str] = "variance-preserving"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.beta_min <= self.beta_max:
            raise InputError(f"{self.name}: needs 0 < beta_min <= beta_max, got {self.beta_min}, {self.beta_max}")

    def _beta(self, t: Tensor) -> Tensor:
        return self.beta_min + (self.beta_max - self.beta_min) * t

    def _integral(self, t: Time) -> Tensor:
        time = as_time(t)
        return time * (self.beta_min + self._beta(time)) / 2

    def alpha(self, t: Time) -> Tensor:
        return torch.exp(-self._integral(t) / 2)

    def sigma(self, t: Time) -> Tensor:
        return torch.sqrt(-torch.expm1(-self._integral(t)))

    def drift(self, t: Time) -> Tensor:
        return -self._beta(as_time(t)) / 2

    def diffusion(self, t: Time) -> Tensor:
        return torch.sqrt(self._beta(as_time(t)))

    def ratio(self, t: Time) -> Tensor:
        return torch.sqrt(torch.expm1(self._integral(t)))

    def time_of(self, ratio: Time) -> Tensor:
        integral = torch.log1p(as_time(ratio) ** 2)
        # The root of ½Δβ t² + β_min t = B in the form that does not cancel, and holds at Δβ = 0.
        slope = self.beta_max - self.beta_min
        return 2 * integral / (self.beta_min + torch.sqrt(self.beta_min**2 + 2 * slope * integral))


@dataclass(frozen=True)
class VarianceExploding(Process):
    """dx = σ_min Rᵗ √(2 ln R) dW with R = σ_max/σ_min (Song et al. 2021, eq. 30): α = 1, σ² = σ_min² (R^{2t} − 1).

    This is the exact kernel, with σ(0) = 0; Song's σ_min Rᵗ drops the −1. Baptista et al. (2025), g = 10ᵗ,
    have ``sigma_min = (2 ln 10)^{−1/2}, sigma_max = 10 sigma_min``.
    """

    t_min: float = 1e-3
    t_max: float = 1.0
    sigma_min: float = 0.01
    sigma_max: float = 50.0

    name: ClassVar[str] = "variance-exploding"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.sigma_min < self.sigma_max:
            raise InputError(f"{self.name}: needs 0 < sigma_min < sigma_max, got {self.sigma_min}, {self.sigma_max}")

    @property
    def _log_ratio(self) -> float:
        return math.log(self.sigma_max / self.sigma_min)

    def alpha(self, t: Time) -> Tensor:
        return torch.ones_like(as_time(t))

    def sigma(self, t: Time) -> Tensor:
        return self.sigma_min * torch.sqrt(torch.expm1(2 * self._log_ratio * as_time(t)))

    def drift(self, t: Time) -> Tensor:
        return torch.zeros_like(as_time(t))

    def diffusion(self, t: Time) -> Tensor:
        return self.sigma_min * math.sqrt(2 * self._log_ratio) * torch.exp(self._log_ratio * as_time(t))

    def time_of(self, ratio: Time) -> Tensor:
        return torch.log1p((as_time(ratio) / self.sigma_min) ** 2) / (2 * self._log_ratio)


@dataclass(frozen=True)
class EDM(Process):
    """dx = √(2t) dW: α = 1, σ = t (Karras et al. 2022)."""

    t_min: float = 0.002
    t_max: float = 80.0

    name: ClassVar[str] = "edm"

    def alpha(self, t: Time) -> Tensor:
        return torch.ones_like(as_time(t))

    def sigma(self, t: Time) -> Tensor:
        return as_time(t)

    def drift(self, t: Time) -> Tensor:
        return torch.zeros_like(as_time(t))

    def diffusion(self, t: Time) -> Tensor:
        return torch.sqrt(2 * as_time(t))

    def time_of(self, ratio: Time) -> Tensor:
        return as_time(ratio)


_PROCESSES: dict[str, type[Process]] = {
    process.name: process for process in (OrnsteinUhlenbeck, VariancePreserving, VarianceExploding, EDM)
}


def process_names() -> list[str]:
    """The names that ``make_process`` knows."""
    return list(_PROCESSES)


def make_process(name: str, **parameters: float) -> Process:
    """Build a process from its name and parameters; ``make_process(**process.spec())`` builds it again.

    Raises:
        InputError: an unknown name or parameter, or a value out of range.
    """
    process = choose(name, _PROCESSES, "process")
    try:
        return process(**parameters)
    except TypeError as error:
        raise InputError(f"{name}: {error}") from None
