"""The moments of all noise draws at once: m = ∞, without drawing any.

Given an item x, the pre-activations of features i and j along the noise are normal, with means μ_i = α w_i·x/√d,
standard deviations s_i = σ‖w_i‖/√d and a correlation r_ij = w_i·w_j/(‖w_i‖‖w_j‖) that no item changes. With the Hermite
coefficients c_k(i) = E ϱ(μ_i + s_i z) h_k(z), h_k orthonormal, and without the centre in c_0 (Mehler's formula),

    E φ_i φ_j = Σ_k r_ij^k c_k(i) c_k(j),    E ε φ_i = c_1(i) w_i/‖w_i‖

so each k is one product of matrices over the items. Off the diagonal r is of order 1/√d, so few terms count; on it the
sum over k is E φ_i², whose rest after each term bounds, by Cauchy and Schwarz, all that is left out.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.random_features.closed_form import Moments, check_items, collect_moments
from mnemoscope.random_features.score import RandomFeatureScore

Array: TypeAlias = NDArray[Any]

MOST_TERMS = 64
CHUNK = 1024
"""Items at a time."""
NODES = 128
"""Of the Gauss–Hermite rule for functions without a kink."""


def moments_of(
    score: RandomFeatureScore,
    data: Float[Tensor, "n_samples *event"],
    *,
    noise_draws: float,
    generator: torch.Generator,
) -> Moments:
    """K, V and e of that many noise draws for each item, or with ``math.inf`` of all.

    Raises:
        InputError: as ``collect_moments`` and ``expected_moments``.
    """
    if math.isinf(noise_draws):
        return expected_moments(score, data)
    return collect_moments(score, data, noise_draws=noise_draws, generator=generator)


def expected_moments(
    score: RandomFeatureScore,
    data: Float[Tensor, "n_samples *event"],
    *,
    tolerance: float = 1e-5,
) -> Moments:
    """K, V and e of the expectation over the noise.

    The time is that of a few noise draws for each item (ReLU at d = 100 and t = 0.01 takes 6 or 7 terms), and all n p
    pre-activations are in memory, and about as much again.

    Args:
        score: the first layer, the process and the time.
        data: the items, shape ``(n_samples, *event)``.
        tolerance: what the series leaves out of K, in Frobenius norm, at most, as a share of K's mean diagonal.

    Raises:
        InputError: no items, items of another shape than the score's, or a series that has not come that close after 64
            terms, as in few dimensions, where features are as good as parallel.
    """
    check_items(score, data)
    weight, dim = score.weight, score.dim
    length = weight.norm(dim=1)
    r = (weight / length[:, None]) @ (weight / length[:, None]).mT
    r.fill_diagonal_(0.0)  # the diagonal of K is exact
    alpha, sigma = (float(c(score.time)) for c in (score.process.alpha, score.process.sigma))
    scale = sigma / math.sqrt(dim) * length
    series: _Series = _Relu() if score.activation == "relu" else _Smooth(score.function)
    means = torch.split(alpha / math.sqrt(dim) * (data.flatten(1).to(weight) @ weight.mT), CHUNK)
    coefficients = [series.coefficients(mean, scale) for mean in means]

    average, square = torch.zeros_like(length), torch.zeros_like(length)
    for mean in means:
        square += series.square(mean, scale).sum(dim=0) / len(data)
    K, power = torch.zeros_like(r), 1 - torch.eye(len(r), dtype=r.dtype, device=r.device)
    first = torch.zeros_like(length)
    for k in range(MOST_TERMS):
        # From the second on, terms are of order 1/d off the diagonal: half of the digits are enough for them.
        product = torch.zeros_like(K, dtype=K.dtype if k < 2 else torch.float32)
        for each in coefficients:
            c = next(each)
            if k == 0:
                average += c.sum(dim=0) / len(data)
                c = c - score.centre
            if k == 1:
                first += c.sum(dim=0) / len(data)
            c = c.to(product)
            product.addmm_(c.mT, c, alpha=1 / len(data))
        if k == 0:
            diagonal = square - 2 * score.centre * average + score.centre**2
            rest = diagonal.clone()
        rest = (rest - product.diagonal()).clamp(min=0)
        K.addcmul_(power, product)
        power *= r
        left_out = float((rest @ power.square() @ rest).sqrt())
        if k and left_out <= tolerance * float(diagonal.mean()):
            break
    else:
        raise InputError(
            f"data: in {dim} dimensions the features' series over the noise leaves out {left_out:.1e} after"
            f" {MOST_TERMS} terms; take a finite noise_draws instead"
        )
    K.diagonal().copy_(diagonal)
    return Moments(K, (weight / length[:, None]).mT * first, 1.0, sigma)


class _Series(Protocol):
    """Of a function ϱ on normal pre-activations, elementwise."""

    def coefficients(self, mean: Tensor, scale: Tensor) -> Iterator[Tensor]:
        """E ϱ(mean + scale z) h_k(z) for k = 0, 1, 2 and so on."""

    def square(self, mean: Tensor, scale: Tensor) -> Tensor:
        """E ϱ(mean + scale z)²."""


class _Relu:
    """In closed form: ϱ is linear on each side of its kink, and ϱ'' is a point mass there."""

    def coefficients(self, mean: Tensor, scale: Tensor) -> Iterator[Tensor]:
        u: Tensor = mean / scale
        below: Tensor = torch.special.ndtr(u)
        bump = scale * _density(u)
        yield mean * below + bump
        yield scale * below
        # Beyond 12 the bump is 0 to all digits, and the polynomials would pass what single precision holds.
        bump, polynomials = bump.float(), _hermite(-u.float().clamp(-12, 12))
        for k in itertools.count(2):
            yield next(polynomials).mul(bump).div_(math.sqrt(k * (k - 1)))

    def square(self, mean: Tensor, scale: Tensor) -> Tensor:
        u: Tensor = mean / scale
        below: Tensor = torch.special.ndtr(u)
        return (mean.square() + scale.square()) * below + mean * scale * _density(u)


class _Smooth:
    """By quadrature."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        self._function, self._nodes, self._weights = function, nodes, weights / weights.sum()

    def coefficients(self, mean: Tensor, scale: Tensor) -> Iterator[Tensor]:
        for polynomial in _hermite(torch.from_numpy(self._nodes)):
            yield self._mean(self._function, mean, scale, self._weights * polynomial.numpy())

    def square(self, mean: Tensor, scale: Tensor) -> Tensor:
        return self._mean(lambda z: self._function(z).square(), mean, scale, self._weights)

    def _mean(self, function: Callable[[Tensor], Tensor], mean: Tensor, scale: Tensor, weights: Array) -> Tensor:
        total = torch.zeros_like(mean)
        for node, weight in zip(self._nodes, weights, strict=True):
            total += float(weight) * function(mean + float(node) * scale)
        return total


def _density(u: Tensor) -> Tensor:
    density: Tensor = (-u.square() / 2).exp() / math.sqrt(2 * math.pi)
    return density


def _hermite(x: Tensor) -> Iterator[Tensor]:
    """h_0(x), h_1(x) and so on, orthonormal for the standard normal."""
    previous, current = torch.zeros_like(x), torch.ones_like(x)
    for k in itertools.count():
        yield current
        previous, current = current, (x * current - math.sqrt(k) * previous) / math.sqrt(k + 1)
