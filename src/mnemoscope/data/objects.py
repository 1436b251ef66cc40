"""What Python code holds as data, as a data set."""

from typing import TypeAlias

from mnemoscope.data.arrays import ArrayLike, as_array
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.data.sources.tables import as_rows, is_frame, rows_of_array
from mnemoscope.data.tables import Declaration, TableSchema, read_declaration
from mnemoscope.data.tables.frames import Frame, from_frame
from mnemoscope.errors import InputError
from mnemoscope.reading import reading

DataLike: TypeAlias = Dataset | ArrayLike | Frame
"""What a function takes that compares items; a frame is a data frame of pandas."""


def as_dataset(values: Dataset | ArrayLike, name: str) -> Dataset:
    """A Dataset from an array or tensor; a Dataset passes through."""
    return values if isinstance(values, Dataset) else Dataset(as_array(values, name), name)


def as_compared(values: DataLike, name: str, schema: TableSchema | Declaration | None) -> Dataset:
    """The same where items are to be compared: a data frame is a table then, and its rows become vectors.

    Args:
        values: as ``as_dataset`` takes it, or a data frame of pandas.
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
    data = values if isinstance(values, Dataset) else Dataset(as_array(values, name), name)
    if schema is None or (data.schema is not None and isinstance(schema, TableSchema)):
        return data
    if not isinstance(schema, TableSchema):
        raise InputError(f"schema: {data.name} is no data frame; load(..., schema=) reads files by it")
    return rows_of_array(data, schema)
