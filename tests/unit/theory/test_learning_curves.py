import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from mnemoscope.errors import InputError
from mnemoscope.theory import Activation, data_spectrum, learning_curve

# Rounding, through a solve to a relative residual of 1e-11.
SAME = 1e-7
LOSSES = ("test_loss", "train_loss", "score_error", "bayes_loss")

ratios = st.floats(0.05, 50)
draws = st.one_of(st.just(math.inf), st.integers(1, 1000))
point = st.fixed_dictionaries(
    {
        "psi_n": ratios,
        "psi_p": ratios,
        "noise_draws": draws,
        "time": st.floats(0.01, 2),
        "ridge": st.floats(1e-6, 10),
        "activation": st.sampled_from(["relu", "erf", "sine"]),
    }
)
spectra = st.lists(st.floats(0, 5), min_size=1, max_size=6).filter(lambda values: max(values) > 0.1)
fast = settings(max_examples=25, deadline=None, derandomize=True)


def curve(**arguments):
    found = learning_curve(**arguments)
    return np.array([found[name].values for name in LOSSES])


@pytest.mark.parametrize(
    ("psi_p", "noise_draws", "error", "train"),
    [
        (2, 1, "4.06", ".417"),
        (2, math.inf, ".525", ".780"),
        (8, 1, "5.44", ".0012"),
        (8, math.inf, "2.58", ".630"),
    ],
)
def test_published_values(psi_p, noise_draws, error, train):
    """George, Veiga & Macris at tanh, Σ = I, ψ_n = 4, λ = 1e-3, t = 0.1, to all digits given."""
    _, train_loss, score_error, _ = curve(
        psi_n=4, psi_p=psi_p, noise_draws=noise_draws, time=0.1, ridge=1e-3, activation="tanh"
    )
    for value, digits in ((score_error, error), (train_loss, train)):
        decimals = len(digits.split(".")[1])
        assert round(float(value), decimals) == float(digits)


def test_two_valued_covariance():
    """tanh, ψ_n = 4, ψ_p = 2, m = 1, t = 0.1, λ = 1e-2, half of the eigenvalues 0.4 and half 1.6."""
    test, train, _, _ = curve(
        psi_n=4, psi_p=2, noise_draws=1, time=0.1, ridge=1e-2, activation="tanh", spectrum=[0.4, 1.6]
    )
    assert round(float(test), 4) == 1.1655
    assert round(float(train), 4) == 0.4270


def test_m_1_peaks_at_as_many_features_as_samples():
    """The crossover of the paper: within 5 % of ψ_p = ψ_n at ψ_n = 20, t = 0.01, λ = 1e-3, ReLU."""
    psi_p = np.geomspace(10, 40, 400)
    found = learning_curve(psi_n=20, psi_p=psi_p, noise_draws=1, time=0.01, ridge=1e-3)
    peak = psi_p[int(np.argmax(found.test_loss.values))]
    assert peak == pytest.approx(20, rel=0.05)


def test_more_draws_help_below_the_crossover_and_hurt_beyond():
    m = [1, 4, 100, math.inf]
    below, beyond = learning_curve(psi_n=20, psi_p=[5.0, 80.0], noise_draws=m, time=0.01, ridge=1e-3).test_loss
    assert np.all(np.diff(below) < 0)
    # All of them: m = ∞ is worst deep in memorization.
    deep = learning_curve(psi_n=20, psi_p=3000, noise_draws=m, time=0.01, ridge=1e-3).test_loss
    assert np.all(np.diff(deep) > 0)
    assert beyond[0] < beyond[1:].min()


@fast
@given(point, spectra)
def test_bounds(point, spectrum):
    test, train, error, bayes = curve(**point, spectrum=spectrum)
    assert error > 0
    assert train <= test + SAME
    assert 0 <= train <= 1 + SAME
    assert test >= bayes


@fast
@given(point)
def test_draws_without_number_are_infinitely_many(point):
    huge, infinite = (curve(**(point | {"noise_draws": m})) for m in (1e13, math.inf))
    assert_allclose(huge, infinite, rtol=1e-5)


@fast
@given(point, spectra)
def test_no_features_or_an_infinite_ridge_leave_the_loss_at_one(point, spectrum):
    for change in ({"psi_p": 1e-9}, {"ridge": 1e9}):
        test, train, _, _ = curve(**(point | change), spectrum=spectrum)
        assert_allclose([test, train], 1, atol=1e-5)


@fast
@given(point, st.integers(1, 5))
def test_a_spectrum_of_ones_is_isotropic(point, dim):
    assert_allclose(curve(**point, spectrum=np.ones(dim)), curve(**point), rtol=SAME)


@fast
@given(point, spectra, st.randoms(use_true_random=False))
def test_order_and_repetition_of_the_spectrum_change_nothing(point, spectrum, random):
    shuffled = random.sample(spectrum, len(spectrum))
    expected = curve(**point, spectrum=spectrum)
    assert np.array_equal(curve(**point, spectrum=shuffled), expected)
    assert_allclose(curve(**point, spectrum=spectrum * 3), expected, rtol=SAME)


def test_scale_of_the_activation_is_the_scale_of_the_ridge():
    """ϱ → 3ϱ with λ → 9λ is the same model."""
    point = {"psi_n": 4, "psi_p": 6, "noise_draws": 3, "time": 0.1}
    scaled = curve(**point, ridge=9e-3, activation=lambda x: 3 * np.tanh(x))
    assert_allclose(scaled, curve(**point, ridge=1e-3, activation="tanh"), rtol=SAME)


def test_arrays_span_a_grid_and_shared_dimensions_run_together():
    grid = learning_curve(psi_n=[2, 4], psi_p=[1.0, 3.0, 9.0], noise_draws=[1, math.inf], time=0.1, ridge=1e-3)
    assert dict(grid.sizes) == {"psi_n": 2, "psi_p": 3, "noise_draws": 2}
    assert set(grid.data_vars) == set(LOSSES)
    assert grid.attrs["activation"] == "relu"
    one = curve(psi_n=4, psi_p=9.0, noise_draws=math.inf, time=0.1, ridge=1e-3)
    assert_allclose([grid[name].sel(psi_n=4, psi_p=9.0, noise_draws=math.inf) for name in LOSSES], one, rtol=SAME)

    along = xr.DataArray([2.0, 4.0], dims="trial")
    paired = learning_curve(psi_n=along, psi_p=2 * along, time=0.1, ridge=[1e-3, 1e-2])
    assert dict(paired.sizes) == {"trial": 2, "ridge": 2}
    single = learning_curve(psi_n=4, psi_p=8, time=0.1, ridge=1e-2)
    assert_allclose(paired.test_loss[1, 1], single.test_loss, rtol=SAME)


def test_a_time_grid_matches_times_one_by_one():
    times = np.array([0.01, 0.1, 1.0])
    grid = learning_curve(psi_n=4, psi_p=6, time=times, ridge=1e-3, activation="gelu").test_loss
    each = [learning_curve(psi_n=4, psi_p=6, time=t, ridge=1e-3, activation="gelu").test_loss for t in times]
    assert_allclose(grid, each, rtol=SAME)


def test_a_data_set_stands_for_its_covariance():
    generator = np.random.default_rng(0)
    images = generator.normal(size=(5000, 2, 3)) * np.arange(1, 7).reshape(2, 3) + 100
    flat = images.reshape(5000, 6)
    values = np.linalg.eigvalsh(np.cov(flat.T, bias=True))
    expected = values / values.mean()
    assert_allclose(data_spectrum(images), expected, rtol=1e-9)
    assert_allclose(data_spectrum(images, whitening=0.1), expected / (expected + 0.1), rtol=1e-9)
    point = {"psi_n": 4, "psi_p": 6, "time": 0.1, "ridge": 1e-3}
    assert_allclose(curve(**point, spectrum=images), curve(**point, spectrum=expected), rtol=SAME)


GOOD = {"psi_n": 4, "psi_p": 6, "noise_draws": 1, "time": 0.1, "ridge": 1e-3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"psi_n": 0}, "psi_n: must be positive and finite, got 0"),
        ({"psi_p": [1.0, -2.0]}, "psi_p: must be positive and finite, got -2"),
        ({"psi_p": math.inf}, "psi_p: must be positive and finite, got inf"),
        ({"psi_p": math.nan}, "psi_p: must be positive and finite, got nan"),
        ({"noise_draws": 0.5}, "noise_draws: must be whole numbers >= 1 or math.inf, got 0.5"),
        ({"noise_draws": [1, 2.5]}, "noise_draws: must be whole numbers >= 1 or math.inf, got 2.5"),
        ({"noise_draws": 0}, "noise_draws: must be positive"),
        ({"noise_draws": math.nan}, "noise_draws: must be positive"),
        ({"ridge": 0}, "ridge: must be positive and finite, got 0"),
        ({"time": 0}, "time: must be positive and finite, got 0"),
        ({"time": "soon"}, "time: needs real numbers"),
        ({"psi_n": np.ones((2, 2))}, "psi_n: pass a number, a one-dimensional array or a DataArray"),
        ({"psi_n": []}, "psi_n: needs real numbers"),
        ({"spectrum": [1.0, -0.5]}, "spectrum: eigenvalues must be finite and >= 0, got -0.5 at index 1"),
        ({"spectrum": [math.nan, 1.0]}, "spectrum: eigenvalues must be finite and >= 0, got nan at index 0"),
        ({"spectrum": [0.0, 0.0]}, "spectrum: every eigenvalue is zero"),
        ({"spectrum": []}, "spectrum: needs real eigenvalues"),
        ({"spectrum": np.ones((1, 4))}, "data: needs two or more items"),
        ({"spectrum": np.ones((3, 4))}, "data: its values must be finite and must vary"),
        ({"activation": "swish"}, "activation: unknown name 'swish'"),
        ({"activation": np.cos}, "first Hermite coefficient is zero"),
        ({"activation": Activation(np.abs, kinks=(0.0,), name="abs")}, "activation abs: its first Hermite"),
    ],
)
def test_bad_input_is_named_in_one_line(change, message):
    with pytest.raises(InputError) as caught:
        learning_curve(**(GOOD | change))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_whitening_ridge_must_be_positive():
    with pytest.raises(InputError, match="whitening: must be a positive number, got 0"):
        data_spectrum(np.eye(3), whitening=0)
