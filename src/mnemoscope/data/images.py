"""Image folders, and how the axes of one item are laid out."""

import os
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image, UnidentifiedImageError

from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError
from mnemoscope.progress import track

ImageLayout: TypeAlias = Literal["HW", "CHW", "HWC"]

_CHANNELS = (1, 3)


def image_layout(event_shape: tuple[int, ...]) -> ImageLayout | None:
    """How an item of this shape reads as a grey or colour picture, or None where it does not."""
    if len(event_shape) == 2:
        return "HW"
    if len(event_shape) == 3 and event_shape[0] in _CHANNELS:
        return "CHW"
    if len(event_shape) == 3 and event_shape[2] in _CHANNELS:
        return "HWC"
    return None


def load_image_folder(folder: Path, *, progress: bool = False) -> tuple[Array, tuple[str, ...]]:
    """All images of a folder and its sub-folders in the order of their paths, and these paths within the folder.

    Grey images give ``(n, height, width)``, all others ``(n, height, width, 3)``. Hidden files are passed over.

    Raises:
        InputError: a file that is not an image or is cut short, an image whose size or kind differs from the
            first, or no image at all; the file is named.
    """
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    if not paths:
        raise InputError(f"{folder}: holds no images")
    first = _read_image(paths[0])
    images = np.empty((len(paths), *first.shape), first.dtype)
    for index, path in enumerate(track(paths, "reading images", enabled=progress)):
        image = _read_image(path)
        if (image.shape, image.dtype) != (first.shape, first.dtype):
            raise InputError(f"{path}: is {_describe(image)}, but {paths[0].name} is {_describe(first)}")
        images[index] = image
    return images, tuple(_readable(path.relative_to(folder)) for path in paths)


def _readable(path: Path) -> str:
    """The path with slashes; bytes that are no text, which could not be written again, become U+FFFD."""
    return os.fsencode(path.as_posix()).decode("utf-8", errors="replace")


def _read_image(path: Path) -> Array:
    try:
        with Image.open(path) as image:
            deep = image.mode.startswith(("I", "F"))
            grey = image.mode in ("1", "L")
            return np.asarray(image if deep else image.convert("L" if grey else "RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise InputError(f"{path}: cannot be read as an image ({reason})") from None


def _describe(image: Array) -> str:
    return f"{image.shape[1]}×{image.shape[0]} {'grey' if image.ndim == 2 else 'colour'} {image.dtype}"
