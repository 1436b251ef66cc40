"""Images as entries of something: which entries of a folder or an archive are images, and all of them as a data set."""

from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath

from mnemoscope.data.census import FOREIGN, HIDDEN, Census, is_hidden
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.decoding import Encoded
from mnemoscope.data.first_bytes import is_image
from mnemoscope.data.gather import decode
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


def of_images(where: Path, images: list[Encoded], census: Census, options: Options) -> Dataset:
    """A data set of images with their names, the classes of their folders and the counts of what lay beside them.

    Raises:
        InputError: there are none, or as ``decode``.
    """
    if not images:
        there = "; ".join(census.notes())
        raise InputError(f"{where}: holds no images" + (f": {there}" if there else ""))
    pixels, notes = decode(where, images, options)
    names = tuple(image.name for image in images)
    said, source = (*census.notes(), *notes), census.to_dict()
    return Dataset(pixels, str(where), names=names, notes=said, classes=folder_classes(names), source=source)


def folder_classes(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """The outermost folder that tells the items apart, as their classes; None where some lie in none of their own.

    Folders that all items share, such as ``images/`` in an archive, are no classes.
    """
    folders = [PurePosixPath(name).parts[:-1] for name in names]
    shared = 0
    while len({parts[shared : shared + 1] for parts in folders}) == 1 and len(folders[0]) > shared:
        shared += 1
    if any(len(parts) <= shared for parts in folders):
        return None
    return tuple(parts[shared] for parts in folders)
