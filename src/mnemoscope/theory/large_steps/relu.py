"""One-dimensional two-layer ReLU networks in the mean-field scaling, and their exact risk.

    s(y) = (1/width) Σ_l c_l ReLU(w_l y + b_l)

is linear between its kinks −b_l/w_l. On a piece where s = a y + c the risk of data point i is an integral of
(α z + β)² φ(z) in z = (y − μx_i)/σ, α = aσ + 1/σ, β = aμx_i + c, that is, of normal moments between two ends. The sum
over pieces and points is exact, costs width × n, and is differentiable: torch.func gives the exact full-batch gradient,
and the exact Hessian, in which a Hessian by draws would miss the terms from moving kinks.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.theory.large_steps.noised import NoisedPoints


class Neurons(NamedTuple):
    """The weights w (``inner``), b and c (``outer``) of one network or of a batch of them.

    Each is of shape ``(*batch, width)``.
    """

    inner: Tensor
    bias: Tensor
    outer: Tensor

    def __call__(self, y: Float[Tensor, "*points"]) -> Tensor:
        """The network at y, shape ``(*batch, *points)``; in blocks, so that little is held at once."""
        flat = y.flatten()
        values = [_evaluate(self, block) for block in torch.split(flat, 1024)]
        return torch.cat(values, dim=-1).reshape(*self.inner.shape[:-1], *y.shape)

    @property
    def kinks(self) -> Tensor:
        """Where each unit switches, −b/w, shape ``(*batch, width)``."""
        return -self.bias / self.inner

    def double(self) -> "Neurons":
        """The same network in double precision."""
        return Neurons(*(weights.double() for weights in self))


def _evaluate(neurons: Neurons, y: Tensor) -> Tensor:
    active = torch.relu(neurons.inner[..., None] * y + neurons.bias[..., None])
    return (neurons.outer[..., None, :] @ active)[..., 0, :] / neurons.inner.shape[-1]


class _Pieces(NamedTuple):
    """Between two kinks each: the residual s(y) + (y − μx_i)/σ² = α z + β, and ∫ φ, ∫ z φ, ∫ z² φ.

    Shape ``(*batch, width + 1, n_samples)``; α has one column for all points. ``order`` sorts the kinks.
    """

    order: Tensor
    alpha: Tensor
    beta: Tensor
    mass: Tensor
    first: Tensor
    second: Tensor


def relu_risk(points: NoisedPoints, neurons: Neurons) -> Float[Tensor, "*batch"]:
    """R_n of every network, exact and differentiable.

    Args:
        points: the data and the noise level.
        neurons: weights of shape ``(*batch, width)`` in double precision, no inner weight zero.
    """
    return _risk(_pieces(points, neurons))


def relu_risk_gradient(points: NoisedPoints, neurons: Neurons) -> tuple[Float[Tensor, "*batch"], Neurons]:
    """R_n of every network and its gradient, at a third of the cost of differentiating ``relu_risk``.

    A unit's gradient needs the residual's integrals ∫ r p and ∫ y r p over the side on which it is active.
    """
    pieces = _pieces(points, neurons)
    _, alpha, beta, mass, first, second = pieces
    level = alpha * first + beta * mass
    moment = points.mu * points.x * level + points.sigma * (alpha * second + beta * first)
    # Sums over all pieces left of each kink, in the order of the units again.
    place = pieces.order.argsort(-1)
    rising = neurons.inner > 0
    sides = []
    for integral in (level.mean(-1), moment.mean(-1)):
        before = integral.cumsum(-1)
        left = before[..., :-1].gather(-1, place)
        sides.append(2 / neurons.inner.shape[-1] * torch.where(rising, before[..., -1:] - left, left))
    count, moment = sides
    inner, bias, outer = neurons
    return _risk(pieces), Neurons(outer * moment, outer * count, inner * moment + bias * count)


def _risk(pieces: _Pieces) -> Tensor:
    _, alpha, beta, mass, first, second = pieces
    return (alpha**2 * second + 2 * alpha * beta * first + beta**2 * mass).sum(-2).mean(-1)


def _pieces(points: NoisedPoints, neurons: Neurons) -> _Pieces:
    inner, bias, outer = neurons
    width = inner.shape[-1]
    kinks, order = neurons.kinks.sort(dim=-1)
    # From the left the falling units are active; each kink passed adds |w| c to the slope.
    falling = torch.where(inner < 0, outer, 0.0)
    slopes = torch.cat([(falling * inner).sum(-1, keepdim=True), (outer * inner.abs()).gather(-1, order)], -1)
    levels = torch.cat([(falling * bias).sum(-1, keepdim=True), (outer * bias * inner.sign()).gather(-1, order)], -1)
    slope, level = slopes.cumsum(-1)[..., None] / width, levels.cumsum(-1)[..., None] / width

    centres, sigma = points.mu * points.x, points.sigma
    z = (kinks[..., None] - centres) / sigma
    normal = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    zero, one = torch.zeros_like(z[..., :1, :]), torch.ones_like(z[..., :1, :])
    mass = torch.cat([zero, torch.special.ndtr(z), one], -2).diff(dim=-2)
    first = -torch.cat([zero, normal, zero], -2).diff(dim=-2)
    second = mass - torch.cat([zero, z * normal, zero], -2).diff(dim=-2)
    return _Pieces(order, slope * sigma + 1 / sigma, slope * centres + level, mass, first, second)


def check_neurons(neurons: Neurons) -> None:
    """Refuse weights for which kinks or bounds mean nothing.

    Raises:
        InputError: weights of different shapes, not finite, or an inner weight of zero.
    """
    if len({weights.shape for weights in neurons}) > 1:
        raise InputError(f"neurons: weights differ in shape: {[tuple(weights.shape) for weights in neurons]}")
    for name, weights in neurons._asdict().items():
        if not bool(weights.isfinite().all()):
            raise InputError(f"neurons: {name} is not finite")
    if bool((neurons.inner == 0).any()):
        raise InputError("neurons: an inner weight is zero, such a unit has no kink")


def interpolate(points: NoisedPoints, knots: Float[Tensor, " knots"], values: Float[Tensor, " knots"]) -> Neurons:
    """A network with inner weights ±1 that takes ``values`` at ``knots`` and is linear between and beyond them.

    Where the theory asks for networks of low risk, the interpolant of s* is one.

    Raises:
        InputError: fewer than 2 knots, or knots that are not increasing.
    """
    if len(knots) < 2 or not bool((knots.diff() > 0).all()):
        raise InputError("knots: needs at least 2, increasing")
    slopes = values.diff() / knots.diff()
    # Beyond all that matters one rising and one falling unit make the first line: u(y) = p (y − L) + q (R − y).
    left, right = (float(end) for end in (knots.min() - 60 * points.sigma, knots.max() + 60 * points.sigma))
    at_left, at_right = (float(values[0] + slopes[0] * (end - knots[0])) for end in (left, right))
    ends = torch.tensor([at_right, at_left], dtype=torch.float64, device="cpu") / (right - left)
    kinks = torch.cat([torch.tensor([left, right], dtype=torch.float64, device="cpu"), knots[1:-1]])
    inner = torch.ones_like(kinks)
    inner[1] = -1
    outer = torch.cat([ends, slopes.diff()]) * len(kinks)
    return Neurons(inner, -inner * kinks, outer)
