import math

import numpy as np
import pytest

from mnemoscope.errors import ConvergenceError
from mnemoscope.theory import solver
from mnemoscope.theory.grid import make_grid
from tests.references import learning_curves as reference

POINTS = [  # psi_n, psi_p, noise_draws, time, spectrum
    (4, 2, 1, 0.1, (1.0,)),
    (4, 8, 4, 0.05, (1.0,)),
    (2, 6, math.inf, 0.02, (1.0,)),
    (0.5, 3, 10, 0.5, (0.2, 1.8)),
    (20, 20, 1, 0.01, (0.0, 0.5, 2.5)),
    (3, 0.3, math.inf, 1.0, (0.4, 1.6)),
]


def both(psi_n, psi_p, noise_draws, time, spectrum):
    """The fast ensemble and the slow point of one setting."""
    ensemble = make_grid(
        {
            "psi_n": psi_n,
            "psi_p": psi_p,
            "noise_draws": noise_draws,
            "time": time,
            "activation": "tanh",
            "spectrum": list(spectrum),
        }
    ).ensemble
    point = reference.Point.of(psi_n, psi_p, noise_draws, time, np.tanh, spectrum)
    return ensemble, point


@pytest.mark.parametrize("setting", POINTS)
@pytest.mark.parametrize("ridge", [1e-3, -0.3 - 0.01j, 0.02 + 0.5j])
def test_solver_agrees_with_one_root_solve_per_point(setting, ridge):
    ensemble, point = both(*setting)
    state = solver.solve(ensemble, np.array([ridge]))
    assert abs(state.residual).max() < 1e-11
    # The slow twin stops at a residual of 1e-12 or so, and small ridges amplify that.
    np.testing.assert_allclose(state.unknowns[:, 0], reference.solve(point, ridge), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("setting", POINTS[:4])
def test_implicit_derivatives_agree_with_finite_differences(setting):
    ensemble, point = both(*setting)
    ridge = 0.01
    state = solver.solve(ensemble, np.array([ridge]))
    test, train = reference.losses(point, ridge)
    fast_test = 1 - 2 * ensemble.noise * state.kappa * state.tau - state.derivative(q=1.0)
    fast_train = 1 - state.overlap + ridge * state.derivative(ridge=1.0)
    # Central differences with relative steps of 1e-3 and 1e-4 are good to about 1e-6.
    assert fast_test[0] == pytest.approx(test, rel=1e-5)
    assert fast_train[0] == pytest.approx(train, rel=1e-5)


def test_derivative_in_ridge_agrees_with_the_complex_step():
    ensemble, _ = both(*POINTS[3])
    step = 1e-8
    beside = solver.solve(ensemble, np.array([0.01 + 1j * step])).overlap.imag / step
    state = solver.solve(ensemble, np.array([0.01]))
    assert state.derivative(ridge=1.0)[0] == pytest.approx(beside[0], rel=1e-6)


def test_chunks_do_not_change_the_result(monkeypatch):
    grid = make_grid(
        {
            "psi_n": np.geomspace(0.1, 50, 23),
            "psi_p": np.geomspace(0.1, 50, 11),
            "noise_draws": [1, 3, math.inf],
            "time": 0.1,
            "spectrum": [0.5, 1.5],
        }
    ).ensemble
    ridge = np.full(23 * 11 * 3, 1e-3)
    whole = solver.solve(grid, ridge).unknowns
    monkeypatch.setattr(solver, "_CHUNK", 64)
    np.testing.assert_allclose(solver.solve(grid, ridge).unknowns, whole, rtol=1e-9)


def test_hard_points_all_converge():
    """Ridges of 1e-10, thresholds p = n m met exactly, and ψ over six decades."""
    psi = np.geomspace(1e-3, 1e3, 13)
    grid = make_grid({"psi_n": psi, "psi_p": psi, "noise_draws": [1, 10, math.inf], "time": [1e-4, 0.1, 3]}).ensemble
    state = solver.solve(grid, np.full(len(grid.psi_n), 1e-10))
    assert abs(state.residual).max() < 1e-10
    assert state.unknowns.min() >= 0


def test_a_point_that_does_not_converge_is_an_error_that_says_where(monkeypatch):
    monkeypatch.setattr(solver, "TOLERANCE", 0.0)
    ensemble, _ = both(*POINTS[1])
    where = r"psi_n=4, psi_p=8, noise_draws=4, ridge=0.001 \(and at 0 other points\)"
    with pytest.raises(ConvergenceError, match=where):
        solver.solve(ensemble, np.array([1e-3]))


def test_a_solution_on_the_wrong_sheet_is_refused():
    """Inside a bulk, next to the real axis, the mirror image solves the equations too: the signs tell."""
    ensemble, _ = both(*POINTS[0])
    state = solver.solve(ensemble, np.array([-0.3 + 1e-14j]))
    mirrored = solver.State(ensemble, state.ridge, state.unknowns.conj())
    assert mirrored.residual < solver.TOLERANCE
    assert solver._is_solution(state).all()
    assert not solver._is_solution(mirrored).any()
