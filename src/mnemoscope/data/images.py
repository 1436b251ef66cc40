"""Image folders, and how the axes of one item are laid out."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError
from mnemoscope.progress import track
from mnemoscope.reading import check_memory, reading

ImageLayout: TypeAlias = Literal["HW", "CHW", "HWC"]

_CHANNELS = (1, 3)

# What Pillow finds odd is read or refused here; without a handler Python would print it besides.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_ORIENTATION = 0x0112
"""The EXIF tag of how a camera was held; 1 is upright."""


def image_layout(event_shape: tuple[int, ...]) -> ImageLayout | None:
    """How an item of this shape reads as a grey or colour picture, or None where it does not."""
    if len(event_shape) == 2:
        return "HW"
    if len(event_shape) == 3 and event_shape[0] in _CHANNELS:
        return "CHW"
    if len(event_shape) == 3 and event_shape[2] in _CHANNELS:
        return "HWC"
    return None


def look_at_images(folder: Path) -> tuple[tuple[int, ...], int]:
    """The shape that ``load_image_folder`` would give, by the first image's header, and the bytes of a value.

    Raises:
        InputError: no image, or a first file that is none.
    """
    paths = _files_of(folder)
    with _opened(paths[0]) as image:
        high = image.mode.startswith(("I", "F"))
        turned = image.getexif().get(_ORIENTATION, 1) in range(5, 9)
        grey = image.mode in ("1", "L", "LA", "La") or high
        itemsize = (2 if image.mode.startswith("I;16") else 4) if high else 1
        width, height = image.size
    if turned:  # of which Pillow gives the one size or the other, by the format
        height, width = _read_image(paths[0])[0].shape[:2]
    return (len(paths), height, width, *(() if grey else (3,))), itemsize


def load_image_folder(folder: Path, *, progress: bool = False) -> tuple[Array, tuple[str, ...], tuple[str, ...]]:
    """All images of a folder and its sub-folders in the order of their paths, these paths within the folder, and notes.

    Grey images give ``(n, height, width)``, all others ``(n, height, width, 3)``. Images are turned as their EXIF
    orientation says, and what is transparent is laid on white, as viewers show it; the notes count both. Hidden files
    are passed over.

    Raises:
        InputError: a file that is not an image or is cut short, an image whose size or kind differs from the
            first, transparency in an image of more than 8 bits, or no image at all; the file is named.
    """
    paths = _files_of(folder)
    first = _read_image(paths[0])[0]
    check_memory(folder, len(paths) * first.nbytes)
    images = np.empty((len(paths), *first.shape), first.dtype)
    counts = np.zeros(2, dtype=int)
    for index, path in enumerate(track(paths, "reading images", enabled=progress)):
        image, *done = _read_image(path)
        if (image.shape, image.dtype) != (first.shape, first.dtype):
            raise InputError(f"{path}: is {_describe(image)}, but {paths[0].name} is {_describe(first)}")
        images[index] = image
        counts += done
    what = ("turned as their EXIF orientation says", "laid on white where they are transparent")
    notes = tuple(
        f"{count} of {len(paths)} images were {done}" for count, done in zip(counts, what, strict=True) if count
    )
    return images, tuple(_readable(path.relative_to(folder)) for path in paths), notes


def _files_of(folder: Path) -> list[Path]:
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
    if not paths:
        raise InputError(f"{folder}: holds no images")
    return paths


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """An image whose header was read, and whose pixels were not."""
    with reading(path, "an image"):
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # within reading, which takes it back
        try:
            opened = Image.open(path)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise InputError(f"{path}: is a picture of more than {Image.MAX_IMAGE_PIXELS} pixels") from None
        except UnidentifiedImageError:
            raise InputError(f"{path}: cannot be read as an image (not an image)") from None
        with opened as image:
            yield image


def _readable(path: Path) -> str:
    """The path with slashes; bytes that are no text, which could not be written again, become U+FFFD."""
    return os.fsencode(path.as_posix()).decode("utf-8", errors="replace")


def _read_image(path: Path) -> tuple[Array, bool, bool]:
    """The pixels, whether they were turned, and whether something transparent was laid on white."""
    with _opened(path) as image:
        turned = image.getexif().get(_ORIENTATION, 1) in range(2, 9)
        upright = ImageOps.exif_transpose(image)
        see_through = upright.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in upright.info
        if upright.mode.startswith(("I", "F")):
            if see_through:
                raise ValueError("transparency in an image of more than 8 bits")
            return np.asarray(upright), turned, False
        grey = "L" if upright.mode in ("1", "L", "LA", "La") else "RGB"
        if not see_through:
            return np.asarray(upright.convert(grey)), turned, False
        layers = upright.convert("RGBA")
        white = Image.new("RGBA", layers.size, "white")
        shown = Image.alpha_composite(white, layers).convert(grey)
        return np.asarray(shown), turned, bool((np.asarray(layers)[..., 3] < 255).any())


def _describe(image: Array) -> str:
    return f"{image.shape[1]}×{image.shape[0]} {'grey' if image.ndim == 2 else 'colour'} {image.dtype}"
