import numpy as np
import pytest
from scipy.special import erf, ndtr, roots_hermitenorm

from mnemoscope.errors import InputError
from mnemoscope.theory.activations import Activation, activation_constants, activation_names

TIMES = np.array([1e-4, 0.01, 0.1, 1.0])
NOVELTY = -np.expm1(-2 * TIMES)
VARIANCE = np.array([1.0, 1.0, 1.3, 0.8])


def relu(x):
    return np.maximum(x, 0)


def constants(activation, variance=VARIANCE, novelty=NOVELTY):
    found = activation_constants(activation, variance, novelty)
    return np.array([found.linear, found.shared, found.private])


@pytest.mark.parametrize(
    ("name", "callable_"),
    [
        ("relu", Activation(relu, kinks=(0.0,))),
        ("erf", erf),
        ("sine", np.sin),
        ("tanh", Activation(np.tanh, kinks=(0.3,))),  # a kink that is none: the other rule of integration
        ("gelu", Activation(lambda x: x * ndtr(x), kinks=(0.3,))),
    ],
)
def test_two_independent_ways_to_each_constant_agree(name, callable_):
    # Both are good to rounding; s² itself is as small as 2e-5 here.
    np.testing.assert_allclose(constants(callable_), constants(name), rtol=1e-8)


def test_relu_by_a_brute_double_integral():
    """At a late time plain quadrature is good enough for v0²."""
    z, weight = roots_hermitenorm(400)
    weight = weight / weight.sum()
    gamma = 0.4
    u = np.add.outer(np.sqrt(gamma) * z, np.sqrt(1 - gamma) * z)
    values = relu(u) - 1 / np.sqrt(2 * np.pi)
    c = ((values @ weight) ** 2) @ weight
    linear, shared, private = constants("relu", np.ones(1), np.array([1 - gamma]))[:, 0]
    assert shared == pytest.approx(c - gamma / 4, rel=1e-3)
    assert shared + private + linear == pytest.approx(0.5 - 1 / (2 * np.pi), rel=1e-12)


@pytest.mark.parametrize(("time", "error"), [(0.01, -0.15), (0.02, -0.08)])
def test_plain_quadrature_is_wrong_where_the_closed_form_is_right(time, error):
    """A trap, measured: what 200 Gauss-Hermite nodes make of the private part of ReLU."""
    z, weight = roots_hermitenorm(200)
    weight = weight / weight.sum()
    novelty = -np.expm1(-2 * time)
    mean = relu(z) @ weight
    f = relu(z) - mean
    u = np.add.outer(np.sqrt(1 - novelty) * z, np.sqrt(novelty) * z)
    c = (((relu(u) - mean) @ weight) ** 2) @ weight
    plain = f**2 @ weight - c - novelty * (f * z @ weight) ** 2
    exact = float(constants("relu", np.ones(1), np.array([novelty]))[2, 0])
    assert plain / exact - 1 == pytest.approx(error, abs=0.005)


def test_a_linear_activation_is_all_linear():
    linear, shared, private = constants(lambda x: 3 * x)
    np.testing.assert_allclose(linear, 9)
    np.testing.assert_allclose(shared + private, 0, atol=1e-12)


def test_sign_with_its_jump_known():
    linear, shared, private = constants(Activation(np.sign, kinks=(0.0,)))
    np.testing.assert_allclose(linear * VARIANCE, 2 / np.pi)
    np.testing.assert_allclose(linear * VARIANCE + shared + private, 1)
    arcsine = 2 / np.pi * np.arcsin(1 - NOVELTY)
    np.testing.assert_allclose(shared, arcsine - (1 - NOVELTY) * 2 / np.pi, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("activation", "message"),
    [
        ("swish", "activation: unknown name 'swish', choose one of relu, erf, sine, tanh, gelu"),
        (np.abs, "first Hermite coefficient is zero"),
        (lambda x: x**2, "first Hermite coefficient is zero"),
        (relu, "if it has kinks, pass Activation"),
        (np.sign, "if it has kinks, pass Activation"),
        (lambda x: np.where(x > 3, np.inf, x), "one finite number"),
    ],
)
def test_refusals(activation, message):
    with pytest.raises(InputError, match=message) as caught:
        constants(activation)
    assert "\n" not in str(caught.value)


def test_names():
    assert activation_names() == ["relu", "erf", "sine", "tanh", "gelu"]
