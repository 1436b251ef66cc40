"""A multi-layer perceptron on flattened items and an embedding of the noise level."""

import math
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mnemoscope.choose import check_event_shape, check_whole
from mnemoscope.networks.embedding import ClassEmbedding, NoiseLevelEmbedding, takes_no_labels


class MLP(nn.Module):
    """The velocity by fully connected SiLU layers of equal width, the noise level appended to the input.

    Args:
        event_shape: shape of one item.
        width: units of each hidden layer.
        depth: number of hidden layers.
        embedding: features of the noise level, even.
        classes: how many classes it is told apart, if any; their embedding is added to that of the noise level.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        width: int = 256,
        depth: int = 3,
        embedding: int = 32,
        classes: int | None = None,
    ) -> None:
        super().__init__()
        event_shape = check_event_shape(event_shape)
        for what, size in (("width", width), ("depth", depth), ("embedding", embedding)):
            check_whole(size, what)
        dim = math.prod(event_shape)
        self.embedding = NoiseLevelEmbedding(embedding)
        sizes = [dim + embedding] + [width] * depth
        hidden = [
            layer
            for n_in, n_out in pairwise(sizes)
            for layer in (nn.Linear(n_in, n_out), nn.Sequential(nn.SiLU(), nn.Dropout(0.0)))
        ]
        self.layers = nn.Sequential(*hidden, nn.Linear(sizes[-1], dim))
        self.classes = classes
        self.class_embedding = None if classes is None else ClassEmbedding(classes, embedding)

    def forward(
        self,
        x: Float[Tensor, "batch *event"],
        noise_level: Float[Tensor, " batch"],
        labels: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch *event"]:
        """What is predicted (the velocity) at x, an input of unit scale."""
        takes_no_labels(labels, self.classes)
        told = self.embedding(noise_level)
        if self.class_embedding is not None:
            told = told + self.class_embedding(labels, len(x))
        inputs = torch.cat([x.flatten(1), told.to(x)], dim=1)
        predicted: Tensor = self.layers(inputs)
        return predicted.reshape(x.shape)
