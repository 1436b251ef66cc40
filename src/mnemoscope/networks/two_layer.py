"""The two-layer ReLU network in the mean-field scaling as a score network: F(x) = (1/width) Σ_l c_l ReLU(w_l·x + b_l).

Wu, Marion, Biau & Boyer, COLT 2025, arXiv 2502.03435. Gradients are of order 1/width, so SGD steps with width · η.
The room ``mean_field`` trains many such networks at once.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.choose import check_event_shape, check_whole


class TwoLayer(nn.Module):
    """The velocity by one hidden layer in the mean-field scaling, the noise level appended to the input.

    Args:
        event_shape: shape of one item.
        width: hidden units.
    """

    def __init__(self, event_shape: tuple[int, ...], width: int = 1000) -> None:
        super().__init__()
        event_shape = check_event_shape(event_shape)
        check_whole(width, "width")
        dim = math.prod(event_shape)
        self.inner = nn.Parameter(torch.randn(width, dim + 1) / math.sqrt(dim + 1))
        self.bias = nn.Parameter(torch.zeros(width))
        self.outer = nn.Parameter(torch.randn(dim, width))

    def forward(
        self, x: Float[Tensor, "batch *event"], noise_level: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch *event"]:
        """Predicted velocity at x, an input of unit scale."""
        inputs = torch.cat([x.flatten(1), noise_level[:, None].to(x)], dim=1)
        hidden = torch.relu(inputs @ self.inner.mT + self.bias)
        return (hidden @ self.outer.mT / len(self.bias)).reshape(x.shape)
