"""Images as entries of something: which entries of a folder or an archive are images, and all of them as a data set."""

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from mnemoscope.data.census import FOREIGN, HIDDEN, Census, is_hidden
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.first_bytes import is_image
from mnemoscope.data.gather import Encoded, decode
from mnemoscope.data.images import IMAGE_SUFFIXES
from mnemoscope.data.options import Options
from mnemoscope.errors import InputError


def is_image_name(name: str) -> bool:
    """Whether a file of this name is read as an image or refused."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def sort_out(entries: Iterable[Encoded], first: Callable[[str], bytes], census: Census) -> list[Encoded]:
    """The images among entries, by their names or else by their ``first`` bytes; the others are counted."""
    images = []
    for entry in entries:
        if any(is_hidden(part) for part in PurePosixPath(entry.name).parts):
            census.pass_over(entry.name, HIDDEN)
        elif is_image_name(entry.name) or is_image(first(entry.name)):
            images.append(entry)
            census.read()
        else:
            census.pass_over(entry.name, FOREIGN)
    return images


def as_dataset(where: Path, images: list[Encoded], census: Census, options: Options) -> Dataset:
    """A data set of images with their names and the counts of what lay beside them.

    Raises:
        InputError: there are none, or as ``decode``.
    """
    if not images:
        there = "; ".join(census.notes())
        raise InputError(f"{where}: holds no images" + (f": {there}" if there else ""))
    pixels, notes = decode(where, images, options)
    names = tuple(image.name for image in images)
    return Dataset(pixels, str(where), names=names, notes=(*census.notes(), *notes), source=census.to_dict())
