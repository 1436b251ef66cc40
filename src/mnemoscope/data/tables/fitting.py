"""From the cells of a training set to its schema."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from mnemoscope.data.tables.cells import Cells, RawTable
from mnemoscope.data.tables.contents import names, scaled
from mnemoscope.data.tables.kinds import CONSTANT, EMPTY, Declared, infer
from mnemoscope.data.tables.schema import CATEGORIES, Column, TableSchema
from mnemoscope.data.tables.texts import MISSING, day_is_first, numbers
from mnemoscope.errors import InputError
from mnemoscope.text import listed, one_name

FEW_VALUES = 10


def fit_schema(table: RawTable, declared: Mapping[str, Declared]) -> TableSchema:
    """What the columns of a training set are: as they are declared, or else as they look.

    Raises:
        InputError: a declared column that is not there, cells that are not of their column's kind, two columns of
            classes or of groups, or no column that is left to compare.
    """
    if unknown := [name for name in declared if table.column(name) is None]:
        raise InputError(
            f"{table.name}: has no column {listed([repr(name) for name in unknown])}; it has {listed(table.names)}"
        )
    columns = tuple(_fit(cells, declared.get(cells.name), table) for cells in table.columns)
    for kind in ("class", "group"):
        if len(several := [column.name for column in columns if column.kind == kind]) > 1:
            raise InputError(f"{table.name}: columns {listed(several)} are all declared {kind}: there can be one")
    if not any(column.compared for column in columns):
        why = listed([f"{column.name} ({column.words})" for column in columns])
        raise InputError(f"{table.name}: leaves no column to compare: {why}")
    return TableSchema(columns)


def _fit(cells: Cells, said: Declared | None, table: RawTable) -> Column:
    if said is None:
        found = infer(cells, table.name)
        column, reason = Column(cells.name, found.declared.kind, pattern=found.declared.pattern), found.reason
        levels = found.declared.levels
    else:
        column, reason = Column(cells.name, said.kind, inferred=False, pattern=said.pattern), None
        levels = said.levels
    if reason == CONSTANT:
        return _left_out(cells, column)
    if column.kind in ("left-out", "group"):
        return replace(column, reason=reason)
    if column.scaled:
        return _on_a_line(cells, column, levels, table.name)
    return _of_categories(cells, column)


def _on_a_line(cells: Cells, column: Column, levels: tuple[str, ...] | None, table: str) -> Column:
    counts = cells.counts
    if column.kind == "ordinal":
        column = replace(column, levels=_levels(cells, levels, table))
    if column.kind == "date" and cells.form == "texts":
        column = replace(column, day_first=day_is_first(cells.texts)[0])
    values = scaled(cells, column, table).values
    filled = ~np.isnan(values) & (counts > 0)
    missing = int(counts[~filled].sum())
    if not filled.any() or (filled.sum() == 1 and not missing):
        return _left_out(cells, column)
    centre, scale = _moments(values[filled], counts[filled])
    return replace(column, centre=centre, scale=scale, missing=missing)


def _moments(values: Float[np.ndarray, " n"], counts: Int[np.ndarray, " n"]) -> tuple[float, float]:
    """Mean and standard deviation, of values in their order, so that the order of the rows does not matter."""
    order = np.argsort(values, kind="stable")
    values, weights = values[order], counts[order] / counts.sum()
    largest = float(np.abs(values).max()) or 1.0  # squares of what is very large or small would not be numbers
    centre = float(weights @ (values / largest))
    spread = float(np.sqrt(weights @ (values / largest - centre) ** 2)) * largest
    return centre * largest, spread or 1.0


def _levels(cells: Cells, levels: tuple[str, ...] | None, table: str) -> tuple[str, ...]:
    if levels is not None:
        return tuple(names(levels))
    used = _used(cells)
    if numbers(list(used)).bad is not None:
        such = "<".join(sorted(used)[:3])
        raise InputError(
            f"{table}: column {one_name(repr(cells.name))} holds words whose order nothing tells: declare it as "
            f"ordinal:{one_name(such)}, in their order"
        )
    return tuple(sorted(used, key=float))


def _used(cells: Cells) -> Counter[str]:
    """How many rows have each name of a category."""
    used: Counter[str] = Counter()
    for name, count, missing in zip(names(cells.texts), cells.counts.tolist(), cells.missing, strict=True):
        if count and not missing:
            used[name] += count
    return used


def _of_categories(cells: Cells, column: Column) -> Column:
    frequency = _used(cells)
    missing = len(cells.codes) - frequency.total()
    if not frequency or (len(frequency) == 1 and not missing):
        return _left_out(cells, column)
    ranked = sorted(frequency, key=lambda name: (-frequency[name], name))
    return replace(
        column, levels=tuple(sorted(ranked[:CATEGORIES])), others=frozenset(ranked[CATEGORIES:]), missing=missing
    )


def _left_out(cells: Cells, column: Column) -> Column:
    """One that tells no row from another; its one content is kept, so that another one in other sets is noticed."""
    found = _used(cells)
    return replace(column, kind="left-out", reason=CONSTANT if found else EMPTY, levels=tuple(found)[:1])


def about(table: RawTable, schema: TableSchema) -> tuple[str, ...]:
    """What a reader should know of a schema: how many columns of each kind, what is left out, what may be otherwise."""
    notes = [f"was read as a table of {schema.words}"]
    reasons: dict[str, list[str]] = {}
    for column in schema.columns:
        if column.kind == "left-out" and column.reason is not None:
            reasons.setdefault(column.reason, []).append(column.name)
    notes += [f"{len(left)} columns were left out, {reason}: {listed(left)}" for reason, left in reasons.items()]
    pairs = zip(table.columns, schema.columns, strict=True)
    if few := [column.name for cells, column in pairs if _few(cells, column)]:
        notes.append(
            f"{len(few)} columns have no more than {FEW_VALUES} whole numbers and were read as numeric, not as codes "
            f"of categories: {listed(few)}"
        )
    if gaps := [f"{column.name} ({column.missing})" for column in schema.columns if column.missing]:
        notes.append(f"cells are missing in {len(gaps)} columns, such as {listed(gaps)}")
    if many := [f"{column.name} ({len(column.others)})" for column in schema.columns if column.others]:
        notes.append(
            f"of {len(many)} columns only the {CATEGORIES} most frequent categories are told apart: {listed(many)}"
        )
    return tuple(notes)


def _few(cells: Cells, column: Column) -> bool:
    if column.kind != "numeric" or not column.inferred or len(cells.contents) > FEW_VALUES + len(MISSING):
        return False
    values = cells.numbers.values[cells.counts > 0]
    values = values[~np.isnan(values)]
    return len(values) <= FEW_VALUES and bool((values == np.round(values)).all())
