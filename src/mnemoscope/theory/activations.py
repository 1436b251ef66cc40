"""What the theory needs to know of an activation: three numbers at a variance Γ² of the pre-activations.

Let f(z) = ϱ(Γz) − E ϱ(Γz) on a standard normal z, with Hermite coefficients f_k (f_1 = μ1 = E[z f(z)]), and
let u, u' be standard normals of correlation γ. With c(γ) = E[f(u) f(u')] = Σ_{k≥1} f_k² γ^k,

    linear  μ̂² = μ1²/Γ²                                           the part of ϱ that acts as a linear map
    shared  v0² = c(γ) − γ μ1²              = Σ_{k≥2} f_k² γ^k        the rest, common to a sample's draws
    private s²  = ‖f‖² − c(γ) − (1−γ) μ1²   = Σ_{k≥2} f_k² (1 − γ^k)  the rest, new in each draw

(George, Veiga & Macris, arXiv 2502.00336, at Γ = 1). s² is a small difference of large numbers at early
times: for an activation with a kink plain Gauss-Hermite quadrature gets it wrong by 15 % at t = 0.01. Hence
closed forms for ReLU, erf and sine; the series above, all of whose terms are positive, for smooth functions;
integration between the kinks for the rest; and refusal where refinement changes the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from mnemoscope.choose import choose
from mnemoscope.errors import InputError

if TYPE_CHECKING:
    Array: TypeAlias = NDArray[Any]
else:
    # What the run-time checks of the tests see: NumPy turns arrays without dimensions into scalars.
    Array: TypeAlias = NDArray[Any] | np.number
Function: TypeAlias = Callable[[Array], Array]

_TOLERANCE = 1e-6  # relative change of a constant under refinement that is still accepted
_HALF_WIDTH = 12.0  # integrals over a standard normal stop here, where its density is 1e-32


@dataclass(frozen=True)
class Activation:
    """Any scalar function as an activation.

    Attributes:
        function: maps an array to an array of the same shape, elementwise.
        kinks: where the function or its derivative jumps; empty for a smooth function.
        name: what results and errors call it.
    """

    function: Function
    kinks: tuple[float, ...] = ()
    name: str = "callable"


@dataclass(frozen=True)
class Constants:
    """μ̂², v0² and s² of the module's docstring, arrays of one shape."""

    linear: Array
    shared: Array
    private: Array


ActivationLike: TypeAlias = str | Function | Activation
"""A name from ``activation_names()``, a smooth callable on arrays, or an ``Activation``."""


def activation_constants(activation: ActivationLike, variance: Array, novelty: Array) -> Constants:
    """The three constants of an activation.

    Args:
        activation: one of ``activation_names()``, an ``Activation``, or a smooth callable on arrays.
        variance: Γ², the variance of a pre-activation; any shape.
        novelty: 1 − γ, the share of it that is fresh noise, in (0, 1]; same shape.

    Raises:
        InputError: an unknown name, a first Hermite coefficient of zero, or a function that the quadrature
            cannot integrate to a relative accuracy of 1e-6.
    """
    if not (isinstance(activation, str | Activation) or callable(activation)):
        raise InputError(f"activation: must be a name or a callable, got {type(activation).__name__}")
    if isinstance(activation, str):
        chosen = choose(activation, _NAMED, "activation")
    else:
        chosen = activation if isinstance(activation, Activation) else Activation(activation)
    if not isinstance(chosen, Activation):
        return chosen(variance, novelty)
    points, inverse = np.unique(np.stack([variance, novelty]).reshape(2, -1), axis=1, return_inverse=True)
    rows = np.array([_integrate(chosen, *point) for point in points.T])
    return Constants(*rows[inverse].T.reshape(3, *variance.shape))


def activation_names() -> list[str]:
    """The activations known by name."""
    return list(_NAMED)


def activation_label(activation: ActivationLike) -> str:
    """What a result calls an activation."""
    return activation if isinstance(activation, str) else getattr(activation, "name", "callable")


def _relu(variance: Array, novelty: Array) -> Constants:
    """The arc-cosine kernel (Cho & Saul 2009), centred, with the linear part taken out."""
    gamma, sine = 1 - novelty, np.sqrt(novelty * (2 - novelty))
    angle = np.arctan2(sine, gamma)
    bend = (sine - gamma * angle) / (2 * np.pi)
    shared = variance * (bend + gamma / 4 - 1 / (2 * np.pi))
    return Constants(np.full_like(variance, 1 / 4), shared, variance * (novelty / 4 - bend))


def _erf(variance: Array, novelty: Array) -> Constants:
    """The arc-sine kernel (Williams 1997)."""
    full = 2 * variance / (1 + 2 * variance)
    c, norm = (2 / np.pi * np.arcsin(full * gamma) for gamma in (1 - novelty, np.ones_like(novelty)))
    return _from_kernel(4 / np.pi / (1 + 2 * variance), c, norm, variance, novelty)


def _sine(variance: Array, novelty: Array) -> Constants:
    """E[sin u sin u'] = e^{−Γ²} sinh(γΓ²)."""
    linear = np.exp(-variance)
    c, norm = linear * np.sinh((1 - novelty) * variance), linear * np.sinh(variance)
    return _from_kernel(linear, c, norm, variance, novelty)


def _from_kernel(linear: Array, c: Array, norm: Array, variance: Array, novelty: Array) -> Constants:
    """From μ̂², c(γ) and ‖f‖² as they stand in the module's docstring."""
    square = variance * linear
    return Constants(linear, c - (1 - novelty) * square, norm - c - novelty * square)


_NAMED: dict[str, Activation | Callable[[Array, Array], Constants]] = {
    "relu": _relu,
    "erf": _erf,
    "sine": _sine,
    "tanh": Activation(np.tanh, name="tanh"),
    "gelu": Activation(lambda x: x * ndtr(x), name="gelu"),
}


def _integrate(activation: Activation, variance: float, novelty: float) -> tuple[float, float, float]:
    """The constants by quadrature at two resolutions that must agree."""
    rule = _piecewise if activation.kinks else _series
    coarse, fine = (np.array(rule(activation, variance, novelty, nodes)) for nodes in (16, 32))
    if variance * fine[0] <= 1e-12 * (variance * fine[0] + fine[1] + fine[2]):
        raise InputError(f"activation {activation.name}: its first Hermite coefficient is zero, so no linear part")
    # s² counts relative to itself, for it may be small and matter, unless it is rounding.
    total = fine.sum()
    change = np.abs(fine - coarse) / np.maximum([total, total, fine[2]], 1e-12 * total)
    if change.max() > _TOLERANCE:
        raise InputError(
            f"activation {activation.name}: quadrature is accurate to {change.max():.0e} only;"
            " if it has kinks, pass Activation(function, kinks=(...))"
        )
    return float(fine[0]), float(fine[1]), float(max(fine[2], 0.0))


def _series(activation: Activation, variance: float, novelty: float, nodes: int) -> tuple[float, float, float]:
    """The Hermite series, cut where the nodes still resolve its terms: exact for analytic functions."""
    z, weight = _legendre(np.linspace(-_HALF_WIDTH, _HALF_WIDTH, 17), nodes)
    values = _values(activation, np.sqrt(variance) * z) * weight * _normal_density(z)
    previous, current = np.zeros_like(z), np.ones_like(z)
    squares = []
    for k in range(5 * nodes):  # he_{k+1} = (z he_k − √k he_{k−1}) / √(k+1), orthonormal
        previous, current = current, (z * current - np.sqrt(k) * previous) / np.sqrt(k + 1)
        squares.append(np.sum(values * current) ** 2)
    order = np.arange(2, len(squares) + 1)
    rest = np.array(squares[1:])
    shared = rest @ (1 - novelty) ** order
    private = rest @ -np.expm1(order * np.log1p(-novelty)) if novelty < 1 else rest.sum()
    return squares[0] / variance, float(shared), float(private)


def _piecewise(activation: Activation, variance: float, novelty: float, nodes: int) -> tuple[float, float, float]:
    """Between the kinks, over independent x and y with u = cx + sy and u' = cx − sy.

    ‖f‖² − c(γ) = ½ E[(f(u) − f(u'))²] does not cancel. Its integral over y, as a function of x, varies on the
    scale s/c near a kink, where the pieces are cut finer.
    """
    kinks, width = np.array(activation.kinks, float) / np.sqrt(variance), _HALF_WIDTH
    grid = np.linspace(-width, width, 17)
    z, weight = _legendre(np.sort(np.concatenate([grid, kinks.clip(-width, width)])), nodes)
    weight = weight * _normal_density(z)
    f = _values(activation, np.sqrt(variance) * z)
    f = f - f @ weight
    mu1, norm = (f * z) @ weight, f**2 @ weight

    common, fresh = np.sqrt(1 - novelty / 2), np.sqrt(novelty / 2)
    near = fresh / common * np.array([-12, -6, -3, -1, 0, 1, 3, 6, 12])
    breaks = (kinks[:, None] / common + near).clip(-width, width)
    x, weight_x = _legendre(np.sort(np.concatenate([grid, breaks.ravel()])), nodes)
    crossing = (kinks[:, None] - common * x) / fresh
    edges = np.concatenate([crossing, -crossing, np.multiply.outer(grid, np.ones_like(x))])
    y, weight_y = _legendre(np.sort(edges.clip(-width, width), axis=0).T, nodes)
    u, v = common * x[:, None] + fresh * y, common * x[:, None] - fresh * y
    jump = _values(activation, np.sqrt(variance) * u) - _values(activation, np.sqrt(variance) * v)
    inner = np.sum(jump**2 * weight_y * _normal_density(y), axis=1)
    private = inner @ (weight_x * _normal_density(x)) / 2 - novelty * mu1**2
    return float(mu1**2 / variance), float(norm - mu1**2 - private), float(private)


def _values(activation: Activation, x: Array) -> Array:
    values = np.asarray(activation.function(x))
    if values.shape != x.shape or not np.all(np.isfinite(values)):
        raise InputError(f"activation {activation.name}: must give one finite number for each pre-activation")
    return values


def _legendre(breaks: Array, nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on each piece between sorted ``breaks``, along the last axis."""
    x, weight = np.polynomial.legendre.leggauss(nodes)
    low, half = breaks[..., :-1, None], np.diff(breaks)[..., None] / 2
    shape = (*breaks.shape[:-1], -1)
    return (low + half * (x + 1)).reshape(shape), (half * weight).reshape(shape)


def _normal_density(z: Array) -> Array:
    density: Array = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return density
