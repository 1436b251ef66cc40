"""The fully connected residual network of Marion, Wu, Sander & Biau (ICLR 2024, arXiv 2309.01213, section 2).

    h_0 = A x,   h_k = h_{k−1} + (1/(L √width)) V_k σ(W_k h_{k−1}/√q),   F(x) = B h_L

with V = 0 at the start, so that F(x) = B A x, and W standard normal along the depth as ``initial_layers`` says. With
the factor 1/L and gradient steps proportional to L, the weights stay smooth in k/L where they start smooth, and the
network is the Euler scheme of an ODE (``mnemoscope.residual.ode``).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.residual.initial import initial_layers
from mnemoscope.residual.stack import activation_named, residual_stack


class ResidualBranches(nn.Module):
    """The recurrence on h alone: all layers' weights in two tensors.

    Args:
        dim: q, the dimension of h.
        width: units of each branch.
        depth: L.
        activation: ``identity``, ``relu``, ``gelu`` or ``tanh``.
        initialization: of W: ``tied``, ``smooth`` or ``iid``; V starts at zero.
        normalized: with the factors 1/√q and 1/√width. The paper's own code leaves both out.
        segment: checkpoints, see ``residual_stack``.
        generator: of the weights; torch's own if left out.
        dtype: of the weights.

    Raises:
        InputError: an unknown activation or initialization, or depth < 1.
    """

    def __init__(
        self,
        dim: int,
        width: int,
        depth: int,
        *,
        activation: str = "gelu",
        initialization: str = "tied",
        normalized: bool = True,
        segment: int | None = None,
        generator: torch.Generator | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        activation_named(activation)
        self.activation, self.segment = activation, segment
        self.gains = (1 / math.sqrt(dim), 1 / math.sqrt(width)) if normalized else (1.0, 1.0)
        inner = initial_layers(initialization, depth, (width, dim), generator=generator, dtype=dtype)
        self.inner = nn.Parameter(inner)
        self.outer = nn.Parameter(inner.new_zeros(depth, dim, width))

    @property
    def depth(self) -> int:
        """L."""
        return len(self.inner)

    @property
    def layers(self) -> Float[Tensor, "depth parameters"]:
        """W_k and V_k of every layer in one row, detached."""
        return torch.cat([self.inner.flatten(1), self.outer.flatten(1)], dim=1).detach()

    def forward(self, h: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """h_L from h_0."""
        inner_gain, outer_gain = self.gains
        scale = outer_gain / self.depth
        return residual_stack(
            h,
            self.inner * inner_gain,
            self.outer,
            activation=self.activation,
            scale=scale,
            segment=self.segment,
        )

    def velocity(
        self, h: Float[Tensor, "batch dim"], inner: Float[Tensor, "width dim"], outer: Float[Tensor, "dim width"]
    ) -> Float[Tensor, "batch dim"]:
        """f(h, Z) = V σ(W h/√q)/√width of one layer: the right side of the ODE."""
        inner_gain, outer_gain = self.gains
        hidden = activation_named(self.activation).function(h @ inner.mT * inner_gain)
        change: Tensor = hidden @ outer.mT * outer_gain
        return change


class ResidualMLP(nn.Module):
    """B h_L of the recurrence started from A x.

    A and B pad with zeros or cut where dimensions differ, and are the identity where they do not.

    Args:
        dim_in: dimension of x.
        dim_out: dimension of F(x).
        branches: the recurrence.
    """

    def __init__(self, dim_in: int, dim_out: int, branches: ResidualBranches) -> None:
        super().__init__()
        self.branches = branches
        dim, dtype, device = branches.inner.shape[2], branches.inner.dtype, branches.inner.device
        self.lift = nn.Parameter(torch.eye(dim, dim_in, dtype=dtype, device=device))
        # The last coordinates, so that in q = d + d' dimensions the output does not start in the input's own.
        self.project = nn.Parameter(torch.eye(dim, dtype=dtype, device=device)[dim - dim_out :].clone())

    def forward(self, x: Float[Tensor, "batch dim_in"]) -> Float[Tensor, "batch dim_out"]:
        """F(x)."""
        output: Tensor = self.branches(x @ self.lift.mT) @ self.project.mT
        return output
