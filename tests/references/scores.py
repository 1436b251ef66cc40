"""Scores from their formulas: one query or one point at a time, or a log density that autograd differentiates."""

from collections.abc import Callable

import torch
from torch import Tensor

LogDensity = Callable[[Tensor, float, float], Tensor]
"""log p of α x_0 + σ ε at x, from (x, α, σ)."""

ScoreFormula = Callable[[Tensor, float, float], Tensor]
"""The score at x from (x, α, σ)."""


def gradient_of(log_density: LogDensity) -> ScoreFormula:
    def score(x: Tensor, alpha: float, sigma: float) -> Tensor:
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(log_density(x, alpha, sigma).sum(), x)
        return gradient

    return score


def points_density(train: Tensor, weights: Tensor | None = None) -> LogDensity:
    """Noised training points: a mixture of balls around α times each."""
    weights = torch.ones(len(train), dtype=torch.float64) if weights is None else weights

    def log_density(x: Tensor, alpha: float, sigma: float) -> Tensor:
        centres = torch.distributions.Independent(torch.distributions.Normal(alpha * train, sigma), 1)
        mixing = torch.distributions.Categorical(weights / weights.sum())
        return torch.distributions.MixtureSameFamily(mixing, centres).log_prob(x)

    return log_density


def mixture_density(means: Tensor, covariances: Tensor, weights: Tensor) -> LogDensity:
    """A noised mixture of Gaussians, component by component."""

    def log_density(x: Tensor, alpha: float, sigma: float) -> Tensor:
        terms = []
        for weight, mean, covariance in zip(weights, means, covariances, strict=True):
            noised = alpha**2 * covariance + sigma**2 * torch.eye(len(mean), dtype=torch.float64)
            component = torch.distributions.MultivariateNormal(alpha * mean, noised)
            terms.append(weight.log() + component.log_prob(x))
        return torch.logsumexp(torch.stack(terms), dim=0)

    return log_density


def manifold_density(basis: Tensor) -> LogDensity:
    """A noised standard normal on the columns of ``basis``, shape ``(dim, k)``."""

    def log_density(x: Tensor, alpha: float, sigma: float) -> Tensor:
        noise = sigma**2 * torch.ones(len(basis), dtype=torch.float64)
        return torch.distributions.LowRankMultivariateNormal(torch.zeros_like(noise), alpha * basis, noise).log_prob(x)

    return log_density


def empirical_score(train: Tensor, x: Tensor, alpha: float, sigma: float) -> Tensor:
    """The score of noised training points, one query at a time, all weights in memory, from differences."""
    scores = []
    for query in x.double():
        difference = alpha * train.double() - query
        weights = torch.softmax(-(difference**2).flatten(1).sum(dim=1) / (2 * sigma**2), dim=0)
        scores.append(torch.einsum("n,n...->...", weights, difference) / sigma**2)
    return torch.stack(scores)


def empirical_denoiser(train: Tensor, x: Tensor, sigma: float) -> Tensor:
    """E[x_0 | x] where α = 1, one training point at a time."""
    logits = torch.stack([-((x - point) ** 2).sum(dim=1) / (2 * sigma**2) for point in train], dim=1)
    weights = torch.softmax(logits, dim=1)
    mean = torch.zeros_like(x)
    for i, point in enumerate(train):
        mean += weights[:, i : i + 1] * point
    return mean
