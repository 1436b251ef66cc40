"""The U-Net of diffusers on images of any layout."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from mnemoscope.choose import check_event_shape, check_whole
from mnemoscope.data.images import ImageLayout, image_layout
from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.networks.embedding import LEVEL_SCALE, labels_or_none, takes_no_labels


class UNet(nn.Module):
    """The velocity by ``diffusers.UNet2DModel``: residual blocks on every scale, self-attention on the coarsest.

    Args:
        event_shape: (height, width), (channels, height, width) or (height, width, channels).
        width: channels of the finest scale; each coarser scale doubles them. A multiple of 8.
        scales: number of scales; height and width must be divisible by 2^(scales − 1).
        blocks: residual blocks on each scale.
        classes: how many classes it is told apart, if any; their embedding is added to that of the noise level.

    Raises:
        InputError: an event shape that is no image, sides that cannot be halved often enough, or a width that is not
            a multiple of 8.
        MissingExtraError: diffusers is not installed.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        width: int = 32,
        scales: int = 2,
        blocks: int = 1,
        classes: int | None = None,
    ) -> None:
        super().__init__()
        event_shape = check_event_shape(event_shape)
        check_whole(width, "width")
        self.layout = the_layout(event_shape, "U-Net")
        if width % 8:
            raise InputError(f"the U-Net's width must be a multiple of 8, got {width}")
        channels, sides = channels_and_sides(event_shape, self.layout)
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
            num_class_embeds=None if classes is None else check_whole(classes, "classes") + 1,
        )
        self.classes = classes

    def forward(
        self,
        x: Float[Tensor, "batch *event"],
        noise_level: Float[Tensor, " batch"],
        labels: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch *event"]:
        """What is predicted (the velocity) at x, an input of unit scale."""
        takes_no_labels(labels, self.classes)
        told = None if self.classes is None else labels_or_none(labels, self.classes, len(x), x.device)
        images = channels_first(x, self.layout)
        return as_layout(self.unet(images, LEVEL_SCALE * noise_level, class_labels=told).sample, self.layout)


def the_layout(event_shape: tuple[int, ...], network: str) -> ImageLayout:
    """How items of a shape are pictures.

    Raises:
        InputError: they are none.
    """
    layout = image_layout(event_shape)
    if layout is None:
        raise InputError(f"the {network} needs images, got event shape {event_shape}: use the network 'mlp'")
    return layout


def channels_and_sides(event_shape: tuple[int, ...], layout: ImageLayout) -> tuple[int, tuple[int, ...]]:
    """How many channels a picture has, and its height and width."""
    channels = {"HW": 1, "CHW": event_shape[0], "HWC": event_shape[-1]}[layout]
    return channels, event_shape[1:] if layout == "CHW" else event_shape[:2]


def channels_first(x: Tensor, layout: ImageLayout) -> Tensor:
    """Pictures of any layout with their channels first, as networks take them."""
    if layout == "HW":
        return x[:, None]
    return x.permute(0, 3, 1, 2) if layout == "HWC" else x


def as_layout(images: Tensor, layout: ImageLayout) -> Tensor:
    """The inverse of ``channels_first``."""
    if layout == "HW":
        return images[:, 0]
    return images.permute(0, 2, 3, 1) if layout == "HWC" else images
