import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from mnemoscope.errors import InputError
from mnemoscope.theory import early_stopping, learning_curve, training_curve
from mnemoscope.theory.grid import make_grid
from mnemoscope.theory.solver import solve
from mnemoscope.theory.training_time import inverse_laplace
from mnemoscope.theory.two_resolvents import two_resolvents
from tests.references import learning_curves as reference

SPECTRUM = [0.1, 0.4, 0.4, 1.0, 3.1]


def ensemble_of(psi_n, psi_p, noise_draws, time, spectrum=None):
    return make_grid(
        {
            "psi_n": psi_n,
            "psi_p": psi_p,
            "noise_draws": noise_draws,
            "time": time,
            "activation": "tanh",
            "spectrum": spectrum,
        }
    ).ensemble


def test_inverse_laplace_of_known_transforms():
    times = np.array([0.01, 1.0, 30.0])
    s, weight = inverse_laplace(times)
    known = {
        "1/s": (1 / s, np.ones(3)),
        "1/s²": (1 / s**2, times),
        "1/(s + 2)": (1 / (s + 2), np.exp(-2 * times)),
        "1/(s(s + 5))": (1 / (s * (s + 5)), -np.expm1(-5 * times) / 5),
    }
    for name, (transform, expected) in known.items():
        found = 2 * np.sum(weight * transform, axis=1).real
        assert_allclose(found, expected, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize(
    ("psi_n", "psi_p", "noise_draws", "time", "z", "published"),
    [
        (4, 6, 1, 0.1, (-0.01, -0.3), 0.39300),
        (3, 5, 4, 0.1, (-0.001, -2.0), 0.19065),
        (6, 2, 10, 0.2, (-0.01, -0.01), 0.38585),
    ],
)
def test_two_resolvents_against_the_table_and_the_integral_twin(psi_n, psi_p, noise_draws, time, z, published):
    ensemble = ensemble_of(psi_n, psi_p, noise_draws, time)
    first, second = (solve(ensemble, np.array([-value])) for value in z)
    fast = two_resolvents(first, second, 1).item()
    assert round(fast, 5) == published
    slow = reference.two_resolvents(reference.Point.of(psi_n, psi_p, noise_draws, time, np.tanh), (-z[0], -z[1]))
    assert fast == pytest.approx(slow, rel=1e-6)


@pytest.mark.parametrize("noise_draws", [1, 3, math.inf])
@pytest.mark.parametrize("ridge", [1e-3, 0.1 + 0.3j])
def test_two_equal_resolvents_give_the_derivative_in_q(noise_draws, ridge):
    ensemble = ensemble_of(4, 6, noise_draws, 0.1, SPECTRUM)
    state = solve(ensemble, np.array([ridge]))
    assert_allclose(two_resolvents(state, state, 1).item(), -state.derivative(q=1.0)[0], rtol=1e-9)


@pytest.mark.parametrize("noise_draws", [2, math.inf])
@pytest.mark.parametrize("spectrum", [None, SPECTRUM])
def test_losses_against_the_closed_contour(noise_draws, spectrum):
    """The twin: f itself, entire, on a circle around the whole spectrum, by the trapezoidal rule."""
    training_time, nodes = 0.7, 200
    arguments = {"psi_n": 3, "psi_p": 4, "noise_draws": noise_draws, "time": 0.2, "spectrum": spectrum}
    ensemble = ensemble_of(3, 4, noise_draws, 0.2, spectrum)
    centre, radius = 15.0, 19.0  # the largest eigenvalue of K is below 30
    angle = 2 * np.pi * (np.arange(nodes) + 0.5) / nodes
    z = centre + radius * np.exp(1j * angle)
    dz = radius * np.exp(1j * angle) / nodes  # dz/(2πi)
    state = solve(ensemble.take(np.zeros(nodes, int)), -z)
    f = -np.expm1(-training_time * z) / z
    h = -math.expm1(-0.4)
    noise = ensemble.noise[0] / h
    F = two_resolvents(state, state, 1)[0]
    test = 1 + 2 * h * noise * np.sum(f * state.kappa * state.tau * dz) + (f * dz) @ F @ (f * dz)
    train = 1 + np.sum((2 * f - z * f**2) * state.overlap * dz)
    found = training_curve(**arguments, training_time=training_time, activation="tanh")
    # The circle is the less accurate of the two.
    assert found.test_loss == pytest.approx(test.real, rel=1e-6)
    assert found.train_loss == pytest.approx(train.real, rel=1e-6)


@pytest.mark.parametrize("noise_draws", [1, 5, math.inf])
def test_an_infinite_training_time_is_the_ridge_solution(noise_draws):
    point = {"psi_n": 4, "psi_p": 6, "noise_draws": noise_draws, "time": 0.1, "spectrum": SPECTRUM}
    flow = training_curve(**point, ridge=1e-2, training_time=1e5)
    ridge = learning_curve(**point, ridge=1e-2)
    for name in ("test_loss", "train_loss", "score_error"):
        assert_allclose(flow[name], ridge[name], rtol=1e-7)


def test_training_starts_at_one_and_the_train_loss_falls():
    point = {"psi_n": 4, "psi_p": 6, "noise_draws": 3, "time": 0.1, "spectrum": SPECTRUM}
    found = training_curve(**point, training_time=np.geomspace(1e-6, 1e8, 60))
    assert_allclose([found.test_loss[0], found.train_loss[0]], 1, atol=1e-5)
    assert np.all(np.diff(found.train_loss) < 1e-9)
    # A ridge is part of what is descended, not of what is reported: it leaves the train loss higher.
    assert training_curve(**point, training_time=1e8, ridge=0.1).train_loss > found.train_loss[-1]


def test_early_stopping_is_the_lowest_point_of_the_curve():
    point = {"psi_n": 4, "psi_p": 8, "noise_draws": [1, math.inf], "time": 0.1, "activation": "tanh"}
    stop = early_stopping(**point)
    curve = training_curve(**point, training_time=np.geomspace(1e-2, 1e4, 400))
    lowest = curve.test_loss.min("training_time")
    assert np.all(stop.test_loss <= lowest)
    assert_allclose(stop.test_loss, lowest, rtol=1e-3)
    again = training_curve(**(point | {"noise_draws": 1}), training_time=float(stop.training_time[0]))
    assert_allclose(again.test_loss, stop.test_loss[0], rtol=1e-9)


def test_with_a_heavy_ridge_there_is_no_reason_to_stop():
    stop = early_stopping(psi_n=50, psi_p=0.5, time=0.1, ridge=1.0)
    assert stop.training_time == math.inf
    assert stop.test_loss == pytest.approx(float(learning_curve(psi_n=50, psi_p=0.5, time=0.1, ridge=1.0).test_loss))


@pytest.mark.parametrize("change", [{"training_time": 0.0}, {"training_time": -1.0}, {"ridge": -1e-3}])
def test_bad_input(change):
    with pytest.raises(InputError, match=next(iter(change))):
        training_curve(**({"psi_n": 4, "psi_p": 6, "time": 0.1, "training_time": 1.0} | change))
