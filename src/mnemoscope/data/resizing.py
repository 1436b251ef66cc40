"""Pictures of one size: the largest centred square, made smaller or larger without aliasing.

Pillow's Lanczos filter is used, whose support grows with the factor by which an image shrinks. It runs on 8-bit pixels
as they are and on all others in single precision; like every sharp filter it overshoots at edges, and values are kept
within the image's own extremes. Integers are rounded and keep their type.
"""

import numpy as np
from PIL import Image, ImageOps

from mnemoscope.data.arrays import Array

CROPPED = "cut to their centred square"
_FILTER = Image.Resampling.LANCZOS
FILTER = "Lanczos"


def resized(size: int) -> str:
    """What is said of an image that was brought to this size."""
    return f"resized to {size}×{size} (antialiased, {FILTER})"


def fit(pixels: Array, size: int) -> tuple[Array, list[str]]:
    """A picture of shape ``(height, width)`` or ``(height, width, 3)`` in ``(size, size)``, and what was done to it."""
    height, width = pixels.shape[:2]
    if (height, width) == (size, size):
        return pixels, []
    remarks = [resized(size)] if height == width else [CROPPED, resized(size)]
    if pixels.dtype == np.uint8:
        return np.asarray(_fit(Image.fromarray(pixels), size)), remarks
    planes = pixels.reshape(height, width, -1)
    made = np.stack([np.asarray(_fit(_plane(planes[..., c]), size)) for c in range(planes.shape[2])], axis=-1)
    made = np.clip(made, planes.min(), planes.max()).reshape(size, size, *pixels.shape[2:])
    return (np.rint(made) if pixels.dtype.kind in "iu" else made).astype(pixels.dtype), remarks


def _plane(values: Array) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))


def _fit(image: Image.Image, size: int) -> Image.Image:
    return ImageOps.fit(image, (size, size), method=_FILTER)
