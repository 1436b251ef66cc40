"""The U-Net of diffusers on images of any layout."""

from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.choose import check_event_shape, check_whole
from mnemoscope.data.images import image_layout
from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.networks.embedding import LEVEL_SCALE


class UNet(nn.Module):
    """The velocity by ``diffusers.UNet2DModel``: residual blocks on every scale, self-attention on the coarsest.

    Args:
        event_shape: (height, width), (channels, height, width) or (height, width, channels).
        width: channels of the finest scale; each coarser scale doubles them. A multiple of 8.
        scales: number of scales; height and width must be divisible by 2^(scales − 1).
        blocks: residual blocks on each scale.

    Raises:
        InputError: an event shape that is no image, sides that cannot be halved often enough, or a width that is not
            a multiple of 8.
        MissingExtraError: diffusers is not installed.
    """

    def __init__(self, event_shape: tuple[int, ...], width: int = 32, scales: int = 2, blocks: int = 1) -> None:
        super().__init__()
        event_shape = check_event_shape(event_shape)
        check_whole(width, "width")
        layout = image_layout(event_shape)
        if layout is None:
            raise InputError(f"the U-Net needs images, got event shape {event_shape}: use the network 'mlp'")
        if width % 8:
            raise InputError(f"the U-Net's width must be a multiple of 8, got {width}")
        self.layout = layout
        channels = {"HW": 1, "CHW": event_shape[0], "HWC": event_shape[-1]}[layout]
        sides = event_shape[1:] if layout == "CHW" else event_shape[:2]
        if any(side % 2 ** (scales - 1) for side in sides):
            raise InputError(f"the U-Net's {scales} scales need sides divisible by {2 ** (scales - 1)}, got {sides}")
        # Seconds to import: only those who build one pay for it, and only they need it installed.
        self.unet = optional("diffusers", "train").UNet2DModel(
            sample_size=sides,
            in_channels=channels,
            out_channels=channels,
            block_out_channels=tuple(width * 2**scale for scale in range(scales)),
            layers_per_block=blocks,
            down_block_types=("DownBlock2D",) * (scales - 1) + ("AttnDownBlock2D",),
            up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * (scales - 1),
            norm_num_groups=8,
        )

    def forward(
        self, x: Float[Tensor, "batch *event"], noise_level: Float[Tensor, " batch"]
    ) -> Float[Tensor, "batch *event"]:
        """Predicted velocity at x, an input of unit scale."""
        if self.layout == "HW":
            images = x[:, None]
        elif self.layout == "HWC":
            images = x.permute(0, 3, 1, 2)
        else:
            images = x
        predicted: Tensor = self.unet(images, LEVEL_SCALE * noise_level).sample
        if self.layout == "HW":
            return predicted[:, 0]
        return predicted.permute(0, 2, 3, 1) if self.layout == "HWC" else predicted
