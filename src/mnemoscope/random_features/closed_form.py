"""Training a random-feature score exactly: ridge, gradient flow at all times, and plain descent beside them.

With noise draws x_t^{ij} = α x_i + σ ε_ij (i = 1..n, j = 1..m), features φ_ij = φ(x_t^{ij}) and B = A/√p,

    L(A) = 1/(d n m) Σ_ij ‖σ B φ_ij + ε_ij‖² + (σ² λ / d) ‖B‖²
         = e + (2σ tr B Vᵀ + σ² tr B (K + λ) Bᵀ)/d

so the draws enter only through K = 1/(nm) Σ φφᵀ (p×p), V = 1/(nm) Σ ε φᵀ (d×p) and e = 1/(dnm) Σ ‖ε‖². These
are summed chunk by chunk, so memory does not grow with n m. Then

    ridge            B = −V (K + λ)^{-1}/σ
    gradient flow    B(τ) = −V f(K)/σ,  f(k) = (1 − e^{−τ(k+λ)})/(k + λ): a mode of K relaxes as e^{−τ(k+λ)}
    descent          A ← A − η ∂L/∂A, one step of which advances τ by 2ησ²/(dp)

The theory predicts the losses of all of them.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.processes.base import standard_normal
from mnemoscope.random_features.score import RandomFeatureScore


@dataclass(frozen=True)
class Moments:
    """What the loss on a set of noise draws depends on.

    Attributes:
        features: K, shape ``(n_features, n_features)``.
        cross: V, shape ``(dim, n_features)``.
        noise: e, the draws' mean square per dimension.
        sigma: σ at the score's time.
    """

    features: Float[Tensor, "n_features n_features"]
    cross: Float[Tensor, "dim n_features"]
    noise: float
    sigma: float

    def loss(self, readout: Float[Tensor, "dim n_features"]) -> float:
        """1/(dnm) Σ ‖σ s + ε‖² of the score with read-out A on these draws, without the penalty."""
        dim, n_features = readout.shape
        B = readout / math.sqrt(n_features)
        linear, square = (B * self.cross).sum(), (B * (B @ self.features)).sum()
        return self.noise + float(2 * self.sigma * linear + self.sigma**2 * square) / dim

    def gradient(self, readout: Float[Tensor, "dim n_features"], ridge: float) -> Tensor:
        """∂L/∂A, shape of A."""
        dim, n_features = readout.shape
        step = readout @ self.features + ridge * readout + self.cross * (math.sqrt(n_features) / self.sigma)
        return step.mul_(2 * self.sigma**2 / (dim * n_features))


def collect_moments(
    score: RandomFeatureScore,
    data: Float[Tensor, "n_samples *event"],
    *,
    noise_draws: float,
    generator: torch.Generator,
    chunk: int = 4096,
) -> Moments:
    """K, V and e of ``noise_draws`` noise draws for each item, ``chunk`` of them in memory at a time.

    Raises:
        InputError: no items, items of another shape than the score's, or noise_draws not a whole number >= 1.
    """
    check_items(score, data)
    if not is_count(noise_draws):
        raise InputError(f"noise_draws: a finite model needs a whole number >= 1, got {noise_draws}")
    like = score.weight
    K, V = like.new_zeros(score.n_features, score.n_features), like.new_zeros(score.dim, score.n_features)
    noise_square = 0.0
    items, count = data.flatten(1).to(like), len(data) * int(noise_draws)
    for start in range(0, count, chunk):
        x0 = items[torch.arange(start, min(start + chunk, count), device=items.device) % len(items)]
        noise = standard_normal(x0.shape, generator, like=x0)
        phi = score.features(score.process.perturb(x0, score.time, noise))
        K.addmm_(phi.mT, phi)
        V.addmm_(noise.mT, phi)
        noise_square += float(noise.square().sum())
    sigma = float(score.process.sigma(score.time))
    return Moments(K / count, V / count, noise_square / (count * score.dim), sigma)


def ridge_readout(moments: Moments, ridge: float) -> Float[Tensor, "dim n_features"]:
    """The exact minimiser A = −√p V (K + λ)^{-1}/σ of the loss.

    Raises:
        InputError: ridge <= 0.
    """
    if not 0 < ridge < math.inf:
        raise InputError(f"ridge: must be positive, got {ridge}")
    n_features = len(moments.features)
    identity = torch.eye(n_features, dtype=moments.features.dtype, device=moments.features.device)
    factor = torch.linalg.cholesky(moments.features + ridge * identity)
    solution: Tensor = torch.cholesky_solve(moments.cross.mT, factor).mT
    return solution * (-math.sqrt(n_features) / moments.sigma)


class GradientFlow:
    """Gradient flow from A = 0 at every time at once, from one eigendecomposition of K.

    Args:
        moments: of the training draws.
        ridge: λ >= 0.

    Raises:
        InputError: ridge < 0.
    """

    def __init__(self, moments: Moments, ridge: float = 0.0) -> None:
        if not 0 <= ridge < math.inf:
            raise InputError(f"ridge: must be >= 0, got {ridge}")
        self._sigma = moments.sigma
        eigenvalues, self._basis = torch.linalg.eigh(moments.features)
        self._rates = eigenvalues.clamp(min=0) + ridge  # K is a sum of squares: below zero is rounding
        self._cross = moments.cross @ self._basis

    def readout(self, training_time: float) -> Float[Tensor, "dim n_features"]:
        """A(τ)."""
        f = self._filter(torch.tensor([training_time], dtype=torch.float64, device="cpu"))
        readout: Tensor = (self._cross * f) @ self._basis.mT * (-math.sqrt(f.shape[1]) / self._sigma)
        return readout

    def losses(self, training_times: Float[Tensor, " times"], on: Moments) -> Float[Tensor, " times"]:
        """The loss on the draws of ``on`` (training or fresh ones, same score) at each τ."""
        f = self._filter(training_times)
        linear = (self._cross * (on.cross @ self._basis)).sum(dim=0)
        square = (self._cross.mT @ self._cross) * (self._basis.mT @ on.features @ self._basis)
        losses: Tensor = on.noise + (((f @ square) * f).sum(dim=1) - 2 * f @ linear) / len(self._cross)
        return losses

    def _filter(self, training_times: Tensor) -> Tensor:
        """The values of f at each time and mode, shape ``(times, n_features)``; at rate zero, f = τ."""
        times = training_times.to(self._rates)[:, None]
        return torch.where(self._rates > 0, -torch.expm1(-times * self._rates) / self._rates, times)


def gradient_descent(
    moments: Moments, *, learning_rate: float, steps: int, ridge: float = 0.0
) -> Float[Tensor, "dim n_features"]:
    """A after ``steps`` steps of full-batch gradient descent from zero."""
    readout = torch.zeros_like(moments.cross)
    for _ in range(steps):
        readout -= learning_rate * moments.gradient(readout, ridge)
    return readout


def stochastic_gradient_descent(
    score: RandomFeatureScore,
    data: Float[Tensor, "n_samples *event"],
    *,
    noise_draws: float,
    learning_rate: float,
    steps: int,
    batch_size: int,
    ridge: float = 0.0,
    generator: torch.Generator,
) -> Float[Tensor, "dim n_features"]:
    """A after SGD from zero, each step on ``batch_size`` draws picked with replacement.

    ``noise_draws`` of them are fixed for each item before the first step; ``math.inf`` means fresh ones.

    Raises:
        InputError: noise_draws neither a whole number >= 1 nor ``math.inf``.
    """
    fixed = not math.isinf(noise_draws)
    if fixed and not is_count(noise_draws):
        raise InputError(f"noise_draws: must be a whole number >= 1 or math.inf, got {noise_draws}")
    items = data.flatten(1).to(score.weight)
    shape = (len(items) * int(noise_draws), score.dim) if fixed else (batch_size, score.dim)
    noise = standard_normal(shape, generator, like=items)
    sigma, n_features = float(score.process.sigma(score.time)), score.n_features
    readout = torch.zeros_like(score.readout.data)
    for _ in range(steps):
        pick = torch.randint(
            shape[0] if fixed else len(items), (batch_size,), generator=generator, device=generator.device
        ).to(items.device)
        epsilon = noise[pick] if fixed else standard_normal(shape, generator, like=items)
        x0 = items[pick % len(items)]
        phi = score.features(score.process.perturb(x0, score.time, epsilon))
        residual = phi @ readout.mT * (sigma / math.sqrt(n_features)) + epsilon
        gradient = residual.mT @ phi * (sigma * math.sqrt(n_features) / batch_size)
        gradient += sigma**2 * ridge * readout
        readout -= learning_rate * 2 / (score.dim * n_features) * gradient
    return readout


def check_items(score: RandomFeatureScore, data: Tensor) -> None:
    """Refuse no items and items of another shape than the score's.

    Raises:
        InputError: there are none, or their shape is another.
    """
    if data.ndim < 2 or len(data) == 0 or tuple(data.shape[1:]) != score.event_shape:
        raise InputError(f"data: needs shape (n_samples, {score.event_shape}), got {tuple(data.shape)}")


def is_count(number: float) -> bool:
    """Whether a number of draws is a whole number >= 1."""
    return math.isfinite(number) and number >= 1 and number == int(number)
