"""Solving the fixed point: Newton along a path in λ that starts where the answer is known.

At large |λ| the solution is χ1 = χ2 = 0, ρ = 1/λ. The path λ + s·e runs from a large s down to 0, with e = 1
for real λ > 0 and e = ±i, pointing away from the real axis, for complex λ: either way it never meets the
spectrum, where the physical solution could change places with another. A few steps for each decade of s are
enough; points that do not converge are tried again with finer ones, and what still fails is an error. For
real λ, where all unknowns are positive, and for complex λ, where ρ is a Stieltjes transform (Im ρ and Im λ
have opposite signs), the signs are checked as well.
"""

import numpy as np

from mnemoscope.errors import ConvergenceError
from mnemoscope.theory.activations import Array
from mnemoscope.theory.fixed_point import Ensemble, State

TOLERANCE = 1e-11  # relative residual of the three equations at which a point counts as solved

_CHUNK = 2**15  # eigenvalues times points that are solved at once: small enough for the cache
_STEPS_PER_DECADE = (2, 8, 32)  # tried in turn on what has not converged
_POLISHING_STEPS = 20


def solve(ensemble: Ensemble, ridge: Array) -> State:
    """The physical solution at every point.

    Args:
        ensemble: the points.
        ridge: λ, shape ``(points,)``: real and positive, or complex and off the real axis.

    Raises:
        ConvergenceError: a point whose residual stays above 1e-11, or whose solution has the wrong signs.
    """
    unknowns = np.empty((3, len(ridge)), dtype=ridge.dtype)
    chunk = max(1, _CHUNK // len(ensemble.spectrum.values))
    for start in range(0, len(ridge), chunk):
        part = slice(start, start + chunk)
        unknowns[:, part] = _solve_chunk(ensemble.take(part), ridge[part])
    return State(ensemble, ridge, unknowns)


def _solve_chunk(ensemble: Ensemble, ridge: Array) -> Array:
    unknowns = np.full((3, len(ridge)), np.nan, dtype=ridge.dtype)
    left = np.arange(len(ridge))
    for steps in _STEPS_PER_DECADE:
        with np.errstate(all="ignore"):  # a diverging point becomes NaN, and NaN is not solved
            unknowns[:, left] = _follow(ensemble.take(left), ridge[left], steps)
            solved = _is_solution(State(ensemble.take(left), ridge[left], unknowns[:, left]))
        left = left[~solved]
        if not left.size:
            return unknowns
    p, i = ensemble, left[0]
    raise ConvergenceError(
        f"the fixed point did not converge at psi_n={p.psi_n[i]:.6g}, psi_p={p.psi_p[i]:.6g},"
        f" noise_draws={1 / p.fewness[i] if p.fewness[i] else np.inf:.6g}, ridge={ridge[i]:.6g}"
        f" (and at {left.size - 1} other points)"
    )


def _follow(ensemble: Ensemble, ridge: Array, steps_per_decade: int) -> Array:
    """One Newton step at each s of the path, then Newton at s = 0 until the residual no longer shrinks."""
    direction = 1j * np.sign(ridge.imag) if np.iscomplexobj(ridge) else np.ones_like(ridge)
    top = 10 * (ensemble.norm * np.maximum(1, (1 + ensemble.psi_p) / ensemble.psi_n) + abs(ridge))
    bottom = 0.1 * abs(ridge.imag if np.iscomplexobj(ridge) else ridge)
    n_steps = int(np.ceil(steps_per_decade * np.log10(np.max(top / bottom)))) + 1
    zero = np.zeros_like(ridge)
    unknowns = np.stack([zero, zero, 1 / (ridge + top * direction)])
    for fraction in np.linspace(0, 1, n_steps):
        state = State(ensemble, ridge + top * (bottom / top) ** fraction * direction, unknowns)
        unknowns = unknowns + state.newton_step()
    for _ in range(_POLISHING_STEPS):
        state = State(ensemble, ridge, unknowns)
        if np.nanmax(state.residual, initial=0) < TOLERANCE / 10:
            break
        unknowns = unknowns + state.newton_step()
    return unknowns


def _is_solution(state: State) -> Array:
    small = state.residual < TOLERANCE
    if np.iscomplexobj(state.ridge):
        physical = state.rho.imag * np.sign(state.ridge.imag) < 0
    else:
        physical = state.unknowns.min(axis=0) >= 0
    solved: Array = np.logical_and(small, physical)
    return solved
