"""Copies that were altered: what is planted among honest samples."""

import numpy as np

from mnemoscope.auditing.planted import planted

Array = np.ndarray

COPIER = "smoothed copier"
"""The kind of which every sample is one."""

TABLE_NOISE = {"exact": 0.0, "noise .2": 0.2, "noise .5": 0.5, "smoothed": 0.7, COPIER: 0.7}
"""Copies in tables: the noise that was added, in standard deviations of a column of train; categories stay."""

IMAGE_KINDS = {
    "exact": "exact",
    "noise 5 %": "noise:0.05",
    "noise 10 %": "noise:0.1",
    "smoothed": "noise:0.25",
    COPIER: "noise:0.25",
    "flipped": "flip",
    "shifted": "shift:1",
    "cropped": "crop:0.1",
    "blurred": "blur:1",
    "JPEG 75": "jpeg:75",
    "brightness": "brightness:0.1",
    "contrast": "contrast:0.2",
}
"""Copies of images, by what was done to them. A quarter of the range is .7 standard deviations of Fashion-MNIST's
pixels: the noise of the smoothed copies."""


def alter_rows(kind: str, rows: Array, spread: Array, rng: np.random.Generator) -> Array:
    """Copies of the rows of a table; columns of no ``spread`` stay as they are."""
    return rows + TABLE_NOISE[kind] * spread * rng.standard_normal(rows.shape)


def alter_images(kind: str, images: Array, rng: np.random.Generator) -> Array:
    """Copies of 8-bit images."""
    return planted(IMAGE_KINDS[kind], images, rng, (0.0, 255.0))
