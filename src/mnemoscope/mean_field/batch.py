"""Two-layer ReLU networks in the mean-field scaling, many at a time.

    s(x) = (1/width) Σ_l c_l ReLU(w_l·x + b_l),   c ~ N(0, 1), w ~ N(0, 1/dim) or ±1, b = 0

(Wu, Marion, Biau & Boyer, COLT 2025, arXiv 2502.03435). Gradients are of order 1/width, so SGD steps with width · η.

A batch of networks (a grid of learning rates × seeds) is one tensor program with gradients written by hand. In one
dimension a network is linear between its kinks: once the samples are sorted, each unit only needs to know between which
two its kink lies, and a step costs width + batch instead of width × batch.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.choose import check_name
from mnemoscope.errors import InputError

REDUCTIONS = ("mean", "sum")
"""A batch's loss: the mean over its samples, as in the paper's code, or their sum, as in its text."""

_SLICE = 250
"""Samples whose hidden units are at work at a time."""


@dataclass(frozen=True, eq=False)
class TwoLayerBatch:
    """Independent two-layer networks as one set of tensors.

    Attributes:
        inner: w, shape ``(networks, width, dim)``.
        bias: b, shape ``(networks, width)``.
        outer: c, shape ``(networks, n_outputs, width)``.
        frozen_inner: whether w stays as it is in training, as in the paper's theory.
    """

    inner: Tensor
    bias: Tensor
    outer: Tensor
    frozen_inner: bool = False

    @classmethod
    def draw(
        cls,
        dim: int,
        n_outputs: int,
        width: int,
        generators: Sequence[torch.Generator],
        *,
        frozen_inner: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> "TwoLayerBatch":
        """Networks at initialisation, each from its own generator: what one becomes does not depend on the others.

        Raises:
            InputError: no generator, or a size below 1.
        """
        if not generators or min(dim, n_outputs, width) < 1:
            raise InputError(
                f"networks need dim, n_outputs, width >= 1 and a generator, got {dim}, {n_outputs}, {width}"
            )
        inner = torch.stack([torch.randn(width, dim, generator=g, dtype=dtype, device=g.device) for g in generators])
        outer = torch.stack(
            [torch.randn(n_outputs, width, generator=g, dtype=dtype, device=g.device) for g in generators]
        )
        inner = torch.where(inner < 0, -1.0, 1.0).to(dtype) if frozen_inner else inner / math.sqrt(dim)
        return cls(inner, inner.new_zeros(inner.shape[:2]), outer, frozen_inner)

    @property
    def width(self) -> int:
        """Hidden units of each network."""
        return int(self.inner.shape[1])

    def __len__(self) -> int:
        return len(self.inner)

    def __call__(self, x: Float[Tensor, "networks batch dim"]) -> Float[Tensor, "networks batch n_outputs"]:
        """Every network at its own inputs."""
        hidden = torch.baddbmm(self.bias[:, None], x, self.inner.mT).relu_()
        return hidden @ self.outer.mT / self.width

    def take(self, rows: slice) -> "TwoLayerBatch":
        """Some of the networks; a view, so that training it trains them."""
        return TwoLayerBatch(self.inner[rows], self.bias[rows], self.outer[rows], self.frozen_inner)

    def scalar_weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """w, b and c of networks from R to R, each of shape ``(networks, width)``: the theory's ``Neurons``.

        Raises:
            InputError: the networks have more than one input or output.
        """
        if self.inner.shape[2] != 1 or self.outer.shape[1] != 1:
            raise InputError(
                f"scalar_weights: needs one input and output, got {self.inner.shape[2]}, {self.outer.shape[1]}"
            )
        return self.inner[..., 0], self.bias, self.outer[:, 0]

    @torch.no_grad()
    def descend(
        self,
        x: Float[Tensor, "networks batch dim"],
        target: Float[Tensor, "networks batch n_outputs"],
        learning_rates: Float[Tensor, " networks"],
        reduction: str = "mean",
    ) -> Float[Tensor, " networks"]:
        """One SGD step of every network, in place: θ ← θ − width η ∇ Σ ‖s(x) − target‖², summed or averaged over x.

        Returns:
            The losses before the step; infinite or NaN where a network has diverged.

        Raises:
            InputError: an unknown ``reduction``.
        """
        check_name(reduction, REDUCTIONS, "reduction")
        scalar = x.shape[2] == target.shape[2] == 1
        losses, *gradients = (self._sorted_gradients if scalar else self._gradients)(x, target)
        share = 1.0 if reduction == "sum" else 1 / x.shape[1]
        for weights, gradient in zip((self.bias, self.outer, self.inner), gradients, strict=True):
            if not (weights is self.inner and self.frozen_inner):
                weights -= (learning_rates * share).reshape(-1, *(1,) * (weights.ndim - 1)) * gradient
        return losses * share

    def _gradients(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Losses, and width times the gradients of bias, outer and inner; sums over the batch.

        In slices whose hidden units stay in the cache, always in the same two blocks, and a sample's units side by
        side: over so few inputs and outputs the products cost what memory costs. The bias is the weight of an input
        that is 1.
        """
        weights = torch.cat([self.inner, self.bias[..., None]], dim=2).mT.contiguous()
        inputs = torch.cat([x, x.new_ones(*x.shape[:2], 1)], dim=2)
        losses, outer, inner = x.new_zeros(len(x)), torch.zeros_like(self.outer), torch.zeros_like(weights)
        units = x.new_empty(2, len(x), min(_SLICE, x.shape[1]), self.width)
        for part, wanted in zip(torch.split(inputs, _SLICE, dim=1), torch.split(target, _SLICE, dim=1), strict=True):
            hidden, back = units[:, :, : part.shape[1]]
            torch.bmm(part, weights, out=hidden).relu_()
            residual = torch.baddbmm(wanted, hidden, self.outer.mT, beta=-1, alpha=1 / self.width)
            losses += residual.square().sum((1, 2))
            doubled = 2 * residual
            torch.bmm(doubled, self.outer, out=back)
            torch.ops.aten.threshold_backward.grad_input(back, hidden, 0, grad_input=back)
            outer.baddbmm_(doubled.mT, hidden)
            inner.baddbmm_(part.mT, back)
        return losses, inner[:, -1], outer, inner[:, :-1].mT

    def _sorted_gradients(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The same in one dimension. A rising unit (w > 0) is active from its kink on, a falling one before it."""
        y, order = x[..., 0].sort(dim=1)
        wanted = target[..., 0].gather(1, order)
        inner, bias, outer = self.inner[..., 0], self.bias, self.outer[:, 0]
        place = _places(y, -bias / inner)
        sign = torch.copysign(inner.new_ones(()), inner)
        bins = y.new_zeros(len(y), 2, y.shape[1] + 1)
        at_unit, at_zero = outer * inner, outer * bias
        bins[:, 0].scatter_add_(1, place, at_unit * sign)
        bins[:, 1].scatter_add_(1, place, at_zero * sign)
        # All units at −∞: those falling, which is half of (all − rising + falling).
        falling = torch.stack([at_unit.sum(1), at_zero.sum(1)], 1) / 2 - bins.sum(2) / 2
        slope, level = (falling[..., None] + bins.cumsum(2)[..., :-1]).unbind(1)
        residual = (slope * y + level) / self.width - wanted

        doubled = 2 * residual
        before = y.new_zeros(len(y), 2, y.shape[1] + 1)
        torch.cumsum(torch.stack([doubled, doubled * y], 1), 2, out=before[..., 1:])
        rising = (sign + 1) / 2
        count, moment = (rising * before[:, i, -1:] - sign * before[:, i].gather(1, place) for i in range(2))
        return (
            residual.square().sum(1),
            outer * count,
            (inner * moment + bias * count)[:, None],
            (outer * moment)[..., None],
        )


def _places(ordered: Tensor, values: Tensor) -> Tensor:
    """How many entries of each ascending row are below each value: ``torch.searchsorted``, several times faster.

    A binary search over 2^k − 1 entries without branches, one gather for all values at each level.
    """
    levels = ordered.shape[1].bit_length()
    padded = nn.functional.pad(ordered, (0, 2**levels - 1 - ordered.shape[1]), value=math.inf)
    place = torch.zeros_like(values, dtype=torch.int64)
    for level in reversed(range(levels)):
        above = padded.gather(1, place + (2**level - 1)) < values
        place += above.long() << level
    return place
