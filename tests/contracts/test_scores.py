"""What every score must satisfy, against slow and obvious references in double precision."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mnemoscope.data import Gaussian, GaussianMixture, LinearManifold
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.processes import OrnsteinUhlenbeck, Process
from mnemoscope.scores import (
    EmpiricalBayesScore,
    EmpiricalScore,
    KernelSmoothedScore,
    LawScore,
    Score,
    TemperedScore,
    TikhonovScore,
    condition_weights,
)
from mnemoscope.testing import ScoreContract
from tests.laws import PROCESSES, gaussian_parameters, manifold_basis, mixture_parameters
from tests.references.scores import (
    LogDensity,
    ScoreFormula,
    gradient_of,
    manifold_density,
    mixture_density,
    points_density,
)
from tests.tolerances import FLOAT32_SCORE, FLOAT64_SCORE

DIM = 4
Built = tuple[Score, ScoreFormula, LogDensity | None]


def points(generator: torch.Generator) -> Tensor:
    return torch.randn(30, DIM, generator=generator, dtype=torch.float64)


def empirical(process: Process, generator: torch.Generator) -> Built:
    train = points(generator)
    log_density = points_density(train)
    return EmpiricalScore(train, process), gradient_of(log_density), log_density


def weighted(process: Process, generator: torch.Generator) -> Built:
    train = points(generator)
    weights = torch.rand(30, generator=generator, dtype=torch.float64)
    weights[3:8] = 0
    log_density = points_density(train[weights > 0], weights[weights > 0])
    return EmpiricalScore(train, process, weights), gradient_of(log_density), log_density


def conditional(process: Process, generator: torch.Generator) -> Built:
    """Joint data; the condition is seen through noise, so p(x | y) is p(x, y) at fixed y up to a constant."""
    train = points(generator)
    conditions = torch.randn(30, 2, generator=generator, dtype=torch.float64)
    y, sigma_y = torch.tensor([0.3, -0.2], dtype=torch.float64), 0.4
    score = EmpiricalScore(train, process, condition_weights(conditions, y, sigma_y))

    def joint(x: Tensor, alpha: float, sigma: float) -> Tensor:
        means = torch.cat([alpha * train, conditions], dim=1)
        scales = torch.tensor([sigma] * DIM + [sigma_y] * 2, dtype=torch.float64)
        components = torch.distributions.Independent(torch.distributions.Normal(means, scales), 1)
        mixing = torch.distributions.Categorical(torch.full((30,), 1 / 30, dtype=torch.float64))
        law = torch.distributions.MixtureSameFamily(mixing, components)
        return law.log_prob(torch.cat([x, y.expand(len(x), 2)], dim=1))

    return score, gradient_of(joint), None


def tikhonov(process: Process, generator: torch.Generator) -> Built:
    train, c = points(generator), 0.3
    exact = gradient_of(points_density(train))
    return TikhonovScore(train, process, c), lambda x, a, s: exact(x, a, s) * s**2 / (s**2 + c), None


def tikhonov_covariance(process: Process, generator: torch.Generator) -> Built:
    train, c = points(generator), 0.3
    train[:, 2] = train[:, 0]  # a direction without variance, which stays unpenalised
    exact = gradient_of(points_density(train))
    values, basis = torch.linalg.eigh(torch.cov(train.mT, correction=0))
    penalty = torch.tensor([0 if v < 1e-12 else c / v for v in values], dtype=torch.float64)

    def reference(x: Tensor, alpha: float, sigma: float) -> Tensor:
        return exact(x, alpha, sigma) @ basis @ torch.diag(sigma**2 / (sigma**2 + penalty)) @ basis.mT

    return TikhonovScore(train, process, c, metric="covariance"), reference, None


def empirical_bayes(process: Process, generator: torch.Generator) -> Built:
    train, tau = points(generator), 0.5
    exact = gradient_of(points_density(train))

    def reference(x: Tensor, alpha: float, sigma: float) -> Tensor:
        kernels = torch.exp(-((x[:, None] - alpha * train) ** 2).sum(2) / (2 * sigma**2)).sum(1, keepdim=True)
        return exact(x, alpha, sigma) * torch.clamp(kernels / tau, max=1)

    return EmpiricalBayesScore(train, process, tau), reference, None


def tempered(process: Process, generator: torch.Generator) -> Built:
    train, temperature = points(generator), 3.0
    exact = gradient_of(points_density(train))

    def reference(x: Tensor, alpha: float, sigma: float) -> Tensor:
        return temperature * exact(x, alpha, math.sqrt(temperature) * sigma)

    return TemperedScore(train, process, temperature), reference, None


def kernel_smoothed(process: Process, generator: torch.Generator) -> Built:
    train, bandwidth = points(generator), 0.7
    score = KernelSmoothedScore(train, process, bandwidth, generator=torch.Generator().manual_seed(5), n_draws=3)
    draws = torch.randn(3, DIM, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    exact = gradient_of(points_density(train))

    def reference(x: Tensor, alpha: float, sigma: float) -> Tensor:
        shifted = [exact(x + sign * bandwidth * z, alpha, sigma) for z in draws for sign in (1, -1)]
        return torch.stack(shifted).mean(0)

    return score, reference, None


def of_gaussian(process: Process, generator: torch.Generator) -> Built:
    mean, covariance = gaussian_parameters(DIM, generator)
    log_density = mixture_density(mean[None], covariance[None], torch.ones(1, dtype=torch.float64))
    return LawScore(Gaussian(mean, covariance), process), gradient_of(log_density), log_density


def of_mixture(process: Process, generator: torch.Generator) -> Built:
    parameters = mixture_parameters(DIM, 3, generator)
    log_density = mixture_density(*parameters)
    return LawScore(GaussianMixture(*parameters), process), gradient_of(log_density), log_density


def of_manifold(process: Process, generator: torch.Generator) -> Built:
    basis = manifold_basis(DIM, 2, generator)
    log_density = manifold_density(basis)
    return LawScore(LinearManifold(basis), process), gradient_of(log_density), log_density


OF_TRAIN = [
    empirical,
    weighted,
    conditional,
    tikhonov,
    tikhonov_covariance,
    empirical_bayes,
    tempered,
    kernel_smoothed,
]
SCORES = [*OF_TRAIN, of_gaussian, of_mixture, of_manifold]
every_score = pytest.mark.parametrize("build", SCORES, ids=lambda build: build.__name__)
every_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)


@every_score
@every_process
class TestScore:
    @pytest.mark.parametrize("fraction", [0.05, 0.3, 1.0])
    def test_equals_the_reference(
        self, build: Callable, process: Process, fraction: float, generator: torch.Generator
    ) -> None:
        score, reference, log_density = build(process, generator)
        t = fraction * process.t_max
        alpha, sigma = process.alpha(t).item(), process.sigma(t).item()
        x = math.hypot(alpha, sigma) * torch.randn(16, DIM, generator=generator, dtype=torch.float64)
        expected = reference(x, alpha, sigma)
        assert (score(x, t) - expected).norm() <= FLOAT64_SCORE * expected.norm()
        if log_density is not None:
            torch.testing.assert_close(score.log_density(x, t), log_density(x, alpha, sigma), rtol=1e-10, atol=1e-9)

    def test_knows_its_shape_and_process(self, build: Callable, process: Process, generator: torch.Generator) -> None:
        score, *_ = build(process, generator)
        assert score.event_shape == (DIM,)
        assert score.process is process


@pytest.mark.parametrize("build", OF_TRAIN, ids=lambda build: build.__name__)
@every_process
class TestScoreOfTrainingPoints:
    def test_single_precision_queries(self, build: Callable, process: Process, generator: torch.Generator) -> None:
        score, reference, _ = build(process, generator)
        for fraction in (0.05, 0.3, 1.0):
            t = fraction * process.t_max
            alpha, sigma = process.alpha(t).item(), process.sigma(t).item()
            x = (math.hypot(alpha, sigma) * torch.randn(16, DIM, generator=generator, dtype=torch.float64)).float()
            expected, found = reference(x.double(), alpha, sigma), score(x, t)
            assert found.dtype == torch.float32
            assert ((found - expected).norm(dim=1) <= FLOAT32_SCORE * expected.norm(dim=1)).all()


class TestContract(ScoreContract):
    @pytest.fixture(autouse=True, params=SCORES, ids=lambda build: build.__name__)
    def _each(self, request: pytest.FixtureRequest) -> None:
        self._build = request.param

    @pytest.fixture(autouse=True, params=PROCESSES, ids=lambda p: p.name)
    def _along(self, request: pytest.FixtureRequest, _each: None) -> None:
        self._score, _, self._log_density = self._build(request.param, torch.Generator().manual_seed(0))

    def score(self) -> Score:
        return self._score

    def log_density(self, x: Tensor, t: float) -> Tensor | None:
        if self._log_density is None:
            return None
        process = self._score.process
        return self._log_density(x, process.alpha(t).item(), process.sigma(t).item())


class TestNetworkScore(ScoreContract):
    double = False

    def score(self) -> Score:
        spec = NetworkSpec("unet", (8, 8), {"width": 8})
        return NetworkScore(build_network(spec, seed=0), OrnsteinUhlenbeck(), (8, 8))
