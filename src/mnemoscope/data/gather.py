"""Images, wherever they lie, into one array."""

from collections import Counter
from collections.abc import Callable, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnemoscope.data.arrays import Array
from mnemoscope.data.census import FRAMES, Census
from mnemoscope.data.images import Picture, read_image
from mnemoscope.data.options import DEFAULT, Options
from mnemoscope.errors import InputError
from mnemoscope.progress import track
from mnemoscope.reading import check_memory


class Encoded(NamedTuple):
    """An encoded image.

    Attributes:
        name: within its source.
        path: what errors call it.
        open: gives its content as a file that can seek.
    """

    name: str
    path: str | Path
    open: Callable[[], BufferedIOBase]


def decode(where: str | Path, images: Sequence[Encoded], options: Options = DEFAULT) -> tuple[Array, tuple[str, ...]]:
    """Images of one size and kind, shape ``(n, height, width)`` or ``(n, height, width, 3)``, and notes on them.

    Args:
        where: the source, for messages.
        images: at least one.
        options: the size and channels that are asked for.

    Raises:
        InputError: an image that cannot be read, or whose size or kind is not that of the first; the file is named.
    """

    def read(image: Encoded) -> Picture:
        with image.open() as file:
            return read_image(file, image.path, options.resize, options.channels)

    first = read(images[0]).pixels
    check_memory(where, len(images) * first.nbytes)
    pixels = np.empty((len(images), *first.shape), first.dtype)
    remarks: Counter[str] = Counter()
    frames = Census("frames of images")
    for index, image in enumerate(track(images, "reading images", enabled=options.progress)):
        picture = read(image)
        if (picture.pixels.shape, picture.pixels.dtype) != (first.shape, first.dtype):
            raise InputError(
                f"{image.path}: is {_describe(picture.pixels)}, but {Path(images[0].name).name} is {_describe(first)}"
                f"{_remedy(picture.pixels, first)}"
            )
        pixels[index] = picture.pixels
        remarks.update(picture.remarks)
        frames.read()
        if picture.further_frames:
            frames.pass_over(image.name, FRAMES, picture.further_frames)
    said = tuple(f"{count} of {len(images)} images were {done}" for done, count in remarks.items())
    return pixels, said + frames.notes()


def _remedy(one: Array, other: Array) -> str:
    if one.shape[:2] != other.shape[:2]:
        return "; --resize SIZE, or load(..., resize=SIZE), brings all to one size"
    if one.dtype == other.dtype and one.ndim != other.ndim:
        return "; --channels colour, or load(..., channels='colour'), reads grey images as colour too"
    return "; save them all with the same bits and channels"


def _describe(image: Array) -> str:
    return f"{image.shape[1]}×{image.shape[0]} {'grey' if image.ndim == 2 else 'colour'} {image.dtype}"
