"""A deep residual score network: the recurrence on an embedding of the item and the noise level."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.networks.embedding import NoiseLevelEmbedding
from mnemoscope.residual.dense import ResidualBranches


class ResidualNetwork(nn.Module):
    """B h_L of the recurrence of ``ResidualBranches`` started from A (x, embedding of the noise level).

    Its branches have weights of unit variance and the factor 1/L: Adam wants a learning rate of about 3e-2.

    Args:
        event_shape: shape of one item.
        width: dimension of the hidden state, and units of each branch.
        depth: L.
        embedding: features of the noise level, even.
        activation: ``identity``, ``relu``, ``gelu`` or ``tanh``.
        initialization: of W along the depth: ``tied``, ``smooth`` or ``iid``.
        segment: checkpoints every so many layers, none if left out.

    Raises:
        InputError: an unknown activation or initialization, or depth < 1.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        width: int = 128,
        depth: int = 64,
        embedding: int = 32,
        *,
        activation: str = "gelu",
        initialization: str = "tied",
        segment: int | None = None,
    ) -> None:
        super().__init__()
        dim = math.prod(event_shape)
        self.embedding = NoiseLevelEmbedding(embedding)
        self.lift = nn.Linear(dim + embedding, width)
        self.branches = ResidualBranches(
            width,
            width,
            depth,
            activation=activation,
            initialization=initialization,
            segment=segment,
            dtype=self.lift.weight.dtype,
        )
        self.project = nn.Linear(width, dim)

    def forward(
        self, x: Float[Tensor, "batch *event"], noise_level: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch *event"]:
        """Predicted velocity at x, an input of unit scale."""
        lifted = self.lift(torch.cat([x.flatten(1), self.embedding(noise_level).to(x)], dim=1))
        predicted: Tensor = self.project(self.branches(lifted))
        return predicted.reshape(x.shape)
