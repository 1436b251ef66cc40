"""Every bound on random configurations, and what happens where a condition fails. The study repeats this at scale."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemoscope.errors import InputError
from mnemoscope.theory.large_steps import (
    Bound,
    Neurons,
    NoisedPoints,
    excess_risk_bound,
    interpolate,
    learned_irregularity_bound,
    midpoint_variance_bound,
    optimal_irregularity_bound,
    optimal_risk,
    optimal_risk_bound,
    posterior_mean_bound,
    posterior_variance_bound,
    relu_irregularity,
    relu_risk,
    smooth_irregularity,
    stable_irregularity_bound,
)


def spread_points(seed: int, n: int, mu: float, ratio: float) -> NoisedPoints:
    """Points whose smallest gap is ``ratio`` times σ/μ, the others up to twice as wide."""
    g = torch.Generator().manual_seed(seed)
    gaps = 1 + torch.rand(n - 1, generator=g, dtype=torch.float64)
    x = torch.cat([torch.zeros(1, dtype=torch.float64), (gaps / gaps.min()).cumsum(0)])
    return NoisedPoints(x - x.mean(), mu, mu / ratio)


@given(st.integers(2, 15), st.floats(0.2, 1.0), st.floats(2.0, 20.0), st.integers(0, 10_000))
def test_the_posterior_bounds_hold(n: int, mu: float, ratio: float, seed: int) -> None:
    points = spread_points(seed, n, mu, ratio)
    middle = mu * (points.x[1:] + points.x[:-1]) / 2
    for index, variance in enumerate(points.moments(middle)[1].tolist()):
        assert midpoint_variance_bound(points, index).slack(variance) >= 0
    for share in (-1.0, 0.3, 1.0):
        y = mu * points.x + share * mu * points.spacing * (1 - 1e-9) / 4
        mean, variance, _ = points.moments(y)
        for at, x, m, v in zip(y.tolist(), points.x.tolist(), mean.tolist(), variance.tolist(), strict=True):
            rounding = 1e-14 * n * points.spacing
            assert posterior_mean_bound(points, at).slack(abs(m - x)) >= -rounding
            assert posterior_variance_bound(points, at).slack(v) >= 0
    assert optimal_risk_bound(points).slack(optimal_risk(points)) >= 0


@given(st.integers(10, 15), st.floats(0.2, 1.0), st.floats(8.0, 30.0), st.integers(0, 10_000))
def test_the_irregularity_bounds_hold(n: int, mu: float, ratio: float, seed: int) -> None:
    points = spread_points(seed, n, mu, ratio)
    bound = optimal_irregularity_bound(points)
    tv = smooth_irregularity(points)
    if bound.usable:
        assert bound.slack(tv) >= 0
    knots = torch.cat([points.mu * points.x, points.mu * (points.x[1:] + points.x[:-1]) / 2]).sort().values
    for neurons in (interpolate(points, knots, points.score(knots)),):
        risk = float(relu_risk(points, neurons))
        below = learned_irregularity_bound(points, risk)
        assert below.usable == (risk <= 1 / (16 * n * points.sigma**2))
        if below.usable:
            assert below.slack(relu_irregularity(points, neurons)) >= 0


@given(st.integers(2, 8), st.floats(0.3, 1.0), st.floats(0.5, 8.0), st.integers(0, 10_000))
def test_sharp_minima_are_the_irregular_ones(n: int, mu: float, ratio: float, seed: int) -> None:
    """Prop. 6 with the λ_max of the exact Hessian, written out; it needs no minimum."""
    points = spread_points(seed, n, mu, ratio)
    g = torch.Generator().manual_seed(seed)
    width = 6
    inner = torch.where(torch.rand(width, generator=g) < 0.5, -1.0, 1.0).double()
    bias, outer = 2 * torch.randn(2, width, generator=g, dtype=torch.float64)

    def risk(weights: torch.Tensor) -> torch.Tensor:
        return relu_risk(points, Neurons(inner, weights[0], weights[1]))

    hessian = torch.func.jacrev(torch.func.jacrev(risk))(torch.stack([bias, outer])).reshape(2 * width, 2 * width)
    largest = float(torch.linalg.eigvalsh(hessian)[-1])
    neurons = Neurons(inner, bias, outer)
    bound = stable_irregularity_bound(points, neurons, largest)
    assert bound.slack(relu_irregularity(points, neurons)) >= 0


def test_a_large_step_bounds_the_excess_risk_from_below() -> None:
    """Conditions that all hold, and the same with one broken at a time."""
    points = spread_points(0, 20, 1.0, 60.0)
    tv = points.n_samples**2 * points.spacing / (2**11 * points.sigma**2)
    bound = excess_risk_bound(points, outer_bound=50.0, learning_rate=2.1 / tv)
    assert bound.usable, bound.conditions
    assert bound.value > optimal_risk(points)
    assert not excess_risk_bound(points, 50.0, 1.9 / tv).usable
    assert not excess_risk_bound(points, 1e-3, 2.1 / tv).usable
    assert not excess_risk_bound(spread_points(0, 20, 1.0, 7.0), 50.0, 1e6).usable


def test_a_failed_condition_is_named_and_the_number_refused() -> None:
    points = NoisedPoints(torch.tensor([0.0, 1.0]), 1.0, 1.0)
    bound = optimal_risk_bound(points)
    assert bound.formula > 0
    assert not bound.usable
    for use in (lambda: bound.value, lambda: bound.slack(0.0)):
        with pytest.raises(InputError, match="Δ ≥ 2σ/μ does not hold"):
            use()
    assert not posterior_mean_bound(NoisedPoints(torch.tensor([0.0, 9.0]), 1.0, 1.0), 4.0).usable


def test_inner_weights_that_were_trained_have_no_bound() -> None:
    points = NoisedPoints(torch.tensor([0.0, 1.0]), 1.0, 1.0)
    one = torch.ones(3, dtype=torch.float64)
    assert stable_irregularity_bound(points, Neurons(one, one, one), 1.0).usable
    assert not stable_irregularity_bound(points, Neurons(1.5 * one, one, one), 1.0).usable


@pytest.mark.parametrize("x", [[0.0, 1.0, 1.0, 2.0], [1.0, 1.0]])
def test_duplicates_have_no_spacing(x: list[float]) -> None:
    points = NoisedPoints(torch.tensor(x), 1.0, 0.01)
    for bound in (
        optimal_risk_bound,
        optimal_irregularity_bound,
        lambda p: midpoint_variance_bound(p, 0),
        lambda p: posterior_mean_bound(p, 0.0),
        lambda p: posterior_variance_bound(p, 0.0),
        lambda p: learned_irregularity_bound(p, 0.0),
        lambda p: excess_risk_bound(p, 1.0, 1.0),
    ):
        with pytest.raises(InputError, match=r"values \d and \d coincide"):
            bound(points)


def test_other_bad_arguments() -> None:
    points = spread_points(0, 3, 1.0, 4.0)
    with pytest.raises(InputError, match="there are 2 gaps, got 2"):
        midpoint_variance_bound(points, 2)
    for arguments, complaint in (((0.0, 1.0), "outer_bound"), ((1.0, 0.0), "learning_rate"), ((1.0, math.nan), "lear")):
        with pytest.raises(InputError, match=complaint):
            excess_risk_bound(points, *arguments)
    with pytest.raises(InputError, match="at least 2 points"):
        _ = NoisedPoints(torch.zeros(1), 1.0, 1.0).spacing


def test_slack_has_the_sign_of_its_side() -> None:
    assert Bound(2.0, True, {}).slack(1.0) == 1 == Bound(1.0, False, {}).slack(2.0)
