"""Data frames of pandas, and Parquet files through them, as tables of cells."""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from mnemoscope.data.tables.cells import Cells, RawTable
from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.reading import check_memory
from mnemoscope.text import one_name


@runtime_checkable
class Frame(Protocol):
    """What a data frame of pandas is told by in signatures, since its import takes long."""

    columns: Any
    index: Any
    iloc: Any


_PLAIN = (str, bool, int, float, np.generic)


def from_frame(frame: Any, name: str) -> RawTable:
    """The columns of a data frame; its index is not read.

    Args:
        frame: of pandas.
        name: what errors call it.

    Raises:
        InputError: no rows, two columns of one name, columns of several levels, complex numbers, or objects that are no
            single values; the message names the column and the row, which counts from 0.
    """
    if getattr(frame.columns, "nlevels", 1) > 1:
        raise InputError(f"{name}: its columns have names of {frame.columns.nlevels} levels: join them to one")
    titles = [str(title).strip() or f"column {place}" for place, title in enumerate(frame.columns, 1)]
    columns = tuple(_cells(title, frame.iloc[:, place], name) for place, title in enumerate(titles))
    plain = type(frame.index).__name__ == "RangeIndex"
    return RawTable(name, columns, len(frame), () if plain else ("its index is not read",))


def read_parquet(path: Path) -> RawTable:
    """The columns of a Parquet file.

    Raises:
        InputError: as ``from_frame``.
        MissingExtraError: without pyarrow.
    """
    parquet = optional("pyarrow.parquet", "tables")
    about = parquet.ParquetFile(path).metadata
    check_memory(path, 3 * max(8 * about.num_rows * about.num_columns, path.stat().st_size))
    return from_frame(parquet.read_table(path).to_pandas(), str(path))


def _cells(title: str, column: Any, table: str) -> Cells:
    import pandas as pd

    kind = column.dtype
    if isinstance(kind, pd.CategoricalDtype):
        column = column if kind.ordered else column.cat.remove_unused_categories()
        levels = [str(level) for level in column.cat.categories]
        codes = np.where(column.cat.codes < 0, len(levels), column.cat.codes).astype(np.int64)
        return Cells(title, codes, np.array([*levels, ""], object), "levels" if kind.ordered else "texts")
    if isinstance(kind, pd.DatetimeTZDtype) or getattr(kind, "kind", "") == "M":
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None) if isinstance(kind, pd.DatetimeTZDtype) else column
        moments = naive.to_numpy("datetime64[us]")
        seconds = np.where(np.isnat(moments), np.nan, moments.astype(np.int64) / 1e6)
        return Cells.of_numbers(title, seconds, "dates")
    if getattr(kind, "kind", "") == "m":
        spans = column.to_numpy("timedelta64[us]")
        return Cells.of_numbers(title, np.where(np.isnat(spans), np.nan, spans.astype(np.int64) / 1e6))
    if pd.api.types.is_complex_dtype(kind):
        raise InputError(f"{table}: column {one_name(repr(title))} holds complex numbers")
    if pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind):
        return Cells.of_numbers(title, column.to_numpy(np.float64, na_value=np.nan))
    return _of_objects(title, column, table)


def _of_objects(title: str, column: Any, table: str) -> Cells:
    """Single values of any kind, as the texts that a CSV file would have."""
    known: dict[str, int] = {}
    codes = np.empty(len(column), np.int64)
    for row, value in enumerate(column.tolist()):
        codes[row] = known.setdefault(_as_text(value, title, row, table), len(known))
    made = np.empty(len(known), object)
    made[:] = list(known)
    return Cells(title, codes, made)


def _as_text(value: Any, title: str, row: int, table: str) -> str:
    if isinstance(value, str):
        return value
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return ""
    if isinstance(value, _PLAIN) or hasattr(value, "isoformat") or type(value).__name__ in ("Decimal", "Period"):
        return str(value)
    raise InputError(
        f"{table}: row {row} of column {one_name(repr(title))} holds a {type(value).__name__}, not a single value"
    )
