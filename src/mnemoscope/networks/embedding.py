"""How a network is told the noise level, and the class."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mnemoscope.choose import check_whole
from mnemoscope.errors import InputError

LEVEL_SCALE = 100.0
"""Stretches log(σ/α), about −7 to 5 in use, to the range of several hundred that positional embeddings resolve."""


class NoiseLevelEmbedding(nn.Module):
    """Sines and cosines of the noise level at geometrically spaced frequencies (Vaswani et al. 2017, section 3.5).

    Args:
        width: number of features, even.
    """

    frequencies: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        exponents = torch.arange(width // 2) / (width // 2)
        self.register_buffer("frequencies", LEVEL_SCALE * torch.exp(-math.log(10_000) * exponents), persistent=False)

    def forward(self, noise_level: Float[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        """Features of log(σ/α)."""
        angles = noise_level[:, None] * self.frequencies.to(noise_level)
        return torch.cat([angles.sin(), angles.cos()], dim=1)


class ClassEmbedding(nn.Module):
    """A vector for each class, and one for no class at all.

    Args:
        classes: how many there are.
        width: of a vector.
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.classes = check_whole(classes, "classes")
        self.table = nn.Embedding(classes + 1, width)

    def forward(self, labels: Int[Tensor, " batch"] | None, batch: int) -> Float[Tensor, "batch width"]:
        """The vectors of ``labels``; where there are none, of no class."""
        vectors: Tensor = self.table(labels_or_none(labels, self.classes, batch, self.table.weight.device))
        return vectors


def labels_or_none(
    labels: Int[Tensor, " batch"] | None, classes: int, batch: int, device: torch.device
) -> Int[Tensor, " batch"]:
    """Labels, or as many that stand for none: the number after the last class."""
    return torch.full((batch,), classes, device=device) if labels is None else labels


def takes_no_labels(labels: Tensor | None, classes: int | None) -> None:
    """Refuse labels where a network has no classes.

    Raises:
        InputError: it has none.
    """
    if labels is not None and classes is None:
        raise InputError("network: takes no labels; build it with the option classes")
