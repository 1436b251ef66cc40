"""The optimal score of one-dimensional data under one noise level, in its posterior form.

Data x_1 ≤ … ≤ x_n become Y = μX + σξ, whose density is the mixture p = (1/n) Σ_i N(μx_i, σ²). Let W be the data point
behind Y: given Y = y it is x_i with probability w_i ∝ exp(−(y − μx_i)²/2σ²). The score that minimises the empirical
risk, and its derivatives, are cumulants of W (Wu, Marion, Biau & Boyer 2025, arXiv 2502.03435, section 2):

    s*   = (μ E[W] − y)/σ²,   s*' = (μ² Var[W]/σ² − 1)/σ²,   s*'' = μ³ E[(W − E W)³]/σ⁶
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.processes import Process


@dataclass(frozen=True, eq=False)
class NoisedPoints:
    """One-dimensional data and a noise level.

    Attributes:
        x: the data in ascending order, shape ``(n_samples,)``, in double precision.
        mu: μ, the scale of the data in Y = μX + σξ.
        sigma: σ, the scale of the noise.

    Raises:
        InputError: data that are not finite, not one-dimensional or not sorted (with the index), μ ≤ 0 or σ ≤ 0.
    """

    x: Tensor
    mu: float
    sigma: float

    def __post_init__(self) -> None:
        if self.x.ndim != 1 or len(self.x) == 0:
            raise InputError(f"x: needs shape (n_samples,) with n_samples >= 1, got {tuple(self.x.shape)}")
        object.__setattr__(self, "x", self.x.double())
        if not bool(self.x.isfinite().all()):
            raise InputError(f"x: value {int((~self.x.isfinite()).nonzero()[0])} is not finite")
        falls = (self.x.diff() < 0).nonzero()
        if len(falls):
            raise InputError(f"x: must be sorted, but value {int(falls[0]) + 1} is below the one before it")
        for name in ("mu", "sigma"):
            if not 0 < getattr(self, name) < math.inf:
                raise InputError(f"{name}: must be positive and finite, got {getattr(self, name)}")

    @classmethod
    def at_time(cls, x: Tensor, process: Process, t: float) -> "NoisedPoints":
        """The points under the kernel of a process at time t, μ = α(t)."""
        return cls(x, float(process.alpha(t)), float(process.sigma(t)))

    @property
    def n_samples(self) -> int:
        """The number n of data points."""
        return len(self.x)

    @property
    def spacing(self) -> float:
        """Δ, the smallest distance between neighbours.

        Raises:
            InputError: there is one point only, or two coincide: Δ = 0 (with their index).
        """
        if self.n_samples < 2:
            raise InputError("x: a spacing needs at least 2 points")
        gaps = self.x.diff()
        if not float(gaps.min()) > 0:
            first = int(gaps.argmin())
            raise InputError(f"x: values {first} and {first + 1} coincide, the spacing must be positive")
        return float(gaps.min())

    def log_density(self, y: Float[Tensor, "*points"]) -> Float[Tensor, "*points"]:
        """Log p(y)."""
        log_normal = -math.log(self.sigma * math.sqrt(2 * math.pi) * self.n_samples)
        return torch.logsumexp(self._log_weights(y), dim=-1) + log_normal

    def moments(self, y: Float[Tensor, "*points"]) -> tuple[Tensor, Tensor, Tensor]:
        """Mean, variance and third central moment of W given Y = y, each of the shape of y."""
        posterior = torch.softmax(self._log_weights(y), dim=-1)
        mean = posterior @ self.x
        centred = self.x - mean[..., None]
        return mean, (posterior * centred**2).sum(-1), (posterior * centred**3).sum(-1)

    def score(self, y: Float[Tensor, "*points"]) -> Float[Tensor, "*points"]:
        """s*(y)."""
        return (self.mu * self.moments(y)[0] - y) / self.sigma**2

    def slope(self, y: Float[Tensor, "*points"]) -> Float[Tensor, "*points"]:
        """s*'(y)."""
        return (self.mu**2 * self.moments(y)[1] / self.sigma**2 - 1) / self.sigma**2

    def curvature(self, y: Float[Tensor, "*points"]) -> Float[Tensor, "*points"]:
        """s*''(y)."""
        return self.mu**3 * self.moments(y)[2] / self.sigma**6

    def _log_weights(self, y: Tensor) -> Tensor:
        return -((y[..., None] - self.mu * self.x) ** 2) / (2 * self.sigma**2)
