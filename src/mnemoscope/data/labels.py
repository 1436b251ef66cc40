"""Labels from files: one for each item, as classes and groups are."""

from pathlib import Path

import numpy as np

from mnemoscope.data.arrays import Array
from mnemoscope.data.numpy_files import load_npy
from mnemoscope.data.stored import read_stored
from mnemoscope.errors import InputError
from mnemoscope.reading import check_memory, reading


def load_labels(path: str | Path) -> Array:
    """One label for each item: an array of one axis from ``.npy``, or the lines of a text file.

    Raises:
        InputError: nothing there, or a file that is neither; the message names it.
    """
    file = Path(path)
    with reading(file, "labels"):
        # A line costs Python an object of some 60 bytes, and NumPy four bytes a character of the longest.
        check_memory(file, file.stat().st_size * (1 if file.suffix == ".npy" else 64))
        if file.suffix == ".npy":
            labels = read_stored(load_npy(file))
        else:
            labels = np.array(file.read_text(encoding="utf-8").splitlines())
    if labels.ndim != 1:
        raise InputError(f"{file}: labels are one for each item, got shape {labels.shape}")
    return np.asarray(labels)
