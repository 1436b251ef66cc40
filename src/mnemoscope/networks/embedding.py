"""How a network is told the noise level."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

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
