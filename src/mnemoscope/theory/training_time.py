"""Learning curves in training time: the losses along gradient flow from A = 0.

Time τ runs so that the mode of K with eigenvalue k relaxes as e^{−τ(k+λ)}: A(τ)/√p = −V f(K)/√h with
f(k) = (1 − e^{−τ(k+λ)})/(k + λ). Gradient descent on the loss L(A) of ``learning_curves`` with learning rate
η advances τ by 2hη/(dp) in each step.

f(K) is a contour integral of the resolvent around the spectrum. Of f only −e^{−τz}/z survives there: the
rest of the integrand is analytic outside the contour and falls like 1/z². And that part decays to the right,
so the contour may open into a parabola. What remains are inverse Laplace transforms of the ridge solution:

    train loss(τ) = 1 − 𝓛⁻¹[J/s](2τ) − λ (𝓛⁻¹[J/s²](2τ) − 2 𝓛⁻¹[J/s²](τ))
    test loss(τ)  = 1 − 2 h μ̂² 𝓛⁻¹[κτ/s](τ) + 𝓛⁻¹𝓛⁻¹[F(λ + s1, λ + s2)/(s1 s2)](τ, τ)

with J, κ and τ of ``fixed_point`` taken at λ + s, and F of ``two_resolvents``, for any covariance. 32 nodes
give ten digits and more. The derivation is in docs/theory/learning-curves-in-time.md.
"""

from typing import Unpack

import numpy as np
import xarray as xr

from mnemoscope.theory.activations import Array
from mnemoscope.theory.fixed_point import Ensemble, State
from mnemoscope.theory.grid import Settings, Values, as_positive, make_grid
from mnemoscope.theory.learning_curves import label_losses
from mnemoscope.theory.solver import solve
from mnemoscope.theory.two_resolvents import two_resolvents

_NODES = 16  # on the upper half of the parabola; the lower half is its mirror image
_CHUNK = 256  # points worked on at once: each has 2 × 16 × 16 pairs of resolvents


def training_curve(*, training_time: Values, ridge: Values = 0.0, **settings: Unpack[Settings]) -> xr.Dataset:
    """The losses of ``learning_curve`` after a training time of gradient flow from zero.

    Args:
        training_time: τ > 0, in units of 1/eigenvalue of the feature covariance.
        ridge: λ >= 0 of the loss that is descended.
        **settings: as for ``learning_curve``, see ``Settings``.

    Returns:
        A Dataset as from ``learning_curve``, which it tends to as τ → ∞ where λ > 0.

    Raises:
        TypeError: a setting that is missing, or that does not exist.
        InputError: an argument out of range, by name.
        ConvergenceError: a point that could not be solved, by its arguments.
    """
    points = make_grid(
        settings,
        ridge=as_positive("ridge", ridge, or_zero=True),
        training_time=as_positive("training_time", training_time),
    )
    test, train = losses_in_time(points.ensemble, points.extra["ridge"], points.extra["training_time"])
    return label_losses(points, test, train)


def losses_in_time(ensemble: Ensemble, ridge: Array, training_time: Array) -> tuple[Array, Array]:
    """Test and train loss at every point, shape ``(points,)`` each."""
    test, train = np.empty_like(training_time), np.empty_like(training_time)
    for start in range(0, len(training_time), _CHUNK):
        part = slice(start, start + _CHUNK)
        test[part], train[part] = _chunk_losses(ensemble.take(part), ridge[part], training_time[part])
    return test, train


def _chunk_losses(ensemble: Ensemble, ridge: Array, training_time: Array) -> tuple[Array, Array]:
    shape = (len(ridge), _NODES)
    each = ensemble.take(np.repeat(np.arange(len(ridge)), _NODES))
    s, weight = inverse_laplace(training_time)
    s2, weight2 = inverse_laplace(2 * training_time)
    now, twice = solve(each, (ridge[:, None] + s).ravel()), solve(each, (ridge[:, None] + s2).ravel())

    J, J2 = now.overlap.reshape(shape), twice.overlap.reshape(shape)
    penalty = _real_sum(weight2 * J2 / s2**2) - 2 * _real_sum(weight * J / s**2)
    train = 1 - _real_sum(weight2 * J2 / s2) - ridge * penalty

    linear = _real_sum(weight * (now.kappa * now.tau).reshape(shape) / s)
    coefficient = weight / s
    mirror = State(each, now.ridge.conj(), now.unknowns.conj())
    inner = (
        two_resolvents(now, now, len(ridge)) @ coefficient[..., None]
        + two_resolvents(now, mirror, len(ridge)) @ coefficient.conj()[..., None]
    )
    test = 1 - 2 * ensemble.noise * linear + _real_sum(inner[..., 0] * coefficient)
    return test, train


def inverse_laplace(times: Array, nodes: int = _NODES) -> tuple[Array, Array]:
    """Nodes s and weights w, shape ``(times, nodes)``: 𝓛⁻¹[g](t) = 2 Re Σ w g(s) where g(s̄) = conj g(s).

    The parabola of Weideman & Trefethen (Math. Comp. 76, 2007), whose error is 2.85^{−2·nodes}.
    """
    total = 2 * nodes
    theta = (2 * np.arange(nodes) + 1) * np.pi / total
    path = total * (0.1309 - 0.1194 * theta**2 + 0.25j * theta)
    slope = total * (-0.2388 * theta + 0.25j)
    return path / times[:, None], np.exp(path) * slope / (1j * total) / times[:, None]


def _real_sum(terms: Array) -> Array:
    result: Array = 2 * terms.sum(axis=1).real
    return result
