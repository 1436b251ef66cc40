"""Tables: CSV and Parquet files and data frames, a row an item.

A training set brings its schema; other sets are read by that of theirs, ``Options.schema``.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from mnemoscope.data.census import Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.data.sources.contract import Source
from mnemoscope.data.tables.cells import Cells, RawTable
from mnemoscope.data.tables.csv_files import read_csv
from mnemoscope.data.tables.encoding import encode, with_range
from mnemoscope.data.tables.fitting import about, fit_schema
from mnemoscope.data.tables.frames import from_frame, read_parquet
from mnemoscope.data.tables.schema import TableSchema
from mnemoscope.errors import InputError


class CsvFile(Source):
    """A file of comma-separated values, or of any other common delimiter."""

    reads, suffixes = ".csv or .tsv", (".csv", ".tsv", ".csv.gz", ".tsv.gz")

    def read(self, where: Path, key: str | None, options: Options) -> Dataset:
        known = options.schema
        names = [column.name for column in known.columns] if isinstance(known, TableSchema) else list(known or ())
        return as_rows(*read_csv(where, names or None), options)


class ParquetFile(Source):
    """A Parquet file, with the extra ``tables``."""

    reads, suffixes = ".parquet", (".parquet", ".pq")

    def read(self, where: Path, key: str | None, options: Options) -> Dataset:
        return as_rows(read_parquet(where), None, options)


class DataFrameSource(Source):
    """A data frame of pandas."""

    reads = "a DataFrame"

    def recognises(self, where: Any) -> bool:
        return is_frame(where)

    def read(self, where: Any, key: str | None, options: Options) -> Dataset:
        return as_rows(from_frame(where, type(where).__name__), None, options)


def is_frame(values: Any) -> bool:
    """Whether an object is a data frame of pandas, which need not be imported for that."""
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(values, pandas.DataFrame)


def as_rows(table: RawTable, census: Census | None, options: Options) -> Dataset:
    """The rows of a table as a data set, by the schema that is given, or by its own.

    Raises:
        InputError: as ``fit_schema`` and ``encode``.
    """
    if census is None:
        census = Census("rows")
        census.read(table.n_rows)
    if isinstance(options.schema, TableSchema):
        schema, encoded = options.schema, encode(table, options.schema)
        notes, source = encoded.notes, census.to_dict()
    else:
        fitted = fit_schema(table, options.schema or {})
        encoded = encode(table, fitted)
        schema = with_range(fitted, encoded)
        notes = (*encoded.notes, *about(table, schema))
        source = {**census.to_dict(), "columns": schema.to_dict()}
    return Dataset(
        encoded.array,
        table.name,
        schema.value_range,
        notes=notes,
        classes=encoded.classes,
        groups=encoded.groups,
        source=source,
        schema=schema,
    )


def rows_of_array(data: Dataset, schema: TableSchema) -> Dataset:
    """An array without names of columns, by the schema of a table: its columns are taken in their order.

    Raises:
        InputError: items that are no vectors, another number of columns, or columns that are not all numeric.
    """
    compared = [column for column in schema.columns if column.compared]
    others = [column.name for column in compared if column.kind != "numeric"]
    if others or data.event_shape != (len(compared),):
        need = f"{others[0]} is {next(c.kind for c in compared if c.kind != 'numeric')}" if others else ""
        raise InputError(
            f"{data.name}: is an array of event shape {data.event_shape} without names of columns, train a table of "
            f"{len(compared)} columns{f' ({need})' if need else ''}: give it as a table too"
        )
    values = np.asarray(data.array, np.float64)
    columns = tuple(Cells.of_numbers(column.name, values[:, place]) for place, column in enumerate(compared))
    encoded = encode(RawTable(data.name, columns, data.n_samples), schema)
    said = "has no names of columns: they were taken in the order of train's"
    notes = (*data.notes, said, *encoded.notes)
    return Dataset(encoded.array, data.name, schema.value_range, notes=notes, source=data.source, schema=schema)
