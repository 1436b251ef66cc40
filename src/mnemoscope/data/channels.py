"""The axis of channels: where it lies, and pictures of one channel beside pictures of three."""

from typing import Literal, TypeAlias

import numpy as np

from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError

Channels: TypeAlias = Literal["first", "last", "grey", "colour"]


def recolour(pixels: Array, channels: str, name: object) -> Array:
    """Pictures, one or many, as ``grey`` without an axis of channels or as ``colour`` with three of them, the last.

    Args:
        pixels: shape ``(…, height, width)``, or with a last axis of 1 or 3 channels.
        channels: what they are to be.
        name: what errors call them.

    Raises:
        InputError: colours that were to be grey.
    """
    stored = pixels.shape[-1] if pixels.shape[-1] in (1, 3) and pixels.ndim > 2 else None
    if channels == "grey":
        if stored is None:
            return pixels
        if any((pixels[..., 0] != pixels[..., channel]).any() for channel in range(1, stored)):
            raise InputError(f"{name}: is in colour, which channels='grey' would lose: use 'colour' for all sets")
        return pixels[..., 0]
    if stored == 3:
        return pixels
    grey = pixels if stored is None else pixels[..., 0]
    return np.repeat(grey[..., None], 3, axis=-1)
