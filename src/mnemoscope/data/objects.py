"""What Python code holds as data, as a data set: the one boundary of every function that takes one.

Arrays are taken as they are. What gives its items one by one (torch's data sets and loaders, ``datasets.Dataset``,
lists of pictures) is read once, as ``load`` reads it, with its classes and with notes on what was passed over.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from mnemoscope.data.arrays import ArrayLike, as_array
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.files import load
from mnemoscope.data.sources import is_object_source
from mnemoscope.data.sources.hugging_face import Rows

DataLike: TypeAlias = Dataset | ArrayLike | TorchDataset[Any] | DataLoader[Any] | Rows | Sequence[Any]
"""What a function takes that needs a data set; sequences are of Pillow's images, or of rows of numbers."""


def as_dataset(values: DataLike, name: str) -> Dataset:
    """The data set that an object is; a ``Dataset`` passes through.

    Args:
        values: as ``DataLike``.
        name: what errors and reports call it.

    Raises:
        InputError: as ``load``, or what ``Dataset`` refuses.
    """
    if isinstance(values, Dataset):
        return values
    if not isinstance(values, np.ndarray | Tensor) and is_object_source(values):
        return load(values).described(name=name)
    return Dataset(as_array(values, name), name)
