"""Generalization and memorization over (ψ_n, ψ_p, m), and the line between them.

On one scale, per dimension, h·E_score is the trained score's squared distance from the true score, and
the train loss its squared distance from reproducing its training draws exactly (for m = ∞ and well
separated samples: from the empirical score, whose train loss is zero). The share

    memorization = h E_score / (h E_score + train loss)   ∈ [0, 1]

is 1/2 where both distances are equal: below, the score is nearer to the truth; above, nearer to its
training data. It is below 1/2 at s = 0 (and so for ψ_p → 0), and the boundary is the smallest ψ_p at
which it reaches 1/2. At early times and m = ∞ that is close to ψ_p = ψ_n, the crossover of George,
Veiga & Macris (arXiv 2502.00336); for few noise draws it comes sooner, because the draws themselves are
fitted.
"""

from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import xarray as xr
from scipy.optimize import elementwise

from mnemoscope.errors import ConvergenceError, InputError
from mnemoscope.theory.activations import Array
from mnemoscope.theory.grid import Grid, Settings, Values, as_positive, check_names, make_grid
from mnemoscope.theory.learning_curves import learning_curve, losses


def phase_diagram(*, ridge: Values, **settings: Unpack[Settings]) -> xr.Dataset:
    """The learning curves over a grid, the share of memorization, and the boundary at which it passes 1/2.

    Args:
        ridge: λ > 0.
        **settings: as for ``learning_curve``, see ``Settings``, but ``psi_p`` is an ascending one-dimensional array:
            the boundary is looked for between its ends.

    Returns:
        The Dataset of ``learning_curve`` with ``memorization``, over the same dimensions, and
        ``boundary``, a ψ_p over all dimensions but ``psi_p``: the first crossing of 1/2, found to a
        relative accuracy of 1e-9 by root-finding from the bracket that the grid gives; NaN where the
        grid has none.

    Raises:
        TypeError: a setting that is missing, or that does not exist.
        InputError: an argument out of range, by name.
        ConvergenceError: a point that could not be solved, by its arguments.
    """
    check_names(settings, Settings)
    features = np.asarray(settings["psi_p"])
    if features.ndim != 1 or len(features) < 2 or not np.all(np.diff(features) > 0):
        raise InputError("psi_p: needs an ascending one-dimensional array of two values or more")
    along_features: Settings = {**settings, "psi_p": features}
    curves = learning_curve(ridge=ridge, **along_features)
    share = memorization_share(curves.test_loss, curves.train_loss, curves.bayes_loss)
    points = make_grid({**settings, "psi_p": 1.0}, ridge=as_positive("ridge", ridge))
    rows = share.transpose("psi_p", ...).values.reshape(len(features), -1)
    boundary = points.label(_first_crossing(points, features.astype(np.float64), rows))
    return curves.assign(
        memorization=share.assign_attrs(long_name="share of memorization, 1/2 at the boundary"),
        boundary=boundary.assign_attrs(long_name="features per dimension at which memorization passes 1/2"),
    )


def memorization_share(test: Any, train: Any, bayes: Any) -> Any:
    """The share h E_score / (h E_score + train loss) from the losses of ``learning_curve``, of one shape."""
    excess = test - bayes
    return excess / (excess + train)


def _first_crossing(points: Grid, features: Array, share: Array) -> Array:
    """The smallest ψ_p at which each column of ``share``, shape ``(features, points)``, passes 1/2."""
    crosses = (share[:-1] < 0.5) & (share[1:] >= 0.5)
    boundary = np.full(crosses.shape[1], np.nan)
    found = np.flatnonzero(crosses.any(axis=0))
    if not found.size:
        return boundary
    left = crosses[:, found].argmax(axis=0)

    def excess(log_psi_p: Array, index: Array) -> Array:
        ensemble = replace(points.ensemble.take(index), psi_p=np.exp(log_psi_p))
        test, train = losses(ensemble, points.extra["ridge"][index])
        result: Array = memorization_share(test, train, points.bayes_loss[index]) - 0.5
        return result

    bracket = np.log(features[left]), np.log(features[left + 1])
    root = elementwise.find_root(excess, bracket, args=(found,), tolerances={"xrtol": 1e-10, "xatol": 1e-10})
    if not np.all(root.success):
        where = found[~root.success][0]
        raise ConvergenceError(f"no boundary found at psi_n={points.ensemble.psi_n[where]:g}, though bracketed")
    boundary[found] = np.exp(root.x)
    return boundary
