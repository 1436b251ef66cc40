import importlib
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad

from mnemoscope.errors import ConvergenceError, InputError
from mnemoscope.theory import feature_spectrum, spectral_density

SETTINGS = [  # psi_n, psi_p, noise_draws, time
    (2, 6, 1, 0.1),
    (4, 2, 5, 0.1),
    (8, 40, math.inf, 0.01),
    (4, 0.5, 1, 0.1),
    (0.5, 4, 3, 0.1),
]


def named(setting, **more):
    point = dict(zip(("psi_n", "psi_p", "noise_draws", "time"), setting, strict=True))
    return point | {"activation": "tanh"} | more


def along(low, high, setting, spectrum, nodes=150):
    """x, density and weights for ∫ dx over a bulk: midpoints in θ of x = centre − half·cos θ."""
    theta = (np.arange(nodes) + 0.5) * np.pi / nodes
    x = (high + low) / 2 - (high - low) / 2 * np.cos(theta)
    density = spectral_density(eigenvalue=x, **named(setting, spectrum=spectrum)).values
    return x, density, (high - low) / 2 * np.sin(theta) * np.pi / nodes


@pytest.mark.parametrize(("setting", "spectrum"), [*((each, None) for each in SETTINGS), (SETTINGS[0], [0.3, 1.7])])
def test_all_eigenvalues_are_accounted_for(setting, spectrum):
    """Mass one with the atom, and the mean eigenvalue ‖f‖², which nothing here is computed from."""
    found = feature_spectrum(**named(setting, spectrum=spectrum))
    assert found.masses.sum() + found.atom_mass == pytest.approx(1, abs=1e-5)
    mean = found.atom * found.atom_mass
    for (low, high), mass in zip(found.bulks, found.masses, strict=True):
        x, density, weight = along(low, high, setting, spectrum)
        assert density @ weight == pytest.approx(mass, abs=1e-4)
        mean += (x * density) @ weight
        outside = spectral_density(eigenvalue=[low * 0.999, high * 1.001], **named(setting, spectrum=spectrum))
        assert np.all(outside < 1e-6)
    assert mean == pytest.approx(
        quad(lambda z: np.tanh(z) ** 2 * np.exp(-(z**2) / 2), 0, 9)[0] * 0.7978845608, rel=1e-4
    )


def test_a_linear_activation_without_noise_is_marchenko_pastur():
    """At a late time and m = ∞ a linear ϱ has K = W Wᵀ/d with W of shape (p, d): edges (1 ± √ψ_p)²."""
    found = feature_spectrum(psi_n=3, psi_p=0.25, time=20, activation=np.positive)
    assert_allclose(found.bulks, [[0.25, 2.25]], rtol=1e-6)
    x = np.linspace(0.3, 2.2, 9)
    exact = np.sqrt((2.25 - x) * (x - 0.25)) / (2 * np.pi * 0.25 * x)
    density = spectral_density(eigenvalue=x, psi_n=3, psi_p=0.25, time=20, activation=np.positive)
    assert density.dims == ("eigenvalue",)
    assert_allclose(density, exact, rtol=1e-6)


def test_the_bulks_set_the_training_times():
    """ψ_p = 40: d, n − d and d modes in three bulks, the rest in the atom at s² (Bonnaire et al. 2025)."""
    found = feature_spectrum(**named((8, 40, math.inf, 0.01)))
    assert_allclose(found.masses, [1 / 40, 7 / 40, 1 / 40], atol=1e-5)
    assert found.atom_mass == pytest.approx(31 / 40)
    assert found.generalization_time == pytest.approx(1 / found.bulks[2, 0])
    assert found.memorization_time == pytest.approx(1 / found.bulks[1, 1])
    later = feature_spectrum(**named((16, 40, math.inf, 0.01)))
    # Generalization does not wait for n, memorization does (in proportion, at large n).
    assert later.generalization_time == pytest.approx(found.generalization_time, rel=0.35)
    assert later.memorization_time > 1.3 * found.memorization_time


def test_where_the_bulks_touch_there_are_no_two_times():
    found = feature_spectrum(**named((0.5, 4, 3, 0.1)))
    assert found.generalization_time is None
    assert found.memorization_time is None


def test_a_missed_bulk_is_an_error(monkeypatch):
    monkeypatch.setattr(importlib.import_module("mnemoscope.theory.feature_spectrum"), "_upper_bound", lambda _: 1.0)
    with pytest.raises(ConvergenceError, match=r"at psi_n=8, psi_p=40, noise_draws=inf hold a share of 0\.2000"):
        feature_spectrum(**named((8, 40, math.inf, 0.01)))


def test_bad_input():
    with pytest.raises(InputError, match="eigenvalue: must be positive and finite, got -1"):
        spectral_density(eigenvalue=-1, **named(SETTINGS[0]))
