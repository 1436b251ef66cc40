"""A multi-layer perceptron on flattened items and an embedding of the noise level."""

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.choose import check_event_shape, check_whole
from mnemoscope.networks.embedding import NoiseLevelEmbedding


class MLP(nn.Module):
    """The velocity by fully connected SiLU layers of equal width, the noise level appended to the input.

    Args:
        event_shape: shape of one item.
        width: units of each hidden layer.
        depth: number of hidden layers.
        embedding: features of the noise level, even.
    """

    def __init__(self, event_shape: tuple[int, ...], width: int = 256, depth: int = 3, embedding: int = 32) -> None:
        super().__init__()
        event_shape = check_event_shape(event_shape)
        for what, size in (("width", width), ("depth", depth), ("embedding", embedding)):
            check_whole(size, what)
        dim = math.prod(event_shape)
        self.embedding = NoiseLevelEmbedding(embedding)
        sizes = [dim + embedding] + [width] * depth
        hidden = [layer for n_in, n_out in pairwise(sizes) for layer in (nn.Linear(n_in, n_out), nn.SiLU())]
        self.layers = nn.Sequential(*hidden, nn.Linear(sizes[-1], dim))

    def forward(
        self, x: Float[Tensor, "batch *event"], noise_level: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch *event"]:
        """Predicted velocity at x, an input of unit scale."""
        inputs = torch.cat([x.flatten(1), self.embedding(noise_level).to(x)], dim=1)
        predicted: Tensor = self.layers(inputs)
        return predicted.reshape(x.shape)
