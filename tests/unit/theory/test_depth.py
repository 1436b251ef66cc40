"""Bounds that bound, limits that are met, rates that are recovered."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from mnemoscope.errors import InputError
from mnemoscope.theory import (
    alternating_limit,
    euler_error_bound,
    exponential_rate,
    initial_polyak_lojasiewicz,
    power_law,
)
from mnemoscope.theory.depth import GELU_LIPSCHITZ

UNIT = {"inner_norm": 1.0, "outer_norm": 1.0, "inner_slope": 0.0, "outer_slope": 0.0, "dim": 1, "width": 1}


@given(
    inner=st.floats(0, 2), outer=st.floats(0, 2), turn=st.floats(-2, 2), depth=st.integers(1, 50), start=st.floats(0, 3)
)
def test_the_bound_holds_for_a_linear_scalar_network(
    inner: float, outer: float, turn: float, depth: int, start: float
) -> None:
    """h' = v(s) w h with v = outer·cos(turn·s): the ODE has a closed form, the network is a product."""
    s = np.arange(1, depth + 1) / depth
    network = start * np.prod(1 + inner * outer * np.cos(turn * s) / depth)
    integral = outer * inner * (math.sin(turn) / turn if turn else 1.0)
    bound = euler_error_bound(
        depth,
        inner_norm=inner,
        outer_norm=outer,
        inner_slope=0.0,
        outer_slope=outer * abs(turn),
        dim=1,
        width=1,
        lipschitz=1.0,
        start_norm=start,
    )
    assert abs(network - start * math.exp(integral)) <= float(bound) * (1 + 1e-9) + 1e-12


def test_the_bound_has_the_right_size() -> None:
    """Of a constant linear branch the error is λ²/2L e^λ to first order; the bound is that times (e^λ − 1)/λ."""
    bound = euler_error_bound([1000], **UNIT, lipschitz=0.1)
    exact = math.exp(0.1) - (1 + 0.1 / 1000) ** 1000
    assert 1 < float(bound[0]) / exact < 1.1


def test_the_lipschitz_constant_of_gelu() -> None:
    a = np.linspace(-6, 6, 200_001)
    slope = norm.cdf(a) + a * norm.pdf(a)
    assert slope.max() <= GELU_LIPSCHITZ < slope.max() + 1e-4


@given(ratio=st.floats(1.01, 20), pairs=st.integers(1, 10_000))
def test_the_alternating_limit_solves_its_equation(ratio: float, pairs: int) -> None:
    w = alternating_limit(ratio, pairs)
    assert (1 + w / (2 * pairs)) ** pairs == pytest.approx(ratio, rel=1e-9)
    assert w >= 2 * math.log(ratio) * (1 - 1e-12)


def test_the_initial_ratio_bounds_the_gradient_for_all_labels() -> None:
    rng = np.random.default_rng(0)
    S, X, B = rng.normal(size=(5, 9)), rng.normal(size=(5, 4)), rng.normal(size=(2, 4))
    without, both = initial_polyak_lojasiewicz(S, B), initial_polyak_lojasiewicz(S, B, X)
    assert both > without > 0
    lowest = math.inf
    for _ in range(300):
        R = rng.normal(size=(5, 2))
        loss = (R**2).sum() / 5
        v, a = ((2 / 5) ** 2 * ((B.T @ R.T @ M) ** 2).sum() / loss for M in (S, X))
        assert v >= without
        assert v + a >= both
        lowest = min(lowest, v)
    R = np.outer(np.linalg.eigh(S @ S.T)[1][:, 0], np.linalg.eigh(B @ B.T)[1][:, 0])  # the labels that attain it
    attained = (2 / 5) ** 2 * ((B.T @ R.T @ S) ** 2).sum() / ((R**2).sum() / 5)
    assert attained == pytest.approx(without)
    assert initial_polyak_lojasiewicz(S[:, :3], B) == pytest.approx(0, abs=1e-12)  # narrower than n


def test_rates_are_recovered_with_their_interval() -> None:
    rng = np.random.default_rng(1)
    x = np.geomspace(10, 1000, 8)
    covered = 0
    for _ in range(100):
        found = power_law(x, 3 * x**-1.5 * np.exp(0.1 * rng.normal(size=8)))
        covered += found.interval[0] <= -1.5 <= found.interval[1]
    assert covered >= 86  # of 95 expected: fewer has probability below 1e-4
    time = np.linspace(0, 4, 9)
    assert exponential_rate(time, 2 * np.exp(-0.7 * time)).value == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: euler_error_bound(0, **UNIT), "must be at least 1, got 0"),
        (lambda: euler_error_bound(3, **UNIT | {"inner_slope": -1.0}), "must not be negative, got -1"),
        (lambda: alternating_limit(1.0, 3), "ratio: must be above 1, got 1"),
        (lambda: alternating_limit(2.0, 0), "pairs: must be at least 1, got 0"),
        (lambda: initial_polyak_lojasiewicz([1.0], [[1.0]]), "must be matrices"),
        (lambda: power_law([1, 2, 3], [1, 0, 2]), "y: must be positive and finite"),
        (lambda: power_law([1, 2], [1, 2]), "at least three points"),
    ],
)
def test_bad_input(call: object, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        call()


@pytest.mark.parametrize("n", [3, 4, 9])
def test_the_interval_of_a_rate_by_its_formula(n: int) -> None:
    """The slope ± t₀.₉₇₅ s/√Σ(x − x̄)² with n − 2 degrees of freedom, s² = Σ(residual)²/(n − 2)."""
    rng = np.random.default_rng(n)
    x = np.sort(rng.uniform(0, 3, n))
    y = -0.7 * x + 0.2 * rng.normal(size=n)
    slope, intercept = np.polyfit(x, y, 1)
    spread = math.sqrt(((y - slope * x - intercept) ** 2).sum() / (n - 2) / ((x - x.mean()) ** 2).sum())
    half = student.ppf(0.975, n - 2) * spread
    for found, sign in ((power_law(np.exp(x), np.exp(y)), 1), (exponential_rate(x, np.exp(y)), -1)):
        ends = sorted((sign * (slope - half), sign * (slope + half)))
        assert (found.value, *found.interval) == pytest.approx((sign * slope, *ends), rel=1e-9)
