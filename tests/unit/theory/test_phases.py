import math

import numpy as np
import pytest

from mnemoscope.errors import ConvergenceError, InputError
from mnemoscope.theory import learning_curve, memorization_share, phase_diagram, phases


def test_the_boundary_is_where_the_two_distances_are_equal():
    diagram = phase_diagram(
        psi_n=[4.0, 20.0], psi_p=np.geomspace(0.5, 200, 30), noise_draws=[1, math.inf], time=0.01, ridge=1e-3
    )
    assert diagram.memorization.sizes == {"psi_n": 2, "psi_p": 30, "noise_draws": 2}
    assert diagram.boundary.sizes == {"psi_n": 2, "noise_draws": 2}
    for psi_n in (4.0, 20.0):
        for m in (1, math.inf):
            boundary = float(diagram.boundary.sel(psi_n=psi_n, noise_draws=m))
            there = learning_curve(psi_n=psi_n, psi_p=boundary, noise_draws=m, time=0.01, ridge=1e-3)
            excess = there.test_loss - there.bayes_loss
            assert float(excess) == pytest.approx(float(there.train_loss), rel=1e-8)
            column = diagram.memorization.sel(psi_n=psi_n, noise_draws=m)
            assert np.all(column[diagram.psi_p < boundary] < 0.5)


@pytest.mark.parametrize("ridge", [1e-3, 1e-6])
def test_at_early_times_and_many_draws_the_crossover_is_at_as_many_features_as_samples(ridge):
    """George, Veiga & Macris place it at ψ_p = ψ_n; equal distances lie within 8 % of that."""
    boundary = phase_diagram(
        psi_n=[4.0, 20.0, 60.0], psi_p=np.geomspace(0.5, 200, 30), time=[0.01, 0.003], ridge=ridge
    ).boundary
    assert np.all(abs(boundary / boundary.psi_n - 1) < 0.08)


def test_a_bracketed_boundary_that_is_not_found_is_an_error(monkeypatch):
    monkeypatch.setattr(phases, "losses", lambda _, ridge: (np.nan * ridge, np.nan * ridge))
    with pytest.raises(ConvergenceError, match="no boundary found at psi_n=20"):
        phase_diagram(psi_n=20.0, psi_p=[5.0, 50.0], time=0.01, ridge=1e-3)


def test_no_boundary_where_nothing_is_memorized():
    diagram = phase_diagram(psi_n=20.0, psi_p=[0.5, 1.0, 2.0], time=0.1, ridge=1e-3)
    assert np.isnan(diagram.boundary)
    assert np.all(diagram.memorization < 0.5)


@pytest.mark.parametrize("time", [0.01, 0.5, 3.0])
def test_the_share_is_below_a_half_without_a_score(time):
    curve = learning_curve(psi_n=4, psi_p=1e-9, time=time, ridge=1e-3)
    assert memorization_share(curve.test_loss, curve.train_loss, curve.bayes_loss) < 0.5


@pytest.mark.parametrize("psi_p", [1.0, [1.0], [2.0, 1.0]])
def test_psi_p_must_be_a_grid(psi_p):
    with pytest.raises(InputError, match="psi_p: needs an ascending one-dimensional array"):
        phase_diagram(psi_n=4, psi_p=psi_p, time=0.1, ridge=1e-3)
