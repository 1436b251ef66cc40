"""Precise learning curves of denoising score matching with random features, in the limit n, p ∝ d → ∞.

The model s_A(x) = (A/√p) ϱ(W x/√d), with only A trained, minimises over n samples of N(0, Σ) with m noise
draws each, x_t = a x + √h ε, a = e^{−t}, h = 1 − a²,

    L(A) = 1/(d n m) Σ_ij ‖√h s_A(x_t^{ij}) + ε^{ij}‖² + (h λ / d p) ‖A‖².

Its losses, per dimension, follow from the fixed point of ``fixed_point``:

    test loss    (1/d) E ‖√h s + ε‖² = 1 − 2 h μ̂² κ τ − ∂J/∂q        (fresh sample, fresh noise)
    train loss   (1/dnm) Σ ‖√h s + ε‖² = 1 − J + λ ∂J/∂λ            (the penalty left out)
    score error  (1/d) E ‖s − ∇ log p_t‖² = (test loss − B)/h
    Bayes loss   B = 1 − h ⟨1/(a² S + h)⟩, what the true score would have

A loss of 1 is what s = 0 has. Sources: George, Veiga & Macris (arXiv 2502.00336), Theorem 3.2 (m = ∞) and 3.6
(m = 1), at Σ = I; any m and any Σ as derived in docs/theory/learning-curves.md.
"""

from typing import Unpack

import xarray as xr

from mnemoscope.theory.activations import Array
from mnemoscope.theory.fixed_point import Ensemble
from mnemoscope.theory.grid import Grid, Settings, Values, as_positive, make_grid
from mnemoscope.theory.solver import solve


def learning_curve(*, ridge: Values, **settings: Unpack[Settings]) -> xr.Dataset:
    """Train loss, test loss, score error and Bayes loss of the trained random-feature score.

    A number stays a number, a one-dimensional array becomes a dimension of its argument's name, and a
    DataArray keeps its dimensions; the result spans them all.

    Args:
        ridge: λ > 0, in units of the feature covariance's eigenvalues.
        **settings: ``psi_n``, ``psi_p``, ``time`` and more, see ``Settings``.

    Returns:
        A Dataset with ``test_loss``, ``train_loss``, ``score_error`` and ``bayes_loss``, all per dimension.

    Raises:
        TypeError: a setting that is missing, or that does not exist.
        InputError: an argument out of range, by name.
        ConvergenceError: a point that could not be solved, by its arguments.
    """
    points = make_grid(settings, ridge=as_positive("ridge", ridge))
    return label_losses(points, *losses(points.ensemble, points.extra["ridge"]))


def losses(ensemble: Ensemble, ridge: Array) -> tuple[Array, Array]:
    """Test and train loss at every point, shape ``(points,)`` each."""
    state = solve(ensemble, ridge)
    test = 1 - 2 * ensemble.noise * state.kappa * state.tau - state.derivative(q=1.0)
    train = 1 - state.overlap + ridge * state.derivative(ridge=1.0)
    return test, train


def label_losses(points: Grid, test: Array, train: Array) -> xr.Dataset:
    """The four losses as a Dataset."""
    meaning = {
        "test_loss": ("denoising loss per dimension on fresh samples", test),
        "train_loss": ("denoising loss per dimension on the training draws, without the penalty", train),
        "score_error": (
            "squared error of the score per dimension",
            (test - points.bayes_loss) / points.noise_power,
        ),
        "bayes_loss": ("denoising loss per dimension of the true score", points.bayes_loss),
    }
    curves = {name: points.label(values).assign_attrs(long_name=text) for name, (text, values) in meaning.items()}
    return xr.Dataset(curves, attrs={"activation": points.activation})
