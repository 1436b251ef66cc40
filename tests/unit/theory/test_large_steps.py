"""The optimal score, risks and irregularity against definitions written out the slow way."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from mnemoscope.errors import InputError
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.theory.large_steps import (
    Neurons,
    NoisedPoints,
    check_neurons,
    excess_risk,
    interpolate,
    monte_carlo_risk,
    optimal_risk,
    relu_irregularity,
    relu_risk,
    relu_risk_gradient,
    risk,
    smooth_irregularity,
    weight,
)
from mnemoscope.theory.large_steps.quadrature import expectation, panel_edges


def draw_points(seed: int = 0, n: int = 8, mu: float = 0.9, sigma: float = 0.3) -> NoisedPoints:
    g = torch.Generator().manual_seed(seed)
    return NoisedPoints(torch.randn(n, generator=g, dtype=torch.float64).sort().values, mu, sigma)


def draw_neurons(*shape: int, seed: int = 1) -> Neurons:
    g = torch.Generator().manual_seed(seed)
    return Neurons(*(torch.randn(*shape, generator=g, dtype=torch.float64) for _ in range(3)))


def brute_weight(points: NoisedPoints, y: float) -> float:
    """π(y) from its definition, by scipy's adaptive rule."""
    centres = (points.mu * points.x).numpy()
    if not centres[0] <= y <= centres[-1]:
        return 0.0

    def inside(u: float) -> float:
        sides = (u - centres[centres < u], centres[centres > u] - u)
        terms = [(len(side) / len(centres)) ** 2 * side.mean() if len(side) else 0.0 for side in sides]
        return min(terms) * math.exp(-((u - y) ** 2) / (2 * points.sigma**2))

    parts = np.unique(centres)
    total = sum(quad(inside, a, b, limit=200)[0] for a, b in pairwise(parts))
    return total / (points.sigma * math.sqrt(2 * math.pi))


@given(st.integers(1, 9), st.floats(0.1, 1.0), st.floats(0.05, 2.0), st.integers(0, 10_000))
def test_the_posterior_form_is_the_gradient_of_the_log_density(n: int, mu: float, sigma: float, seed: int) -> None:
    points = draw_points(seed, n, mu, sigma)
    y = torch.linspace(-2, 2, 7, dtype=torch.float64, requires_grad=True)
    derivative = points.log_density(y).sum()
    for ours in (points.score, points.slope, points.curvature):
        (derivative,) = torch.autograd.grad(derivative.sum(), y, create_graph=True)
        torch.testing.assert_close(ours(y), derivative, rtol=1e-7, atol=1e-7 / sigma**4)


def test_duplicates_are_fine_for_the_score() -> None:
    twice = NoisedPoints(torch.tensor([0.0, 0.0, 1.0, 1.0]), 0.9, 0.3)
    once = NoisedPoints(torch.tensor([0.0, 1.0]), 0.9, 0.3)
    y = torch.linspace(-1, 2, 9, dtype=torch.float64)
    torch.testing.assert_close(twice.score(y), once.score(y))
    assert optimal_risk(twice) == pytest.approx(optimal_risk(once), rel=1e-10)


@pytest.mark.parametrize(("mu", "sigma"), [(0.95, 0.31), (0.9, 0.02), (1.0, 3.0)])
def test_the_closed_form_risk_is_the_quadrature(mu: float, sigma: float) -> None:
    points, neurons = draw_points(3, 10, mu, sigma), draw_neurons(40)
    exact = float(relu_risk(points, neurons))
    assert risk(points, neurons, neurons.kinks) == pytest.approx(exact, rel=1e-10, abs=1e-8)


def test_the_quadrature_agrees_with_scipy_and_the_mixture_has_mass_one() -> None:
    points = draw_points()
    assert expectation(points, torch.ones_like) == pytest.approx(1, abs=1e-14)

    def integrand(y: float) -> float:
        at = torch.tensor(y, dtype=torch.float64)
        return float((torch.sin(at) - points.score(at)) ** 2 * points.log_density(at).exp())

    reference = sum(quad(integrand, k, k + 1, epsabs=1e-12)[0] for k in range(-8, 8))
    assert excess_risk(points, torch.sin) == pytest.approx(reference, abs=1e-8)
    assert excess_risk(points, points.score) == 0


def test_panels_are_increasing_and_hold_every_kink_inside() -> None:
    points = draw_points()
    edges = panel_edges(points, torch.tensor([0.123, math.inf, -1e9], dtype=torch.float64))
    assert bool((edges.diff() > 0).all())
    assert bool((edges - 0.123).abs().min() < 1e-12)


@pytest.mark.statistical
@pytest.mark.parametrize("excess", [False, True])
def test_monte_carlo_meets_the_quadrature(excess: bool, generator: torch.Generator) -> None:
    """A difference of more than 5 standard errors has probability 6e-7."""
    points, neurons = draw_points(), draw_neurons(30)
    exact = float(relu_risk(points, neurons)) - (optimal_risk(points) if excess else 0)
    found = monte_carlo_risk(points, neurons, 40_000, generator, excess=excess)
    assert abs(found.value - exact) < 5 * found.standard_error
    assert found.standard_error < 0.1 * exact


def test_gradient_by_hand_is_autograd_and_batches_do_not_mix() -> None:
    points, neurons = draw_points(), draw_neurons(3, 40)
    risks, gradient = relu_risk_gradient(points, neurons)
    reference = torch.func.grad(lambda weights: relu_risk(points, weights).sum())(neurons)
    for ours, autograd in zip(gradient, reference, strict=True):
        torch.testing.assert_close(ours, autograd, rtol=1e-10, atol=1e-12)
    alone = relu_risk(points, Neurons(*(weights[1] for weights in neurons)))
    torch.testing.assert_close(risks[1], alone)


def test_the_weight_is_its_definition() -> None:
    points = draw_points(5, 7)
    y = torch.linspace(-2, 2, 23, dtype=torch.float64)
    expected = [brute_weight(points, float(value)) for value in y]
    np.testing.assert_allclose(weight(points, y), expected, atol=1e-8)
    assert min(expected) == 0 < max(expected)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0])
def test_smooth_irregularity_is_a_fine_riemann_sum(sigma: float) -> None:
    points = draw_points(2, 6, 0.9, sigma)
    ends = points.mu * points.x[[0, -1]]
    y = torch.linspace(float(ends[0]), float(ends[1]), 400_001, dtype=torch.float64)
    brute = torch.trapezoid(points.curvature(y).abs() * weight(points, y), y)
    assert smooth_irregularity(points) == pytest.approx(float(brute), rel=1e-6)


def test_a_relu_network_that_interpolates_has_the_irregularity_of_the_function() -> None:
    """The sum over kinks tends to the integral as the knots get dense."""
    points = draw_points(2, 6, 0.9, 0.5)
    knots = torch.linspace(-3, 3, 2001, dtype=torch.float64)
    dense = interpolate(points, knots, points.score(knots))
    assert relu_irregularity(points, dense) == pytest.approx(smooth_irregularity(points), rel=1e-3)
    torch.testing.assert_close(dense(knots), points.score(knots), rtol=1e-9, atol=1e-9)
    assert set(dense.inner.tolist()) == {-1.0, 1.0}


def test_units_with_the_same_kink_count_as_one() -> None:
    points = draw_points()
    one = torch.ones(2, dtype=torch.float64)
    cancel = Neurons(one, 0 * one, torch.tensor([1.0, -1.0], dtype=torch.float64))
    assert relu_irregularity(points, cancel) == 0
    assert relu_irregularity(points, cancel._replace(outer=one)) == pytest.approx(
        float(weight(points, torch.zeros(1, dtype=torch.float64)))
    )


def test_points_at_a_time_of_a_process() -> None:
    points = NoisedPoints.at_time(torch.tensor([0.0, 1.0]), OrnsteinUhlenbeck(), 0.05)
    assert (points.mu, points.sigma) == (pytest.approx(0.9512, abs=1e-4), pytest.approx(0.3085, abs=1e-4))


@pytest.mark.parametrize(
    ("x", "mu", "sigma", "complaint"),
    [
        ([0.0, 2.0, 1.0], 1.0, 1.0, "x: must be sorted, but value 2"),
        ([0.0, math.nan], 1.0, 1.0, "x: value 1 is not finite"),
        ([[0.0]], 1.0, 1.0, "x: needs shape"),
        ([0.0], 1.0, 0.0, "sigma: must be positive"),
        ([0.0], 1.0, -1.0, "sigma: must be positive"),
        ([0.0], 0.0, 1.0, "mu: must be positive"),
    ],
)
def test_bad_points(x: list, mu: float, sigma: float, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        NoisedPoints(torch.tensor(x, dtype=torch.float64), mu, sigma)


def test_bad_neurons_and_draws(generator: torch.Generator) -> None:
    points, neurons = draw_points(), draw_neurons(5)
    for bad, complaint in (
        (neurons._replace(inner=0 * neurons.inner), "inner weight is zero"),
        (neurons._replace(bias=neurons.bias / 0), "bias is not finite"),
        (neurons._replace(bias=neurons.bias[:2]), "differ in shape"),
    ):
        with pytest.raises(InputError, match=complaint):
            check_neurons(bad)
    with pytest.raises(InputError, match="n_draws: must be at least 2"):
        monte_carlo_risk(points, neurons, 1, generator)
    with pytest.raises(InputError, match="knots: needs at least 2"):
        interpolate(points, torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
