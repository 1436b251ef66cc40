"""Limits, laws and refusals of the regularised and conditional scores; their formulas are in the contract test."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mnemoscope.data import Gaussian
from mnemoscope.errors import ConvergenceError, InputError
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, VarianceExploding
from mnemoscope.sampling import sample
from mnemoscope.scores import (
    EmpiricalBayesScore,
    EmpiricalScore,
    KernelSmoothedScore,
    LawScore,
    TemperedScore,
    TikhonovScore,
    collapse_time,
    condition_weights,
    make_regularized,
)

SCALE = 1 / math.sqrt(2 * math.log(10))
PAPER = VarianceExploding(sigma_min=SCALE, sigma_max=10 * SCALE, t_min=1e-8)


def data(generator: torch.Generator, n_samples: int = 40, dim: int = 3) -> Tensor:
    return torch.randn(n_samples, dim, generator=generator, dtype=torch.float64)


def relative(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


class TestLimits:
    @pytest.mark.parametrize(
        "build",
        [
            lambda train, small: TikhonovScore(train, EDM(), small),
            lambda train, small: TikhonovScore(train, EDM(), small, metric="covariance"),
            lambda train, small: EmpiricalBayesScore(train, EDM(), small),
            lambda train, small: TemperedScore(train, EDM(), 1 + small),
            lambda train, small: KernelSmoothedScore(train, EDM(), small, generator=torch.Generator().manual_seed(0)),
        ],
        ids=["tikhonov", "tikhonov-covariance", "empirical-bayes", "tempered", "kernel-smoothed"],
    )
    def test_a_vanishing_parameter_gives_the_exact_score(self, build: Callable, generator: torch.Generator) -> None:
        train = data(generator)
        for sigma in (0.3, 2.0):
            x = train[:10] + sigma * torch.randn(10, 3, generator=generator, dtype=torch.float64)
            exact = EmpiricalScore(train, EDM())(x, sigma)
            gaps = [relative(build(train, small)(x, sigma), exact) for small in (0.3, 1e-2, 1e-12)]
            assert gaps[2] < 1e-9
            assert gaps[2] <= gaps[1] <= gaps[0]

    def test_empirical_bayes_is_consistent(self, generator: torch.Generator) -> None:
        """At fixed τ and σ the score tends to that of the law as the data grow; the exact score does no better."""
        law = Gaussian(torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64))
        x = law.sample(200, generator)
        truth = LawScore(law, EDM())(x, 0.3)
        errors = []
        for n_samples in (30, 300, 3000, 30_000):
            train = law.sample(n_samples, generator)
            errors.append(relative(EmpiricalBayesScore(train, EDM(), 5.0)(x, 0.3), truth))
        assert errors[0] > errors[1] > errors[2] > errors[3]
        assert errors[3] < 0.1

    def test_kernel_smoothing_is_exact_where_the_score_is_linear(self, generator: torch.Generator) -> None:
        train = data(generator, n_samples=1)
        x = data(generator, n_samples=5)
        smoothed = KernelSmoothedScore(train, EDM(), 2.0, generator=generator)
        torch.testing.assert_close(smoothed(x, 0.5), EmpiricalScore(train, EDM())(x, 0.5), rtol=1e-10, atol=1e-10)

    def test_tikhonov_in_the_covariance_ignores_modes_without_variance(self, generator: torch.Generator) -> None:
        """Data on a plane in space: off the plane the score is the exact one, so samples land on the plane."""
        plane = torch.linalg.qr(data(generator, 3, 2)).Q
        train = data(generator, 50, 2) @ plane.mT + 1
        score = TikhonovScore(train, PAPER, 0.05, metric="covariance")
        x = sample(score, PAPER, 100, generator=generator, solver="adaptive", denoise=False).double()
        off = (x - 1) - (x - 1) @ plane @ plane.mT
        assert off.norm(dim=1).max() < 1e-3


class TestLaws:
    def test_distance_to_the_data_follows_the_tikhonov_law(self, generator: torch.Generator) -> None:
        """The share of samples within tol of a training point is 1 − exp(−tol²/2c) (Baptista et al. 2025)."""
        train = torch.from_numpy(np.random.RandomState(1).randn(20, 2))
        initial = PAPER.sigma(1.0) * torch.randn(1500, 2, generator=generator, dtype=torch.float64)
        for c in (1e-4, 1e-3):
            x = sample(
                TikhonovScore(train, PAPER, c),
                PAPER,
                1500,
                generator=generator,
                solver="adaptive",
                denoise=False,
                initial=initial,
            )
            share = (torch.cdist(x, train).min(dim=1).values < 1e-2).double().mean()
            expected = -math.expm1(-(1e-2**2) / (2 * c))
            # Four standard errors: false alarm below 1e-4.
            assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / 1500)

    @given(st.integers(0, 10_000), st.floats(0.05, 5.0))
    def test_effective_number_lies_between_one_and_n(self, seed: int, sigma: float) -> None:
        generator = torch.Generator().manual_seed(seed)
        score = EmpiricalScore(data(generator), EDM())
        x = data(generator, 6)
        number, weights = score.effective_number(x, sigma), score.weights(x, sigma)
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(6, dtype=torch.float64))
        torch.testing.assert_close(number, torch.special.entr(weights).sum(dim=1).exp(), rtol=1e-8, atol=1e-8)
        assert ((number >= 1 - 1e-12) & (number <= 40 + 1e-9)).all()

    def test_effective_number_counts_duplicates_and_equal_weights(self, generator: torch.Generator) -> None:
        train = data(generator, 5).repeat_interleave(3, dim=0)
        score = EmpiricalScore(train, EDM())
        torch.testing.assert_close(score.effective_number(train[:1], 1e-3), torch.full((1,), 3.0).double())
        torch.testing.assert_close(score.effective_number(train, 1e5), torch.full((15,), 15.0).double())

    def test_collapse_time_of_two_points(self, generator: torch.Generator) -> None:
        """Two points at distance D: the weights depend on D/σ alone, so t_C grows like D; its level is checked."""
        pair = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
        times = [
            collapse_time(
                EmpiricalScore(scale * pair, EDM()), generator=torch.Generator().manual_seed(3), effective_number=1.5
            )
            for scale in (1.0, 4.0)
        ]
        assert abs(float(times[1] / times[0]) - 4) < 1e-4
        score, process = EmpiricalScore(pair, EDM()), EDM()
        noise = torch.randn(100_000, 1, generator=generator, dtype=torch.float64)
        number = score.effective_number(process.perturb(torch.zeros_like(noise), times[0], noise), times[0])
        # The median of 256 draws against that of 100,000: four standard errors.
        assert abs((number > 1.5).double().mean() - 0.5) < 4 * 0.5 / math.sqrt(256)

    def test_collapse_comes_later_for_more_data(self) -> None:
        """In reversed time: more points, smaller t_C (Biroli et al. 2024)."""
        generator = torch.Generator().manual_seed(0)
        process = OrnsteinUhlenbeck()
        times = [
            collapse_time(EmpiricalScore(data(generator, n, 8), process), generator=generator) for n in (16, 256, 4096)
        ]
        assert times[0] > times[1] > times[2]


class TestConditions:
    def test_a_fixed_condition_leaves_its_own_points(self, generator: torch.Generator) -> None:
        train, labels = data(generator), torch.arange(40) % 4
        score = EmpiricalScore(train, EDM(), condition_weights(labels, 2))
        x = data(generator, 7)
        torch.testing.assert_close(score(x, 0.4), EmpiricalScore(train[labels == 2], EDM())(x, 0.4))
        torch.testing.assert_close(score(x.float(), 0.4), score(x, 0.4).float(), rtol=1e-4, atol=1e-4)

    def test_a_vague_condition_is_none(self, generator: torch.Generator) -> None:
        train, conditions = data(generator), data(generator, 40, 2)
        score = EmpiricalScore(train, EDM(), condition_weights(conditions, torch.zeros(2), 1e6))
        torch.testing.assert_close(score(train, 0.4), EmpiricalScore(train, EDM())(train, 0.4), rtol=1e-9, atol=1e-9)

    def test_far_from_every_condition_nothing_underflows(self) -> None:
        weights = condition_weights(np.array([0.0, 1.0, 3.0]), 1e4, 1e-3)
        assert weights.tolist() == [0.0, 0.0, 1.0]

    def test_regularised_scores_take_conditions(self, generator: torch.Generator) -> None:
        train, labels = data(generator), torch.arange(40) % 2
        weights, part = condition_weights(labels, 1), train[labels == 1]
        x = data(generator, 5)
        for build in (
            lambda points, w=None: TikhonovScore(points, EDM(), 0.2, metric="covariance", weights=w),
            lambda points, w=None: EmpiricalBayesScore(points, EDM(), 0.2, weights=w),
        ):
            torch.testing.assert_close(build(train, weights)(x, 0.6), build(part)(x, 0.6), rtol=1e-9, atol=1e-9)


TRAIN = torch.zeros(4, 2)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: TikhonovScore(TRAIN, EDM(), -0.1), "c must be"),
        (lambda: TikhonovScore(TRAIN, EDM(), math.nan), "c must be"),
        (lambda: TikhonovScore(TRAIN, EDM(), 0.1, metric="fisher"), "metric: unknown name 'fisher'"),
        (lambda: TikhonovScore(torch.zeros(0, 2), EDM(), 0.1), "train: is empty"),
        (lambda: TikhonovScore(TRAIN, EDM(), 0.1)(TRAIN, 0.0), r"sigma\(t\) > 0"),
        (lambda: EmpiricalBayesScore(TRAIN, EDM(), 0.0), "tau must be"),
        (lambda: EmpiricalBayesScore(TRAIN, EDM(), -1.0), "tau must be"),
        (lambda: TemperedScore(TRAIN, EDM(), 0.0), "temperature must be"),
        (lambda: KernelSmoothedScore(TRAIN, EDM(), -1.0, generator=torch.Generator()), "bandwidth must be"),
        (lambda: KernelSmoothedScore(TRAIN, EDM(), 1.0, generator=torch.Generator(), n_draws=0), "n_draws must be"),
        (lambda: EmpiricalScore(TRAIN, EDM(), torch.ones(3)), r"weights must have shape \(4,\), got \(3,\)"),
        (lambda: EmpiricalScore(TRAIN, EDM(), torch.tensor([1.0, -1, 1, 1])), "not negative"),
        (lambda: EmpiricalScore(TRAIN, EDM(), torch.zeros(4)), "not all zero"),
        (lambda: condition_weights(torch.zeros(4, 3), torch.zeros(2), 1.0), r"shape \(2,\).*\(3,\)"),
        (lambda: condition_weights(torch.zeros(4), 1.0), "no training point has this condition: the nearest is 1 away"),
        (lambda: condition_weights(torch.zeros(4), 1.0, -1.0), "noise of the condition"),
        (lambda: condition_weights(torch.zeros(0), 1.0), "empty"),
        (lambda: collapse_time(EmpiricalScore(TRAIN[:1], EDM()), generator=torch.Generator()), "below n_samples = 1"),
        (lambda: make_regularized("tikhonov", TRAIN, EDM()), "needs a number after the colon"),
        (lambda: make_regularized("tikhonov:x", TRAIN, EDM()), "needs a number after the colon"),
        (lambda: make_regularized("ridge:1", TRAIN, EDM()), "regularizer: unknown name 'ridge'"),
        (lambda: make_regularized("empirical-bayes:-1", TRAIN, EDM()), "tau must be"),
    ],
)
def test_bad_input(call: Callable, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        call()


def test_duplicates_alone_never_collapse_onto_one() -> None:
    score = EmpiricalScore(TRAIN, EDM())
    with pytest.raises(ConvergenceError, match="does not cross"):
        collapse_time(score, generator=torch.Generator().manual_seed(0))


def test_one_training_point_under_every_regularizer(generator: torch.Generator) -> None:
    point, x = data(generator, 1), data(generator, 4)
    for spec in ("tikhonov:0.1", "empirical-bayes:0.5", "tempered:2"):
        score = make_regularized(spec, point, EDM())
        assert torch.isfinite(score(x, 0.3)).all()
        torch.testing.assert_close(score(point, 0.3), torch.zeros(1, 3, dtype=torch.float64))
