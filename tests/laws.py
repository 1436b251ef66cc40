"""Problems with exact answers."""

import torch
from torch import Tensor

from mnemoscope.data import Gaussian, GaussianMixture, LinearManifold
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, Process, VarianceExploding, VariancePreserving

PROCESSES: list[Process] = [OrnsteinUhlenbeck(), VariancePreserving(), VarianceExploding(), EDM()]


def random_covariance(dim: int, generator: torch.Generator) -> Tensor:
    root = torch.randn(dim, dim, generator=generator, dtype=torch.float64)
    return root @ root.mT / dim + 0.1 * torch.eye(dim, dtype=torch.float64)


def gaussian_parameters(dim: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A mean and a covariance."""
    return torch.randn(dim, generator=generator, dtype=torch.float64), random_covariance(dim, generator)


def mixture_parameters(dim: int, components: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Means, covariances and weights."""
    means = 2 * torch.randn(components, dim, generator=generator, dtype=torch.float64)
    covariances = torch.stack([random_covariance(dim, generator) for _ in range(components)])
    weights = torch.rand(components, generator=generator, dtype=torch.float64) + 0.2
    return means, covariances, weights / weights.sum()


def manifold_basis(dim: int, intrinsic: int, generator: torch.Generator) -> Tensor:
    """Orthonormal columns."""
    return torch.linalg.qr(torch.randn(dim, intrinsic, generator=generator, dtype=torch.float64)).Q


def gaussian(dim: int, generator: torch.Generator) -> Gaussian:
    return Gaussian(*gaussian_parameters(dim, generator))


def mixture(dim: int, components: int, generator: torch.Generator) -> GaussianMixture:
    return GaussianMixture(*mixture_parameters(dim, components, generator))


def manifold(dim: int, intrinsic: int, generator: torch.Generator) -> LinearManifold:
    return LinearManifold(manifold_basis(dim, intrinsic, generator))
