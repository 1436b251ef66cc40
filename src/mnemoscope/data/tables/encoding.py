"""Rows as vectors, whose Euclidean distance is that of the rows (see ``schema``)."""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mnemoscope.data.tables.cells import Cells, RawTable
from mnemoscope.data.tables.contents import names, scaled
from mnemoscope.data.tables.kinds import CONSTANT
from mnemoscope.data.tables.schema import Column, TableSchema
from mnemoscope.data.tables.texts import is_missing
from mnemoscope.errors import InputError
from mnemoscope.reading import check_memory
from mnemoscope.text import listed, one_name

_HALF = math.sqrt(0.5)
_FARTHEST = 1e100
"""Standard deviations from the mean, beyond which squares are no numbers any more."""


@dataclass(frozen=True)
class Encoded:
    """The rows of a table as vectors.

    Attributes:
        array: shape ``(rows, width)``.
        notes: what the table has that the training set does not have, and what was not read.
        classes: of the rows, where the schema has a column of them and so has the table.
        groups: the same.
    """

    array: Float[np.ndarray, "rows width"]
    notes: tuple[str, ...]
    classes: tuple[str, ...] | None
    groups: tuple[str, ...] | None


class _Block(NamedTuple):
    """Coordinates of a column's contents, shape ``(contents, width)``, and what each adds to the last one, squared."""

    values: Float[np.ndarray, "contents width"]
    new: Float[np.ndarray, " contents"]


def encode(table: RawTable, schema: TableSchema) -> Encoded:
    """The rows of a table, by the schema of the training set.

    Raises:
        InputError: a column is not there, or cells are not of its kind; the message names column and row.
    """
    notes = list(table.notes)
    check_memory(table.name, 8 * table.n_rows * (schema.width + 2))
    array, new, at = np.zeros((table.n_rows, schema.width)), np.zeros(table.n_rows), 0
    for column in schema.columns:
        if not column.compared:
            continue
        cells = table.column(column.name)
        if cells is None:
            raise _no_column(table, schema, column.name)
        block = (_line if column.scaled else _one_hot)(cells, column, table, notes)
        width = block.values.shape[1]
        np.take(block.values, cells.codes, axis=0, out=array[:, at : at + width])
        new += block.new[cells.codes]
        at += width
    array[:, -1] = np.sqrt(new)
    array += 0.0  # no negative zeros
    notes += _beside(table, schema)
    return Encoded(array, tuple(notes), _labels(table, schema.column("class")), _labels(table, schema.column("group")))


def with_range(schema: TableSchema, encoded: Encoded) -> TableSchema:
    """The schema of the training set with the extremes of its vectors."""
    return replace(schema, value_range=(float(encoded.array.min()), float(encoded.array.max())))


def _line(cells: Cells, column: Column, table: RawTable, notes: list[str]) -> _Block:
    values, said, unread = scaled(cells, column, table.name)
    name, counts = one_name(column.name), cells.counts
    if said is not None:
        notes.append(f"numbers are written {said} in columns such as {name}")
    if unread.any():
        n_unread = int(counts[unread].sum())
        notes.append(f"cells of column {name} that are no numbers were read as missing, such as {n_unread}")
    gone = np.isnan(values)
    with np.errstate(over="ignore"):
        places = np.where(gone, 0.0, (values - column.centre) / column.scale)
    if (far := (np.abs(places) > _FARTHEST) & (counts > 0)).any():
        row = cells.row_of(int(np.argmax(far)))
        raise InputError(
            f"{table.name}: row {row} of column {one_name(repr(column.name))} is {values[far][0]:.3g}, beyond "
            f"{_FARTHEST:g} standard deviations of train"
        )
    places = np.where(counts > 0, places, 0.0)
    if column.missing:
        return _Block(np.stack([places, gone.astype(float)], axis=1), np.zeros(len(values)))
    if n_gone := int(counts[gone].sum()):
        notes.append(f"cells of column {name} are missing, and none of train's, such as {n_gone} of {table.n_rows}")
    return _Block(places[:, None], gone.astype(float))


def _one_hot(cells: Cells, column: Column, table: RawTable, notes: list[str]) -> _Block:
    places = {level: place for place, level in enumerate(column.levels)}
    places |= dict.fromkeys(column.others, len(column.levels))
    texts, counts = cells.texts, cells.counts
    width = len(column.coordinates)
    block, unseen = np.zeros((len(texts), width)), np.zeros(len(texts), bool)
    named = names(texts, [*column.levels, *column.others])
    for content, (missing, name) in enumerate(zip(cells.missing, named, strict=True)):
        place = (width - 1 if column.missing else None) if missing else places.get(name)
        if place is None:
            unseen[content] = True
        else:
            block[content, place] = _HALF
    if n_unseen := int(counts[unseen].sum()):
        such = [text or "a missing cell" for text, new, n in zip(texts, unseen, counts, strict=True) if new and n]
        notes.append(
            f"column {one_name(column.name)} has contents that train's does not have, such as {one_name(such[0])}; "
            f"they are {len(such)}, in {n_unseen} of {table.n_rows} rows"
        )
    return _Block(block, unseen / 2)


def _beside(table: RawTable, schema: TableSchema) -> list[str]:
    """What else the table has: columns that train has not, or in another order."""
    known = [column.name for column in schema.columns]
    notes = []
    if extra := [name for name in table.names if name not in set(known)]:
        notes.append(f"{len(extra)} columns that train does not have were not read: {listed(extra)}")
    shared = [name for name in table.names if name in set(known)]
    if shared != [name for name in known if name in set(shared)]:
        notes.append("its columns stand in another order than train's, and were matched by their names")
    for column in schema.columns:
        cells = table.column(column.name)
        if cells is None or column.reason != CONSTANT:
            continue
        other = np.array([name not in column.levels for name in names(cells.texts, column.levels)])
        if n_other := int(other[cells.codes].sum()):
            notes.append(
                f"column {one_name(column.name)} is constant in train and left out, and has other contents here, such "
                f"as in {n_other} of {table.n_rows} rows"
            )
    return notes


def _no_column(table: RawTable, schema: TableSchema, name: str) -> InputError:
    gone = [column.name for column in schema.columns if column.compared and table.column(column.name) is None]
    others = [other for other in table.names if other not in {column.name for column in schema.columns}]
    alike = [other for other in others if other.strip().lower() == name.strip().lower()]
    hint = f"; is it {one_name(repr(alike[0]))}?" if alike else f"; it has {listed(table.names)}"
    return InputError(
        f"{table.name}: lacks {len(gone)} columns of train, {listed([repr(other) for other in gone])}{hint}"
    )


def _labels(table: RawTable, column: Column | None) -> tuple[str, ...] | None:
    cells = None if column is None else table.column(column.name)
    if cells is None:
        return None
    found = ["(missing)" if is_missing(name) else name for name in names(cells.texts)]
    return tuple(found[code] for code in cells.codes.tolist())
