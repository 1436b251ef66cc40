"""What every score must satisfy, against slow and obvious references in double precision."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mnemoscope.processes import Process
from mnemoscope.scores import EmpiricalScore, LawScore, Score
from tests.laws import PROCESSES, gaussian, manifold, mixture
from tests.tolerances import FLOAT64_SCORE

DIM = 4
LogDensity = Callable[[Tensor, float, float], Tensor]


def empirical(process: Process, generator: torch.Generator) -> tuple[Score, LogDensity]:
    train = torch.randn(30, DIM, generator=generator, dtype=torch.float64)

    def log_density(x: Tensor, alpha: float, sigma: float) -> Tensor:
        centres = torch.distributions.Independent(torch.distributions.Normal(alpha * train, sigma), 1)
        mixing = torch.distributions.Categorical(torch.full((30,), 1 / 30, dtype=torch.float64))
        return torch.distributions.MixtureSameFamily(mixing, centres).log_prob(x)

    return EmpiricalScore(train, process), log_density


def of_gaussian(process: Process, generator: torch.Generator) -> tuple[Score, LogDensity]:
    law = gaussian(DIM, generator)

    def log_density(x: Tensor, alpha: float, sigma: float) -> Tensor:
        basis, values = law._basis[0], law._eigenvalues[0]
        covariance = alpha**2 * basis @ torch.diag(values) @ basis.mT + sigma**2 * torch.eye(DIM, dtype=torch.float64)
        return torch.distributions.MultivariateNormal(alpha * law.means[0], covariance).log_prob(x)

    return LawScore(law, process), log_density


def of_mixture(process: Process, generator: torch.Generator) -> tuple[Score, LogDensity]:
    law = mixture(DIM, 3, generator)

    def log_density(x: Tensor, alpha: float, sigma: float) -> Tensor:
        terms = []
        for weight, mean, basis, values in zip(law.weights, law.means, law._basis, law._eigenvalues, strict=True):
            noise = sigma**2 * torch.eye(DIM, dtype=torch.float64)
            covariance = alpha**2 * basis @ torch.diag(values) @ basis.mT + noise
            component = torch.distributions.MultivariateNormal(alpha * mean, covariance)
            terms.append(weight.log() + component.log_prob(x))
        return torch.logsumexp(torch.stack(terms), dim=0)

    return LawScore(law, process), log_density


def of_manifold(process: Process, generator: torch.Generator) -> tuple[Score, LogDensity]:
    law = manifold(DIM, 2, generator)
    basis = law._basis[0] @ torch.diag(law._eigenvalues[0].sqrt())

    def log_density(x: Tensor, alpha: float, sigma: float) -> Tensor:
        noise = sigma**2 * torch.ones(DIM, dtype=torch.float64)
        return torch.distributions.LowRankMultivariateNormal(torch.zeros_like(noise), alpha * basis, noise).log_prob(x)

    return LawScore(law, process), log_density


SCORES = [empirical, of_gaussian, of_mixture, of_manifold]
every_score = pytest.mark.parametrize("build", SCORES, ids=lambda build: build.__name__)
every_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)


@every_score
@every_process
class TestScore:
    @pytest.mark.parametrize("fraction", [0.05, 0.3, 1.0])
    def test_is_the_gradient_of_the_log_density(
        self, build: Callable, process: Process, fraction: float, generator: torch.Generator
    ) -> None:
        score, log_density = build(process, generator)
        t = fraction * process.t_max
        alpha, sigma = process.alpha(t).item(), process.sigma(t).item()
        start = math.hypot(alpha, sigma) * torch.randn(16, DIM, generator=generator, dtype=torch.float64)
        x = start.requires_grad_()
        reference = log_density(x, alpha, sigma)
        (gradient,) = torch.autograd.grad(reference.sum(), x)
        error = (score(x.detach(), t) - gradient).norm() / gradient.norm()
        assert error < FLOAT64_SCORE
        torch.testing.assert_close(score.log_density(x.detach(), t), reference.detach(), rtol=1e-10, atol=1e-9)

    def test_denoiser_and_noise_follow(self, build: Callable, process: Process, generator: torch.Generator) -> None:
        score, _ = build(process, generator)
        t = 0.4 * process.t_max
        x = torch.randn(8, DIM, generator=generator, dtype=torch.float64)
        expected = process.denoiser_from_score(score(x, t), x, t)
        torch.testing.assert_close(score.denoiser(x, t), expected, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(score.noise(x, t), process.noise_from_score(score(x, t), t), rtol=1e-9, atol=1e-9)

    def test_each_item_has_its_own_time(self, build: Callable, process: Process, generator: torch.Generator) -> None:
        score, _ = build(process, generator)
        x = torch.randn(5, DIM, generator=generator, dtype=torch.float64)
        times = torch.linspace(0.1, 1.0, 5, dtype=torch.float64) * process.t_max
        one_by_one = torch.cat([score(x[i : i + 1], times[i]) for i in range(5)])
        torch.testing.assert_close(score(x, times), one_by_one, rtol=1e-10, atol=1e-12)

    def test_knows_its_shape_and_process(self, build: Callable, process: Process, generator: torch.Generator) -> None:
        score, _ = build(process, generator)
        assert score.event_shape == (DIM,)
        assert score.process is process
