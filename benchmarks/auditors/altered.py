"""Copies that were altered: what is planted among honest samples."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

Array = np.ndarray

TABLE_NOISE = {"exact": 0.0, "noise .2": 0.2, "noise .5": 0.5, "smoothed": 0.7, "smoothed copier": 0.7}
"""Copies in tables: the noise that was added, in standard deviations of a column; categories stay."""


def _noise(of_range: float) -> Callable[[Array, np.random.Generator], Array]:
    return lambda items, rng: _bytes(items + 255 * of_range * rng.standard_normal(items.shape))


def _shift(items: Array, rng: np.random.Generator) -> Array:  # noqa: ARG001
    """By a pixel, along one axis; what comes in is black."""
    moved = np.zeros_like(items)
    moved[:, :, 1:] = items[:, :, :-1]
    return moved


def _crop(items: Array, rng: np.random.Generator) -> Array:  # noqa: ARG001
    """Less a margin of two pixels, scaled back to the old size."""
    height, width = items.shape[1:]
    box = (2, 2, width - 2, height - 2)
    sized = [Image.fromarray(item).resize((width, height), Image.Resampling.BILINEAR, box) for item in items]
    return np.stack([np.asarray(item) for item in sized])


def _jpeg(items: Array, rng: np.random.Generator) -> Array:  # noqa: ARG001
    def through(item: Array) -> Array:
        file = io.BytesIO()
        Image.fromarray(item).save(file, "JPEG", quality=75)
        return np.asarray(Image.open(file))

    return np.stack([through(item) for item in items])


def _bytes(values: Array) -> Array:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


IMAGE_ALTERATIONS: dict[str, Callable[[Array, np.random.Generator], Array]] = {
    "exact": lambda items, _: items.copy(),
    "noise 5 %": _noise(0.05),
    "noise 10 %": _noise(0.1),
    "smoothed": _noise(0.25),
    "smoothed copier": _noise(0.25),
    "flipped": lambda items, _: items[:, :, ::-1].copy(),
    "shifted": _shift,
    "cropped": _crop,
    "blurred": lambda items, _: _bytes(gaussian_filter(items.astype(float), (0, 1, 1))),
    "JPEG 75": _jpeg,
    "brightness": lambda items, _: _bytes(items + 25.0),
    "contrast": lambda items, _: _bytes((m := items.mean(axis=(1, 2), keepdims=True)) + 0.8 * (items - m)),
}
"""Copies of images, by what was done to them; noise in shares of the value range."""
