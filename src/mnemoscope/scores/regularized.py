"""Closed-form scores that do not collapse onto the training points, or collapse less.

All start from the posterior over the training points, w_i ∝ π_i N_i with N_i = exp(−‖x − α x_i‖²/2σ²), and its
residual r = α Σ_i w_i x_i − x; the exact empirical score is r/σ².

========================  ==========================================  =============================================
Tikhonov                  r/(σ² + c)                                  Baptista et al. 2025, Γ = (c/σ²) I
Tikhonov, covariance      per mode k: r_k/(σ² + c/λ_k)                the same framework, Γ = (c/σ²) C⁻¹
empirical Bayes           r/σ² · min(1, Σ_j N_j/τ)                    Baptista et al. 2025
tempered                  r/σ² with w_i ∝ π_i N_i^{1/T}               the weights of a wider kernel
kernel-smoothed           the mean of r/σ² over x + h z, z ~ N(0, I)  Scarvelis et al. 2023; Gabriel et al. 2025
========================  ==========================================  =============================================

Each tends to the exact score as its parameter tends to none (c, τ, h → 0, T → 1). Denoiser and noise prediction are
those that belong to the regularised score.
"""

import math
from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import check_name, check_number, check_whole, choose
from mnemoscope.data.arrays import ArrayLike
from mnemoscope.errors import InputError
from mnemoscope.processes import Process, Time
from mnemoscope.processes.base import standard_normal
from mnemoscope.scores.base import Score, check_floating
from mnemoscope.scores.empirical import EmpiricalScore

METRICS = ("identity", "covariance")


class RegularizedScore(Score):
    """A score made from the posterior over weighted training points.

    Args:
        train: shape ``(n_samples, *event)``, any real dtype.
        process: the forward process.
        weights: π up to a factor, shape ``(n_samples,)``; equal if left out (``condition_weights`` for a condition).

    Raises:
        InputError: whatever ``EmpiricalScore`` raises.
    """

    def __init__(self, train: ArrayLike, process: Process, weights: Tensor | None = None) -> None:
        self.empirical = EmpiricalScore(train, process, weights)
        self.process, self.event_shape, self.device = process, self.empirical.event_shape, self.empirical.device

    def __call__(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The regularised score at x."""
        check_floating(x, "x")
        flat = x.reshape(len(x), -1).to(self.empirical.points.device).double()
        _, sigma = self.process.coefficients(flat, t)
        return self._flat_score(x, t, sigma**2).reshape(x.shape).to(x)

    @abstractmethod
    def _flat_score(self, x: Tensor, t: Time, variance: Tensor) -> Tensor:
        """The score in double precision, shape ``(batch, dim)``; σ² is a scalar or of shape ``(batch, 1)``."""


class TikhonovScore(RegularizedScore):
    """r/(σ² + c): the minimiser of the score-matching loss plus E (c/σ²)‖s‖².

    Followed back to t = 0 the samples keep a distance of order √c from the training points. With
    ``metric="covariance"`` the penalty is (c/σ²)⟨s, C⁺ s⟩ in the (weighted) covariance C of the training points: c/λ_k
    takes the place of c in the eigenmode k. Modes without variance (rounding included) are not penalised, as C⁺ has
    it: the samples land on the affine hull of the data, where the exact score takes them.

    Args:
        train: shape ``(n_samples, *event)``.
        process: the forward process.
        c: strength, in squared units of the data (``covariance``: in their fourth power); c = 0 is the exact score.
        metric: ``identity`` or ``covariance``.
        weights: shape ``(n_samples,)``; equal if left out.

    Raises:
        InputError: c < 0 or not finite, or an unknown metric.
    """

    def __init__(
        self, train: ArrayLike, process: Process, c: float, metric: str = "identity", weights: Tensor | None = None
    ) -> None:
        c = check_number(c, "tikhonov: c", "a finite number >= 0", closed="[")
        check_name(metric, METRICS, "metric")
        super().__init__(train, process, weights)
        self.c = c
        self._basis: Tensor | None = None
        if metric == "covariance":
            values, self._basis = torch.linalg.eigh(self.empirical.points.covariance())
            null = values <= len(values) * torch.finfo(values.dtype).eps * values.amax()
            self._penalty = torch.where(null, 0.0, c / values)

    def _flat_score(self, x: Tensor, t: Time, variance: Tensor) -> Tensor:
        residual: Tensor = self.empirical.posterior(x, t).residual
        if self._basis is None:
            return residual / (variance + self.c)
        return (residual @ self._basis / (variance + self._penalty)) @ self._basis.mT


class EmpiricalBayesScore(RegularizedScore):
    """Weights N_i/max(Σ_j N_j, τ): the score dies out where no training point is near.

    For equal weights Σ_j N_j grows with n_samples at a fixed σ, so at fixed τ the score becomes exact as the data
    grow (asymptotic consistency). In dimension d a typical x_t has Σ_j N_j of order e^{−d/2}, and so must τ be.
    Unequal weights stand for N_i → n π_i N_i.

    Args:
        train: shape ``(n_samples, *event)``.
        process: the forward process.
        tau: threshold τ, in numbers of training points.
        weights: shape ``(n_samples,)``; equal if left out.

    Raises:
        InputError: τ is not positive and finite.
    """

    def __init__(self, train: ArrayLike, process: Process, tau: float, weights: Tensor | None = None) -> None:
        tau = check_number(tau, "empirical-bayes: tau", "a finite number > 0")
        super().__init__(train, process, weights)
        self.tau = tau

    def _flat_score(self, x: Tensor, t: Time, variance: Tensor) -> Tensor:
        found = self.empirical.posterior(x, t)
        log_share = found.log_likelihood + math.log(self.empirical.n_samples) - math.log(self.tau)
        return log_share.clamp(max=0).exp()[:, None] * found.residual / variance


class TemperedScore(RegularizedScore):
    """w_i ∝ π_i N_i^{1/T}: each point is averaged with more of its neighbours, until σ√T falls below their distance.

    Args:
        train: shape ``(n_samples, *event)``.
        process: the forward process.
        temperature: T ≥ 1 smooths; T = 1 is the exact score.
        weights: shape ``(n_samples,)``; equal if left out.

    Raises:
        InputError: T is not positive and finite.
    """

    def __init__(self, train: ArrayLike, process: Process, temperature: float, weights: Tensor | None = None) -> None:
        temperature = check_number(temperature, "tempered: temperature", "a finite number > 0")
        super().__init__(train, process, weights)
        self.temperature = temperature

    def _flat_score(self, x: Tensor, t: Time, variance: Tensor) -> Tensor:
        return self.empirical.posterior(x, t, self.temperature).residual / variance


class KernelSmoothedScore(RegularizedScore):
    """The exact score averaged over Gaussian displacements of its argument, by a fixed set of antithetic draws.

    The draws ±z_m are made once, so that the score is a deterministic and smooth function of x, and its part linear
    in x is averaged exactly. Samples barycentre between training points closer than the bandwidth.

    Args:
        train: shape ``(n_samples, *event)``.
        process: the forward process.
        bandwidth: h, in units of the data.
        generator: the source of the draws.
        n_draws: pairs of draws; the cost of a call grows in proportion.
        weights: shape ``(n_samples,)``; equal if left out.

    Raises:
        InputError: h is negative or not finite, or n_draws < 1.
    """

    def __init__(
        self,
        train: ArrayLike,
        process: Process,
        bandwidth: float,
        *,
        generator: torch.Generator,
        n_draws: int = 16,
        weights: Tensor | None = None,
    ) -> None:
        bandwidth = check_number(bandwidth, "kernel-smoothed: bandwidth", "a finite number >= 0", closed="[")
        check_whole(n_draws, "kernel-smoothed: n_draws")
        super().__init__(train, process, weights)
        like = torch.empty(0, dtype=torch.float64, device=self.empirical.points.device)
        draws = standard_normal((n_draws, *self.event_shape), generator, like=like)
        self._shifts = bandwidth * torch.cat([draws, -draws])

    def _flat_score(self, x: Tensor, t: Time, variance: Tensor) -> Tensor:
        # The sum of the shifts is zero, so the mean of r(x + h z) needs no correction.
        residuals = [self.empirical.posterior(x + shift.to(x), t).residual for shift in self._shifts]
        return torch.stack(residuals).mean(dim=0) / variance


_BY_NAME: dict[str, type[TikhonovScore | EmpiricalBayesScore | TemperedScore]] = {
    "tikhonov": TikhonovScore,
    "empirical-bayes": EmpiricalBayesScore,
    "tempered": TemperedScore,
}


def make_regularized(spec: str, train: ArrayLike, process: Process) -> RegularizedScore:
    """A regularised score from text, as the command line has it: ``tikhonov:0.01``, ``empirical-bayes:1``, ….

    Raises:
        InputError: not of the form NAME:NUMBER, an unknown name, or a number out of range.
    """
    name, _, number = spec.partition(":")
    regularized = choose(name, _BY_NAME, "regularizer")
    try:
        value = float(number)
    except ValueError:
        raise InputError(f"regularizer {spec!r}: {name} needs a number after the colon, as in {name}:0.1") from None
    return regularized(train, process, value)
