"""What stands beside the score (weights, entropies, densities, times) and the sizes of the fast path's certificates."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from mnemoscope.processes import EDM, OrnsteinUhlenbeck
from mnemoscope.scores import (
    EmpiricalBayesScore,
    EmpiricalScore,
    KernelSmoothedScore,
    RegularizedScore,
    TemperedScore,
    TikhonovScore,
    collapse_time,
    condition_weights,
    empirical,
    single_precision,
)
from mnemoscope.scores.posterior import posterior
from mnemoscope.scores.training_points import WeightedPoints


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def data(n: int = 40, dim: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=seeded(seed), dtype=torch.float64)


def some_weights(n: int = 40, seed: int = 1) -> Tensor:
    """A quarter of them zero, the first ones among these."""
    weights = torch.rand(n, generator=seeded(seed), dtype=torch.float64) + 0.05
    weights[: n // 4] = 0
    return weights


def log_masses(train: Tensor, weights: Tensor, x: Tensor, alpha: float, sigma: float) -> Tensor:
    """Log π_i N_i, pair by pair."""
    rows = [
        [math.log(w) - float(((q - alpha * p) ** 2).sum()) / (2 * sigma**2) if w > 0 else -math.inf for w, p in each]
        for q, each in ((q, list(zip((weights / weights.sum()).tolist(), train, strict=True))) for q in x)
    ]
    return torch.tensor(rows, dtype=torch.float64)


class TestWeightedPosterior:
    @given(st.integers(0, 1000), st.floats(0.05, 3.0))
    def test_entropies_and_densities_by_the_formula(self, seed: int, t: float) -> None:
        """Points without mass have none, whatever is near: no NaN, and no share of the effective number."""
        train, weights, process = data(seed=seed), some_weights(seed=seed), OrnsteinUhlenbeck()
        score, x = EmpiricalScore(train, process, weights), data(6, seed=seed + 1)
        alpha, sigma = process.alpha(t).item(), process.sigma(t).item()
        logs = log_masses(train, weights, x, alpha, sigma)
        shares = torch.softmax(logs, dim=1)
        torch.testing.assert_close(score.weights(x, t), shares, rtol=1e-9, atol=1e-12)
        entropy = torch.special.entr(shares).sum(dim=1)
        torch.testing.assert_close(score.effective_number(x, t), entropy.exp(), rtol=1e-8, atol=1e-8)
        density = torch.logsumexp(logs, dim=1) - 3 / 2 * math.log(2 * math.pi * sigma**2)
        torch.testing.assert_close(score.log_density(x, t), density, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(score.denoiser(x, t), shares @ train, rtol=1e-8, atol=1e-8)

    def test_equal_weights_are_none_and_their_factor_is_free(self) -> None:
        train, x = data(), data(5, seed=2)
        plain = EmpiricalScore(train, EDM())
        for factor in (1.0, 17.0):
            equal = EmpiricalScore(train, EDM(), torch.full((40,), factor))
            torch.testing.assert_close(equal(x, 0.6), plain(x, 0.6), rtol=1e-10, atol=1e-10)
            torch.testing.assert_close(equal.log_density(x, 0.6), plain.log_density(x, 0.6))

    def test_moments_of_the_points(self) -> None:
        train, weights = data() * torch.tensor([1.0, 5.0, 0.1]) + 7, some_weights()
        mass = (weights / weights.sum()).numpy()
        for points, share in ((WeightedPoints(train, weights), mass), (WeightedPoints(train), np.full(40, 1 / 40))):
            expected = np.cov(train.T.numpy(), aweights=share, bias=True)
            np.testing.assert_allclose(points.covariance().numpy(), expected, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(points.centre.numpy(), train.mean(dim=0).numpy(), rtol=1e-6)
            centred = train - points.centre.double()
            torch.testing.assert_close(points.squared_norms, (centred**2).sum(dim=1), rtol=1e-12, atol=0)
        assert not np.allclose(WeightedPoints(train).covariance(), WeightedPoints(train, weights).covariance())

    def test_weights_of_a_condition_by_the_formula(self) -> None:
        conditions, y, sigma = data(dim=2), torch.tensor([0.3, -0.1]).double(), 0.4
        expected = torch.exp(-((conditions - y) ** 2).sum(dim=1) / (2 * sigma**2))
        torch.testing.assert_close(condition_weights(conditions, y, sigma), expected / expected.max())


BUILDERS: dict[str, tuple[Callable[..., RegularizedScore], dict[str, tuple[object, object]]]] = {
    "tikhonov": (TikhonovScore, {"c": (0.2, 0.3), "metric": ("identity", "covariance")}),
    "empirical-bayes": (EmpiricalBayesScore, {"tau": (20.0, 30.0)}),
    "tempered": (TemperedScore, {"temperature": (2.0, 3.0)}),
    "kernel-smoothed": (KernelSmoothedScore, {"bandwidth": (0.5, 0.6), "generator": (0, 1), "n_draws": (4, 5)}),
}


class TestEveryArgumentMatters:
    @pytest.mark.parametrize("name", BUILDERS)
    def test_of_the_regularised_scores(self, name: str) -> None:
        """Another value gives another score, the same value the same; so do weights, process and training set."""
        build, settings = BUILDERS[name]
        usual: dict[str, object] = {argument: values[0] for argument, values in settings.items()}
        usual |= {"train": data(), "process": EDM(), "weights": some_weights()}
        changed = {argument: values[1] for argument, values in settings.items()}
        changed |= {"train": data(seed=5), "process": OrnsteinUhlenbeck(), "weights": None}
        x = data(6, seed=3)

        def score(**given: object) -> Tensor:
            given = usual | given
            if "generator" in given:
                given["generator"] = seeded(int(given["generator"]))  # type: ignore[call-overload]
            return build(**given)(x, 0.6)

        torch.testing.assert_close(score(), score(), rtol=0, atol=0)
        for argument, value in changed.items():
            assert not torch.allclose(score(**{argument: value}), score(), rtol=1e-4), argument

    def test_of_the_collapse_time(self) -> None:
        score = EmpiricalScore(data(), EDM(), some_weights())
        usual = {"n_draws": 32, "effective_number": 2.0}

        def time(seed: int = 0, score: EmpiricalScore = score, **given: float) -> float:
            return float(collapse_time(score, generator=seeded(seed), **(usual | given)))

        assert time() == time()
        assert time(seed=1) != time()
        assert time(n_draws=33) != time()
        assert time(effective_number=3.0) > time()
        assert time(score=EmpiricalScore(data(), EDM())) != time()

    def test_collapse_time_is_where_the_median_crosses(self) -> None:
        """With the same draws the median effective number is below just before it, above just after."""
        score, process = EmpiricalScore(data(), EDM(), some_weights()), EDM()
        t = float(collapse_time(score, generator=seeded(), n_draws=31, effective_number=2.5))
        generator, weights = seeded(), some_weights()
        chosen = torch.multinomial(weights / weights.sum(), 31, replacement=True, generator=generator)
        assert (weights[chosen] > 0).all()
        x0, noise = data()[chosen], torch.randn(31, 3, generator=generator, dtype=torch.float64)
        below, above = (
            score.effective_number(process.perturb(x0, at, noise), at).median()
            for at in (t * (1 - 2e-6), t * (1 + 2e-6))
        )
        assert below <= 2.5 < above

    def test_which_queries_go_through_single_precision(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Only single precision without a gradient, and from 33 points on."""
        calls: list[int] = []
        original = empirical.single_precision_posterior
        monkeypatch.setattr(empirical, "single_precision_posterior", lambda *a: calls.append(1) or original(*a))
        x = data(2).float()
        for n, expected in ((32, 0), (33, 1)):
            EmpiricalScore(data(n), EDM())(x, 1.0)
            assert len(calls) == expected
        score = EmpiricalScore(data(33), EDM())
        score(x.double(), 1.0)
        score(x.clone().requires_grad_(), 1.0)
        assert len(calls) == 1
        with torch.no_grad():
            score(x.clone().requires_grad_(), 1.0)
        assert len(calls) == 2


class TestCertificates:
    """Of the right size: bounds hold, and are nearly reached where they can be."""

    def block(self, points: WeightedPoints, x: Tensor, sigma: float) -> single_precision._Block:
        ones = torch.ones(len(x), 1, dtype=torch.float64)
        return single_precision._Block(points, x, ones, sigma * ones)

    def test_the_margin_leaves_out_what_it_may_and_no_less(self) -> None:
        """2,000 points just beyond the margin are left out: nearly all of the mass that may be. Just within, none."""
        n, sigma = 2001, 1.0
        margin = math.log(n / single_precision.TRUNCATED_MASS)
        for share, kept in ((1 + 1e-4, 1), (1 - 1e-4, n)):
            # At the query itself one point, and a shell of points around it, which is symmetric: centre and query at 0.
            shell = torch.randn(1000, 2, generator=seeded(), dtype=torch.float64)
            shell = shell / shell.norm(dim=1, keepdim=True) * math.sqrt(2 * share * margin)
            points = WeightedPoints(torch.cat([torch.zeros(1, 2).double(), shell, -shell]))
            block = self.block(points, torch.zeros(1, 2, dtype=torch.float64), sigma)
            found = float(block._margin())
            assert margin <= found < margin + 1e-4
            logits, maxima = block._logits()
            lowest = maxima.amax(dim=1) - block._margin().float()
            assert int((logits >= lowest[:, None]).sum()) == kept
        mass = (n - 1) * math.exp(-margin * (1 + 1e-4))
        assert 0.99 * single_precision.TRUNCATED_MASS < mass <= single_precision.TRUNCATED_MASS

    @pytest.mark.parametrize("dim", [1, 4, 60])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_rounding_stays_within_its_bound_and_comes_near(self, dim: int, weighted: bool) -> None:
        """Of 400 × 300 logits the worst is off by no more than the bound, and by what random signs may make of it."""
        train, x = data(300, dim), 3 * data(400, dim, seed=1)
        weights = torch.exp(-30 * torch.rand(300, generator=seeded(), dtype=torch.float64)) if weighted else None
        points = WeightedPoints(train, weights)
        block = self.block(points, x, 0.1)
        logits, _ = block._logits()
        centred, rows = x - points.centre, train - points.centre
        exact = centred @ rows.mT / 0.01 - (rows**2).sum(dim=1) / 0.02
        exact = exact if weights is None else exact + points.log_weights
        error = (logits.double() - exact).abs().amax(dim=1)
        bound = (block._margin() - math.log(300 / single_precision.TRUNCATED_MASS)) / 2
        assert (error <= bound).all()
        assert float((error / bound).max()) > 0.03 / math.sqrt(dim + 6)
        largest = float((rows**2).sum(dim=1).max())
        norms = (centred**2).sum(dim=1).sqrt()
        scale = norms * math.sqrt(largest) / 0.01 + largest / 0.02
        scale += 0 if points.log_weights is None else -points.log_weights.min()
        terms = (dim + 6) * 2.0**-24
        torch.testing.assert_close(bound, scale * terms / (1 - terms), rtol=1e-7, atol=0)

    def test_doubtful_are_those_whose_estimated_error_exceeds_the_tolerance(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """u α‖x‖√E‖y‖²/σ² nats times the posterior's spread, over the residual: from weights in double precision."""
        train, process = data(400, 6), OrnsteinUhlenbeck()
        x = data(21, 6, seed=1).float()
        score = EmpiricalScore(train, process)
        monkeypatch.setattr(single_precision, "FEW", 1)
        sent: list[int] = []

        def exact(points: WeightedPoints, x: Tensor, alpha: Tensor, sigma: Tensor) -> object:
            sent.append(len(x))
            return posterior(points, x, alpha, sigma)

        monkeypatch.setattr(single_precision, "posterior", exact)
        for t in (0.7, 1.5):
            alpha, sigma = process.alpha(t).item(), process.sigma(t).item()
            weights, rows = score.weights(x.double(), t), train - score.points.centre
            second, mean = weights @ (rows**2).sum(dim=1), weights @ rows
            nats = 2.0**-24 * alpha * (x - alpha * score.points.centre).norm(dim=1) * second.sqrt() / sigma**2
            spread = alpha * (second - (mean**2).sum(dim=1)).sqrt()
            estimate = nats * spread / score.posterior(x.double(), t).residual.norm(dim=1)
            for tolerance, count in ((0.9 * estimate.min(), 21), (estimate.median() * (1 + 1e-4), 10), (1e-4, 0)):
                monkeypatch.setattr(single_precision, "TOLERANCE", float(tolerance))
                sent.clear()
                found = score(x, t)
                assert sum(sent) == count
                torch.testing.assert_close(found.double(), score(x.double(), t), rtol=1e-4, atol=1e-5)
