"""How the layers of a residual network may start out along the depth s = k/L.

    tied     one draw for all layers: a constant path
    smooth   every entry an independent Gaussian process of s with covariance exp(−(s − s')²/2ℓ²)
    iid      every layer its own draw: in the limit white noise, and the network follows an SDE, no ODE

The process is drawn as a Fourier series on a circle long enough that its ends do not see each other. The coefficients
do not know L, so one generator gives the same path at every depth, evaluated at s = k/L.
"""

import math
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import check_name
from mnemoscope.errors import InputError
from mnemoscope.processes.base import standard_normal

Initialization: TypeAlias = Literal["tied", "smooth", "iid"]
INITIALIZATIONS: tuple[Initialization, ...] = ("tied", "smooth", "iid")


def initial_layers(
    kind: str,
    depth: int,
    shape: tuple[int, ...],
    *,
    generator: torch.Generator | None = None,
    length_scale: float = 0.25,
    dtype: torch.dtype = torch.float32,
) -> Float[Tensor, "depth *shape"]:
    """Standard normal weights of ``depth`` layers, dependent along the depth as ``kind`` says.

    Args:
        kind: ``tied``, ``smooth`` or ``iid``.
        depth: L.
        shape: of one layer's weights.
        generator: of the draws; torch's own if left out, as its layers do.
        length_scale: ℓ of ``smooth``.
        dtype: of the result.

    Raises:
        InputError: an unknown kind, depth < 1 or length_scale <= 0.
    """
    check_depth(depth)
    check_name(kind, INITIALIZATIONS, "initialization")
    if kind == "tied":
        return _normal((1, *shape), generator, dtype).expand(depth, *shape).clone()
    if kind == "iid":
        return _normal((depth, *shape), generator, dtype)
    path = SmoothPath(shape, generator=generator, length_scale=length_scale, dtype=dtype)
    return path(torch.arange(1, depth + 1, dtype=torch.float64, device="cpu") / depth)


class SmoothPath:
    """A draw of the Gaussian process, to be evaluated anywhere in [0, 1].

    Args:
        shape: of the weights at one s.
        generator: of the draw; torch's own if left out.
        length_scale: ℓ, in units of the whole depth.
        dtype: of the weights.

    Raises:
        InputError: length_scale <= 0.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        generator: torch.Generator | None = None,
        length_scale: float = 0.25,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if not 0 < length_scale < math.inf:
            raise InputError(f"length_scale: must be positive, got {length_scale}")
        # Poisson's formula: the series' covariance is Σ_j exp(−(s − s' + jP)²/2ℓ²), P the length of the circle.
        circle = 1 + 8 * length_scale
        modes = torch.arange(math.ceil(1.5 * circle / length_scale) + 1, dtype=torch.float64, device="cpu")
        self.shape, self._angular = shape, 2 * math.pi * modes / circle
        power = length_scale * math.sqrt(2 * math.pi) / circle * torch.exp(-((self._angular * length_scale) ** 2) / 2)
        power[1:] *= 2  # a cosine and a sine stand for the modes j and −j
        self._amplitude = power.sqrt()
        self._draws = _normal((2 * len(modes), math.prod(shape)), generator, dtype)

    def __call__(self, s: Float[Tensor, " points"]) -> Float[Tensor, "points *shape"]:
        """The weights at every s."""
        angles = s.cpu().double()[:, None] * self._angular
        basis = torch.cat([self._amplitude * angles.cos(), self._amplitude * angles.sin()], dim=1)
        return (basis.to(self._draws) @ self._draws).reshape(len(s), *self.shape)


def check_depth(depth: int) -> int:
    """``depth`` itself, if it is one.

    Raises:
        InputError: depth < 1.
    """
    if depth < 1:
        raise InputError(f"depth: must be at least 1, got {depth}")
    return depth


def _normal(shape: tuple[int, ...], generator: torch.Generator | None, dtype: torch.dtype) -> Tensor:
    if generator is None:
        return torch.randn(shape, dtype=dtype)  # where torch's own layers would be made
    return standard_normal(shape, generator, like=torch.empty(0, dtype=dtype, device=generator.device))
