"""The diffusion transformer (DiT; Peebles & Xie 2023, arXiv 2212.09748) of diffusers on images of any layout."""

from jaxtyping import Float, Int
from torch import Tensor, nn

from mnemoscope.choose import check_event_shape, check_whole
from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.networks.embedding import LEVEL_SCALE, labels_or_none, takes_no_labels
from mnemoscope.networks.unet import as_layout, channels_and_sides, channels_first, the_layout


class DiT(nn.Module):
    """The velocity by ``diffusers.DiTTransformer2DModel``: transformer blocks on patches, modulated by the noise level.

    Args:
        event_shape: (side, side), (channels, side, side) or (side, side, channels).
        width: of the hidden states; a multiple of 4 and of heads.
        depth: number of blocks.
        patch: side of a patch; the side of the images must be divisible by it.
        heads: of the attention.
        classes: how many classes it is told apart, if any.

    Raises:
        InputError: an event shape that is no square image, sides that patches do not fill, or a width that heads do
            not share.
        MissingExtraError: diffusers is not installed.
    """

    def __init__(
        self,
        event_shape: tuple[int, ...],
        width: int = 64,
        depth: int = 4,
        patch: int = 2,
        heads: int = 2,
        classes: int | None = None,
    ) -> None:
        super().__init__()
        event_shape = check_event_shape(event_shape)
        for what, size in (("width", width), ("depth", depth), ("patch", patch), ("heads", heads)):
            check_whole(size, what)
        self.layout = the_layout(event_shape, "DiT")
        channels, sides = channels_and_sides(event_shape, self.layout)
        if sides[0] != sides[1] or sides[0] % patch:
            raise InputError(f"the DiT needs square images with sides divisible by patch={patch}, got {sides}")
        if width % 4 or width % heads:
            raise InputError(f"the DiT's width must be a multiple of 4 and of heads={heads}, got {width}")
        self.classes = classes
        self._n_classes = 1 if classes is None else check_whole(classes, "classes")
        self.transformer = optional("diffusers", "train").DiTTransformer2DModel(
            num_attention_heads=heads,
            attention_head_dim=width // heads,
            in_channels=channels,
            num_layers=depth,
            sample_size=sides[0],
            patch_size=patch,
            num_embeds_ada_norm=self._n_classes,
        )
        for module in self.transformer.modules():
            if hasattr(module, "dropout_prob"):  # it would drop labels by itself; who trains says how many are dropped
                module.dropout_prob = 0.0

    def forward(
        self,
        x: Float[Tensor, "batch *event"],
        noise_level: Float[Tensor, " batch"],
        labels: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch *event"]:
        """What is predicted (the velocity) at x, an input of unit scale."""
        takes_no_labels(labels, self.classes)
        told = labels_or_none(labels, self._n_classes, len(x), x.device)
        images = channels_first(x, self.layout)
        return as_layout(self.transformer(images, LEVEL_SCALE * noise_level, told).sample, self.layout)
