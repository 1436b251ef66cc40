"""The convolutional residual network of Marion et al. (arXiv 2309.01213, section 5), with and without batch norm.

    h_0 = stem(x),   h_k = h_{k−1} + (1/L) norm(conv(σ(norm(conv(h_{k−1}))))),   F(x) = linear(mean over pixels of h_L)

The last operation of every branch starts at zero: the second convolution, or the gain of the second norm.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.residual.initial import initial_layers
from mnemoscope.residual.stack import activation_named


class ConvolutionalBlock(nn.Module):
    """One residual block on images.

    Args:
        channels: of h.
        scale: of the branch.
        activation: ``identity``, ``relu``, ``gelu`` or ``tanh``.
        batch_norm: normalize after each convolution.
    """

    def __init__(self, channels: int, scale: float, activation: str = "gelu", batch_norm: bool = True) -> None:
        super().__init__()
        self.scale, self.activation = scale, activation_named(activation).function
        self.inner = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.outer = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.inner_norm = nn.BatchNorm2d(channels) if batch_norm else nn.Identity()
        self.outer_norm = nn.BatchNorm2d(channels) if batch_norm else nn.Identity()

    def forward(self, h: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels height width"]:
        """h_k from h_{k−1}."""
        hidden = self.activation(self.inner_norm(self.inner(h)))
        return torch.add(h, self.outer_norm(self.outer(hidden)), alpha=self.scale)


class ResidualCNN(nn.Module):
    """A classifier of images.

    Args:
        channels_in: of the images.
        classes: number of outputs.
        channels: of every hidden state.
        depth: L.
        activation: ``identity``, ``relu``, ``gelu`` or ``tanh``.
        initialization: of the convolutions: ``tied``, ``smooth`` or ``iid``.
        batch_norm: normalize after each convolution.
        stride: of the stem.
        generator: of the weights; torch's own if left out.

    Raises:
        InputError: an unknown activation or initialization, or depth < 1.
    """

    def __init__(
        self,
        channels_in: int,
        classes: int,
        channels: int,
        depth: int,
        *,
        activation: str = "gelu",
        initialization: str = "tied",
        batch_norm: bool = True,
        stride: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels_in, channels, 3, padding=1, stride=stride)
        self.head = nn.Linear(channels, classes)
        shape = (channels, channels, 3, 3)
        layers = {
            name: initial_layers(initialization, depth, shape, generator=generator) / math.sqrt(9 * channels)
            for name in ("inner", "outer")
        }
        blocks = [ConvolutionalBlock(channels, 1 / depth, activation, batch_norm) for _ in range(depth)]
        self.blocks = nn.Sequential(*blocks)
        with torch.no_grad():
            for part, fan_in in ((self.stem, 9 * channels_in), (self.head, channels)):
                draw = initial_layers("iid", 1, tuple(part.weight.shape), generator=generator)[0]
                part.weight.copy_(draw / math.sqrt(fan_in))
                nn.init.zeros_(part.bias)  # type: ignore[arg-type]  # both have one
            for k, block in enumerate(blocks):
                block.inner.weight.copy_(layers["inner"][k])
                block.outer.weight.copy_(layers["outer"][k])
                nn.init.zeros_(block.outer_norm.weight if batch_norm else block.outer.weight)  # type: ignore[arg-type]

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """The logits of images."""
        logits: Tensor = self.head(self.blocks(self.stem(x)).mean(dim=(2, 3)))
        return logits
