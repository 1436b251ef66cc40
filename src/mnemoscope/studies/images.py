"""The real images that studies share: the bundled digits, and Fashion-MNIST where it is installed."""

from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnemoscope.data import Dataset, load, load_digits

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's dataset-fashion-mnist puts its files."""

ImageName: TypeAlias = Literal["digits", "fashion-mnist"]


def image_names() -> list[ImageName]:
    """The image sets that are there."""
    return ["digits", "fashion-mnist"] if FASHION_MNIST.is_dir() else ["digits"]


def missing_images() -> str:
    """A sentence for captions where Fashion-MNIST is not there, else nothing."""
    return "" if FASHION_MNIST.is_dir() else f" Fashion-MNIST is skipped: {FASHION_MNIST} is not there."


@cache
def load_images(name: str) -> Dataset:
    """The bundled digits (8×8), or 20,000 images of Fashion-MNIST averaged to 14×14."""
    if name == "digits":
        return load_digits()
    return Dataset(average_pixels(load(FASHION_MNIST).array[:20_000]), "Fashion-MNIST, 14×14", (0.0, 255.0))


def average_pixels(images: NDArray[Any]) -> NDArray[np.float32]:
    """Squares of 2×2 pixels averaged: images of 28×28 become 14×14."""
    n, height, width = images.shape
    averaged: NDArray[np.float32] = (
        images.astype(np.float32).reshape(n, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    )
    return averaged
