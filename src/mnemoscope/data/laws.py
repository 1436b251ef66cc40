"""Laws with a known density and score, also after noising: the ground truth of tests and theory.

If x_0 ~ Σ_k w_k N(μ_k, C_k), then α x_0 + σ ε ~ Σ_k w_k N(α μ_k, α² C_k + σ² I): every law here stays in its
family along every process. ``alpha`` and ``sigma`` default to the law itself, (1, 0).
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import check_whole
from mnemoscope.data.arrays import as_tensor
from mnemoscope.errors import InputError
from mnemoscope.processes.base import standard_normal


class Law(ABC):
    """A probability law on R^dim with exact draws, density and score."""

    dim: int

    @abstractmethod
    def sample(self, n_samples: int, generator: torch.Generator) -> Float[Tensor, "n_samples dim"]:
        """Independent draws."""

    @abstractmethod
    def log_density(
        self, x: Float[Tensor, "batch dim"], alpha: Tensor | float = 1.0, sigma: Tensor | float = 0.0
    ) -> Float[Tensor, " batch"]:
        """Log density of α x_0 + σ ε at x; ``alpha`` and ``sigma`` are scalars or of shape ``(batch, 1)``."""

    @abstractmethod
    def score(
        self, x: Float[Tensor, "batch dim"], alpha: Tensor | float = 1.0, sigma: Tensor | float = 0.0
    ) -> Float[Tensor, "batch dim"]:
        """Gradient in x of ``log_density``."""


class GaussianMixture(Law):
    """Σ_k w_k N(μ_k, C_k).

    Args:
        means: shape ``(components, dim)``.
        covariances: shape ``(components, dim, dim)``, symmetric positive semi-definite (singular is allowed; the
            density then needs σ > 0).
        weights: shape ``(components,)``, positive, summing to one; equal if left out.

    Raises:
        InputError: shapes that do not fit, a covariance that is not symmetric positive semi-definite, or weights
            that are not positive and of sum one.
    """

    def __init__(self, means: Tensor, covariances: Tensor, weights: Tensor | None = None) -> None:
        means, covariances = _parameters(means, "means", 2), _parameters(covariances, "covariances", 3)
        components, self.dim = means.shape
        if covariances.shape != (components, self.dim, self.dim):
            expected = (components, self.dim, self.dim)
            raise InputError(f"covariances must have shape {expected}, got {tuple(covariances.shape)}")
        if weights is None:
            weights = means.new_full((components,), 1 / components)
        weights = _parameters(weights, "weights", 1)
        if weights.shape != (components,) or bool((weights <= 0).any()) or abs(float(weights.sum()) - 1) > 1e-6:
            raise InputError(f"weights must be {components} positive numbers of sum 1, got {weights.tolist()}")
        if not torch.allclose(covariances, covariances.mT, atol=1e-6 * float(covariances.abs().max())):
            raise InputError("covariances must be symmetric")
        self.means, self.weights = means, weights
        eigenvalues, self._basis = torch.linalg.eigh(covariances)
        if float(eigenvalues.min()) < -1e-6 * float(eigenvalues.abs().max()):
            raise InputError(f"covariances must be positive semi-definite, got eigenvalue {float(eigenvalues.min())}")
        # What rounding leaves of a null direction is no variance.
        threshold = self.dim * torch.finfo(eigenvalues.dtype).eps * eigenvalues.amax(dim=1, keepdim=True)
        self._eigenvalues = torch.where(eigenvalues > threshold, eigenvalues, 0)

    def sample(self, n_samples: int, generator: torch.Generator) -> Float[Tensor, "n_samples dim"]:
        """Independent draws."""
        check_whole(n_samples, "n_samples")
        which = torch.multinomial(self.weights, n_samples, replacement=True, generator=generator)
        noise = standard_normal((n_samples, self.dim), generator, like=self.means)
        scaled = noise * self._eigenvalues[which].sqrt()
        return self.means[which] + torch.einsum("nij,nj->ni", self._basis[which], scaled)

    def log_density(
        self, x: Float[Tensor, "batch dim"], alpha: Tensor | float = 1.0, sigma: Tensor | float = 0.0
    ) -> Float[Tensor, " batch"]:
        """Log density of α x_0 + σ ε at x; ``alpha`` and ``sigma`` are scalars or of shape ``(batch, 1)``."""
        return torch.logsumexp(self._log_components(x, alpha, sigma)[0], dim=1)

    def score(
        self, x: Float[Tensor, "batch dim"], alpha: Tensor | float = 1.0, sigma: Tensor | float = 0.0
    ) -> Float[Tensor, "batch dim"]:
        """Gradient in x of ``log_density``."""
        log_joint, whitened, variances = self._log_components(x, alpha, sigma)
        posterior = torch.softmax(log_joint, dim=1)
        return -torch.einsum("bk,kij,bkj->bi", posterior, self._basis, whitened / variances)

    def _log_components(self, x: Tensor, alpha: Tensor | float, sigma: Tensor | float) -> tuple[Tensor, Tensor, Tensor]:
        """Log w_k N(x; …), shape (batch, k); residuals in each eigenbasis and their variances, (batch, k, dim)."""
        alpha, sigma = (torch.as_tensor(c, dtype=x.dtype, device=x.device).reshape(-1, 1, 1) for c in (alpha, sigma))
        variances = alpha**2 * self._eigenvalues + sigma**2
        if bool((variances <= 0).any()):
            raise InputError("this law has no density: a singular covariance needs sigma > 0")
        residual = torch.einsum("kji,bkj->bki", self._basis, x[:, None, :] - alpha * self.means)
        quadratic = (residual**2 / variances).sum(dim=2)
        log_det = torch.log(2 * torch.pi * variances).sum(dim=2)
        return self.weights.log() - (quadratic + log_det) / 2, residual, variances


class Gaussian(GaussianMixture):
    """N(μ, C) for a mean of shape ``(dim,)`` and any covariance of shape ``(dim, dim)``, singular ones included."""

    def __init__(self, mean: Tensor, covariance: Tensor) -> None:
        super().__init__(_parameters(mean, "mean", 1)[None], _parameters(covariance, "covariance", 2)[None])

    @classmethod
    def fit(cls, data: Float[Tensor, "n_samples dim"]) -> "Gaussian":
        """The Gaussian with the data's mean and (maximum-likelihood) covariance."""
        data = _parameters(data, "data", 2)
        centred = data - data.mean(dim=0)
        return cls(data.mean(dim=0), centred.mT @ centred / data.shape[0])


def _parameters(values: Any, what: str, n_axes: int) -> Tensor:
    """A law's parameters as a tensor of floating-point numbers, on its own device.

    Raises:
        InputError: no numbers, not finite, or another number of axes.
    """
    tensor = as_tensor(values, what)
    if not tensor.is_floating_point() or tensor.itemsize < 4:  # what linear algebra knows
        tensor = tensor.to(torch.float32)
    if tensor.ndim != n_axes or 0 in tensor.shape:
        raise InputError(f"{what} must have {n_axes} axes and values, got shape {tuple(tensor.shape)}")
    if not bool(torch.isfinite(tensor).all()):
        raise InputError(f"{what} must be finite")
    return tensor


class LinearManifold(Gaussian):
    """x = A z with z ~ N(0, I_k): data on a k-dimensional linear subspace of R^dim.

    Args:
        basis: A, shape ``(dim, k)``; orthonormal columns give unit variance along the manifold.
    """

    def __init__(self, basis: Tensor) -> None:
        basis = _parameters(basis, "basis", 2)
        super().__init__(basis.new_zeros(basis.shape[0]), basis @ basis.mT)
        self.intrinsic_dimension = int(torch.linalg.matrix_rank(basis))
