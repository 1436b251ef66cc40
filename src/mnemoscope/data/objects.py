"""What Python code holds as data, as a data set: the one boundary of every function that takes one.

Arrays are taken as they are. What gives its items one by one (torch's data sets and loaders, ``datasets.Dataset``,
lists of pictures) is read once, as ``load`` reads it, with its classes and with notes on what was passed over. Data
frames are tables where items are to be compared.
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
from mnemoscope.data.options import Options
from mnemoscope.data.sources import is_object_source
from mnemoscope.data.sources.hugging_face import Rows
from mnemoscope.data.sources.tables import as_rows, is_frame, rows_of_array
from mnemoscope.data.tables import Declaration, TableSchema, read_declaration
from mnemoscope.data.tables.frames import Frame, from_frame
from mnemoscope.errors import InputError
from mnemoscope.reading import reading

DataLike: TypeAlias = Dataset | ArrayLike | Frame | TorchDataset[Any] | DataLoader[Any] | Rows | Sequence[Any]
"""What a function takes that needs a data set. Frames are of pandas; sequences hold Pillow's images, or numbers."""


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


def as_compared(values: DataLike, name: str, schema: TableSchema | Declaration | None) -> Dataset:
    """The same where items are to be compared: a data frame is a table then, and its rows become vectors.

    Args:
        values: as ``DataLike``.
        name: what errors and reports call it.
        schema: of the training set, by which rows of the others are read; or what columns of the training set are
            declared to be; None where they are to be inferred, or beside a training set that is no table.

    Raises:
        InputError: as ``load`` and ``as_dataset``; columns declared of what is no data frame.
    """
    if not isinstance(values, Dataset) and is_frame(values):
        with reading(name):
            columns = schema if schema is None or isinstance(schema, TableSchema) else read_declaration(schema)
            return as_rows(from_frame(values, name), None, Options(schema=columns))
    data = as_dataset(values, name)
    if schema is None or (data.schema is not None and isinstance(schema, TableSchema)):
        return data
    if not isinstance(schema, TableSchema):
        raise InputError(f"schema: {data.name} is no data frame; load(..., schema=) reads files by it")
    return rows_of_array(data, schema)
