"""What every forward process shares: the kernel and the conversions. The convention is in the package docstring."""

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import check_number
from mnemoscope.errors import InputError

Time: TypeAlias = float | int | Tensor
"""A time: a number, a scalar tensor, or one time for each item of the batch."""


@dataclass(frozen=True)
class Process(ABC):
    """A linear-Gaussian noising process x_t = α(t) x_0 + σ(t) ε on ``[0, t_max]``.

    Attributes:
        t_min: the earliest time at which scores are learned and samplers stop; σ(t_min) > 0.
        t_max: the time at which the samplers start, where x_t is treated as pure noise of size σ(t_max).
    """

    t_min: float
    t_max: float

    name: ClassVar[str]

    def __post_init__(self) -> None:
        """Validate; subclasses check their own fields too."""
        for parameter in fields(self):
            wanted = f"a finite number ({self.name})"
            check_number(getattr(self, parameter.name), parameter.name, wanted, -math.inf)
        if not 0 < self.t_min < self.t_max:
            raise InputError(f"{self.name}: needs 0 < t_min < t_max, got t_min={self.t_min}, t_max={self.t_max}")

    @abstractmethod
    def alpha(self, t: Time) -> Tensor:
        """The signal's scale α(t); shape of t."""

    @abstractmethod
    def sigma(self, t: Time) -> Tensor:
        """The noise's standard deviation σ(t), with σ(0) = 0; shape of t."""

    @abstractmethod
    def drift(self, t: Time) -> Tensor:
        """The drift's coefficient f(t) = α'(t)/α(t) in dx = f x dt + g dW; shape of t."""

    @abstractmethod
    def diffusion(self, t: Time) -> Tensor:
        """The diffusion's coefficient g(t) in dx = f x dt + g dW; shape of t."""

    @abstractmethod
    def time_of(self, ratio: Time) -> Tensor:
        """The time t at which the noise-to-signal ratio σ(t)/α(t) takes the value ``ratio``; shape of ratio."""

    def ratio(self, t: Time) -> Tensor:
        """The noise-to-signal ratio r(t) = σ(t)/α(t), increasing in t; shape of t."""
        return self.sigma(t) / self.alpha(t)

    def coefficients(self, x: Tensor, t: Time) -> tuple[Tensor, Tensor]:
        """α(t) and σ(t) in the dtype and on the device of x, shaped to multiply x.

        Raises:
            InputError: t is neither a scalar nor of shape ``(batch,)``.
        """
        time = as_time(t)
        if time.ndim > 1 or (time.ndim == 1 and time.shape[0] not in (1, x.shape[0])):
            raise InputError(f"t must be a scalar or of shape ({x.shape[0]},) like x's batch, got {tuple(time.shape)}")
        shape = (-1,) + (1,) * (x.ndim - 1) if time.ndim else ()
        # Computed where t lives, in its precision: the device of x may have no double precision.
        return self.alpha(time).to(x).reshape(shape), self.sigma(time).to(x).reshape(shape)

    def perturb(
        self, x0: Float[Tensor, "batch *event"], t: Time, noise: Float[Tensor, "batch *event"]
    ) -> Float[Tensor, "batch *event"]:
        """The forward kernel as a function of its noise: x_t = α(t) x_0 + σ(t) ``noise``."""
        alpha, sigma = self.coefficients(x0, t)
        return alpha * x0 + sigma * noise

    def forward(
        self, x0: Float[Tensor, "batch *event"], t: Time, generator: torch.Generator
    ) -> Float[Tensor, "batch *event"]:
        """A draw of x_t given x_0 from the forward kernel N(α x_0, σ² I)."""
        return self.perturb(x0, t, standard_normal(x0.shape, generator, like=x0))

    def denoiser_from_score(self, score: Tensor, x: Tensor, t: Time) -> Tensor:
        """E[x_0 | x_t] = (x_t + σ² score)/α (Tweedie)."""
        alpha, sigma = self.coefficients(x, t)
        return (x + sigma**2 * score) / alpha

    def denoiser_from_noise(self, noise: Tensor, x: Tensor, t: Time) -> Tensor:
        """E[x_0 | x_t] = (x_t − σ noise)/α."""
        alpha, sigma = self.coefficients(x, t)
        return (x - sigma * noise) / alpha

    def score_from_denoiser(self, denoised: Tensor, x: Tensor, t: Time) -> Tensor:
        """Score = (α E[x_0 | x_t] − x_t)/σ²."""
        alpha, sigma = self.coefficients(x, t)
        return (alpha * denoised - x) / sigma**2

    def score_from_noise(self, noise: Tensor, t: Time) -> Tensor:
        """Score = −noise/σ."""
        return -noise / self.coefficients(noise, t)[1]

    def noise_from_score(self, score: Tensor, t: Time) -> Tensor:
        """The noise prediction ε̂ = −σ score."""
        return -self.coefficients(score, t)[1] * score

    def noise_from_denoiser(self, denoised: Tensor, x: Tensor, t: Time) -> Tensor:
        """The noise prediction ε̂ = (x_t − α E[x_0 | x_t])/σ."""
        alpha, sigma = self.coefficients(x, t)
        return (x - alpha * denoised) / sigma

    def spec(self) -> dict[str, Any]:
        """Name and parameters, enough for ``make_process`` to build it again."""
        return {"name": self.name, **asdict(self)}


def as_time(t: Time) -> Tensor:
    """Time as a floating-point tensor; a Python number becomes double precision on the CPU."""
    return t if isinstance(t, Tensor) else torch.tensor(float(t), dtype=torch.float64, device="cpu")


def standard_normal(shape: tuple[int, ...], generator: torch.Generator, like: Tensor | None = None) -> Tensor:
    """N(0, I) drawn on the generator's device and moved to where ``like`` lives, in its dtype.

    Drawing where the generator lives keeps the numbers the same whatever device computes.
    """
    dtype = torch.float32 if like is None else like.dtype
    draw = torch.randn(shape, generator=generator, device=generator.device, dtype=dtype)
    return draw if like is None else draw.to(like.device)
