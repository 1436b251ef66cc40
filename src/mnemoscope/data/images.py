"""One image as an array, as a viewer shows it, and how the axes of an item are laid out.

An image keeps its bits: grey images of 16 or 32 bits stay that deep, and what Pillow would cut to 8 bits is refused.
Whatever was done to an image is a remark, which data sets count in their notes.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, TypeAlias, cast

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mnemoscope.data.arrays import Array
from mnemoscope.data.channels import Channels, recolour
from mnemoscope.data.first_bytes import N_BYTES, told_apart
from mnemoscope.data.resizing import fit
from mnemoscope.errors import InputError
from mnemoscope.reading import reading

ImageLayout: TypeAlias = Literal["HW", "CHW", "HWC"]

IMAGE_SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".tif", ".tiff", ".webp"),
    *(".avif", ".avifs", ".jp2", ".j2k", ".jpf", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".tga"),
    *(".ico", ".pcx", ".sgi", ".rgb", ".rgba", ".bw", ".dds", ".psd", ".qoi", ".heic", ".heif", ".jxl"),
    *(".exr", ".hdr", ".dng", ".cr2", ".nef", ".arw"),
)
"""Names of images: a file with one of them is read or refused, never passed over."""

_CHANNELS = (1, 3)
_GREY = ("1", "L", "LA", "La")

# What Pillow finds odd is read or refused here; without a handler Python would print it besides.
logging.getLogger("PIL").addHandler(logging.NullHandler())

_ORIENTATION = 0x0112
"""The EXIF tag of how a camera was held; 1 is upright."""

_HEADERS = 2**16
"""Bytes within which an image tells how many bits it has."""

TURNED = "turned as their EXIF orientation says"
ON_WHITE = "laid on white where they are transparent"
FROM_INK = "brought from CMYK to RGB, without a colour profile"


def image_layout(event_shape: tuple[int, ...]) -> ImageLayout | None:
    """How an item of this shape reads as a grey or colour picture, or None where it does not."""
    if len(event_shape) == 2:
        return "HW"
    if len(event_shape) == 3 and event_shape[0] in _CHANNELS:
        return "CHW"
    if len(event_shape) == 3 and event_shape[2] in _CHANNELS:
        return "HWC"
    return None


class Picture(NamedTuple):
    """An image that was read.

    Attributes:
        pixels: ``(height, width)`` of a grey image, ``(height, width, 3)`` of all others.
        remarks: what was done to it.
        further_frames: how many frames it has that were not read.
    """

    pixels: Array
    remarks: tuple[str, ...]
    further_frames: int


def read_image(
    file: BufferedIOBase, name: str | Path, size: int | None = None, channels: Channels | None = None
) -> Picture:
    """Decode an image.

    Args:
        file: its encoded content.
        name: what errors call it.
        size: fit it into a square of this size.
        channels: whether it is to be grey or in colour, whatever it is stored as.

    Raises:
        InputError: not an image, cut short, more pixels than Pillow's guard, transparency or colour of more than
            8 bits.
    """
    with _opened(file, name) as image:
        return as_picture(image, name, size, channels)


def look_at_image(file: BufferedIOBase, name: str | Path) -> tuple[tuple[int, ...], int]:
    """The shape that ``read_image`` would give, by the header, and the bytes of a value.

    Raises:
        InputError: as ``read_image``.
    """
    with _opened(file, name) as image:
        high = image.mode.startswith(("I", "F"))
        itemsize = (2 if image.mode.startswith("I;16") else 4) if high else 1
        if image.getexif().get(_ORIENTATION, 1) in range(5, 9):  # Pillow gives one size or the other, by the format
            return as_picture(image, name).pixels.shape, itemsize
        width, height = image.size
        return (height, width, *(() if high or image.mode in _GREY else (3,))), itemsize


@contextmanager
def _opened(file: BufferedIOBase, name: str | Path) -> Iterator[Image.Image]:
    """An image whose header was read, and whose pixels were not."""
    first = file.read(_HEADERS)
    file.seek(0)
    with told_apart(name, first[:N_BYTES]), reading(name, "an image"):
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # within reading, which takes it back
        try:
            opened = Image.open(cast("IO[bytes]", file))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise InputError(f"{name}: is a picture of more than {Image.MAX_IMAGE_PIXELS} pixels") from None
        except UnidentifiedImageError:
            raise InputError(f"{name}: cannot be read as an image (not an image)") from None
        with opened as image:
            if _is_cut_to_8_bits(image, first):
                raise InputError(
                    f"{name}: holds more than 8 bits a channel in colour or with transparency, which would be cut to "
                    f"8: convert it to 8 bits, or save the values as .npy"
                )
            yield image


def as_picture(
    image: Image.Image, name: str | Path, size: int | None = None, channels: Channels | None = None
) -> Picture:
    """An opened image as a viewer shows it: turned upright, over white, palettes and inks as colours."""
    further = getattr(image, "n_frames", 1) - 1
    remarks = [TURNED] if image.getexif().get(_ORIENTATION, 1) in range(2, 9) else []
    upright = ImageOps.exif_transpose(image)
    pixels, done = _pixels(upright)
    remarks += done
    if channels in ("grey", "colour"):
        stored, pixels = pixels, recolour(pixels, channels, name)
        remarks += [] if pixels is stored else [f"read as {channels} though they are stored otherwise"]
    if size is not None:
        pixels, done = fit(pixels, size)
        remarks += done
    return Picture(pixels, tuple(remarks), further)


def _pixels(image: Image.Image) -> tuple[Array, list[str]]:
    see_through = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    if image.mode.startswith(("I", "F")):
        if see_through:
            raise ValueError("transparency in an image of more than 8 bits")
        return np.asarray(image), []
    grey = "L" if image.mode in _GREY else "RGB"
    if not see_through:
        return np.asarray(image.convert(grey)), [FROM_INK] if image.mode == "CMYK" else []
    layers = image.convert("RGBA")
    white = Image.new("RGBA", layers.size, "white")
    shown = Image.alpha_composite(white, layers).convert(grey)
    return np.asarray(shown), [ON_WHITE] if bool((np.asarray(layers)[..., 3] < 255).any()) else []


def _is_cut_to_8_bits(image: Any, first: bytes) -> bool:
    """Whether the file holds more bits than the 8-bit mode in which Pillow opens it."""
    if image.mode.startswith(("I", "F")):
        return False
    if image.format == "JPEG2000":
        # The marker SIZ: its length, capabilities, eight sizes of 4 bytes, the number of components, their bits − 1.
        at = first.find(b"\xff\x51")
        return at < 0 or len(first) <= at + 40 or first[at + 40] & 0x7F > 7
    if image.format == "AVIF":
        # The box of the codec's settings: its third byte has the flag of high bit depth.
        at = first.find(b"av1C")
        return at < 0 or len(first) <= at + 6 or bool(first[at + 6] & 0x40)
    for tile in getattr(image, "tile", ()):
        codec, arguments = tile[0], tile[3]
        arguments = arguments if isinstance(arguments, tuple) else (arguments,)
        if any(isinstance(one, str) and (";16" in one or ";12" in one) for one in arguments):
            return True
        if codec == "ppm" and any(isinstance(one, int) and one > 255 for one in arguments):
            return True
    return False
