"""The real images that studies share: the bundled digits, Fashion-MNIST and CIFAR-10 where they are installed."""

import os
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mnemoscope.data import Dataset, load, load_digits
from mnemoscope.errors import InputError

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's dataset-fashion-mnist puts its files."""

CIFAR_10 = Path(os.environ.get("MNEMOSCOPE_CIFAR10", "/usr/share/datasets/cifar-10-batches-bin"))
"""The folder of CIFAR-10's binary version. No package has it: it is where the user says, if anywhere."""

ImageName: TypeAlias = Literal["digits", "fashion-mnist"]


def image_names() -> list[ImageName]:
    """The image sets that are there."""
    return ["digits", "fashion-mnist"] if FASHION_MNIST.is_dir() else ["digits"]


def has_cifar_10() -> bool:
    """Whether the folder of CIFAR-10 is there."""
    return CIFAR_10.is_dir()


def missing_images() -> str:
    """A sentence for captions where Fashion-MNIST is not there, else nothing."""
    return "" if FASHION_MNIST.is_dir() else " Fashion-MNIST is skipped: it is not installed."


@cache
def load_images(name: str) -> Dataset:
    """The bundled digits (8×8), or 20,000 images of Fashion-MNIST averaged to 14×14."""
    if name == "digits":
        return load_digits()
    return Dataset(average_pixels(load(FASHION_MNIST).array[:20_000]), "Fashion-MNIST, 14×14", (0.0, 255.0))


def average_pixels(images: NDArray[Any]) -> NDArray[np.float32]:
    """Squares of 2×2 pixels averaged, on the last two axes: images of 28×28 become 14×14."""
    *first, height, width = images.shape
    averaged: NDArray[np.float32] = (
        images.astype(np.float32).reshape(*first, height // 2, 2, width // 2, 2).mean(axis=(-3, -1))
    )
    return averaged


def load_cifar_10(part: Literal["train", "test"], count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The first images, shape ``(count, 3, 32, 32)``, and their labels.

    Raises:
        InputError: a file that is missing or of the wrong length, or too few images.
    """
    names = ["test_batch.bin"] if part == "test" else [f"data_batch_{k}.bin" for k in range(1, 6)]
    records = np.empty((0, 1 + 3 * 32 * 32), np.uint8)
    for name in names:
        if len(records) >= count:
            break
        file = CIFAR_10 / name
        if not file.is_file():
            raise InputError(f"{file}: no such file; MNEMOSCOPE_CIFAR10 names the folder of CIFAR-10's binary version")
        values = np.fromfile(file, np.uint8)
        if not values.size or values.size % records.shape[1]:
            raise InputError(f"{file}: {values.size} bytes are no images of CIFAR-10, which take 3,073 each")
        records = np.concatenate([records, values.reshape(-1, records.shape[1])])
    if len(records) < count:
        raise InputError(f"{CIFAR_10}: holds {len(records)} images for {part}, {count} are asked for")
    return records[:count, 1:].reshape(count, 3, 32, 32), records[:count, 0]
