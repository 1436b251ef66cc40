"""The kinds of columns: how they are told by what is in them, and how a user declares them.

Rules, in this order; what they find is said in every report, and a declaration takes their place:

- nothing but missing cells, or one content throughout: left out;
- numbers: two of them are two categories; whole ones that are all different, where chance would have repeated some, are
  identifiers and left out; all others are numeric;
- dates; levels that a data frame has in an order;
- texts: those that are all different are identifiers and left out, all others categories. Where texts stand among
  numbers and there are many of both, nothing is guessed.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import numpy as np

from mnemoscope.choose import check_kind, check_name
from mnemoscope.data.tables.cells import Cells
from mnemoscope.data.tables.texts import dates, day_is_first
from mnemoscope.errors import InputError
from mnemoscope.reading import reading
from mnemoscope.text import one_name

Kind: TypeAlias = Literal["numeric", "categorical", "ordinal", "date", "class", "group", "left-out"]
"""A class column is a categorical one that lends the items their classes; a group column lends them their groups and is
no part of the distance."""

EMPTY, CONSTANT, IDENTIFIER = (
    "no cell is filled",
    "one content throughout",
    "every row has another content, as identifiers have",
)

_FEW = 50
_SURE = 1e-6


@dataclass(frozen=True)
class Declared:
    """What a column is said to be.

    Attributes:
        kind: its kind.
        levels: of an ordinal column, in their order.
        pattern: of a date column, as ``datetime.strptime`` takes it.
    """

    kind: Kind
    levels: tuple[str, ...] | None = None
    pattern: str | None = None


Declaration: TypeAlias = Mapping[str, Any]
"""By the names of columns: a kind as text (``numeric``, ``ordinal:low<mid<high``, ``date:%d.%m.%Y``), or a mapping with
``kind``, ``levels`` and ``pattern``."""


def read_declaration(where: Declaration | str | Path) -> dict[str, Declared]:
    """What columns are declared to be.

    Args:
        where: a mapping, or a JSON file of one; either may hold it under ``columns``, as reports do.

    Raises:
        InputError: something else, an unknown kind, levels without an order; the message names the column.
    """
    what, content = "schema", where
    if isinstance(where, str | Path):
        what = str(where)
        with reading(where, "JSON"):
            content = json.loads(Path(where).read_text(encoding="utf-8"))
    check_kind(content, Mapping, what)
    assert isinstance(content, Mapping)
    inner = content.get("columns")
    content = inner if isinstance(inner, Mapping) and "kind" not in inner else content
    return {str(name): _declared(value, f"{what}: column {one_name(repr(name))}") for name, value in content.items()}


def declare(
    schema: Declaration | str | Path | None,
    columns: Sequence[str] = (),
    classes_column: str | None = None,
    groups_column: str | None = None,
) -> dict[str, Declared]:
    """What a command line declares: a file, ``NAME=KIND`` for single columns, and the columns of classes and groups.

    Raises:
        InputError: as ``read_declaration`` and ``parse_column``.
    """
    given = {} if schema is None else read_declaration(schema)
    named: dict[str, str] = dict(map(parse_column, columns))
    named |= {name: kind for name, kind in ((classes_column, "class"), (groups_column, "group")) if name is not None}
    return given | read_declaration(named)


def parse_column(text: str) -> tuple[str, str]:
    """``NAME=KIND`` as its two parts; a name may have a sign of equality.

    Raises:
        InputError: there is none, or no known kind after it.
    """
    found = re.fullmatch(rf"(.*)=((?:{'|'.join(get_args(Kind))})(?::.*)?)", text, re.DOTALL)
    if not found:
        raise InputError(f"--column: needs NAME=KIND with a kind among {', '.join(get_args(Kind))}, got {text!r}")
    return found[1], found[2]


def _declared(value: Any, what: str) -> Declared:
    if isinstance(value, Declared):
        return value
    if isinstance(value, Mapping):
        kind, levels, pattern = value.get("kind", ""), value.get("levels"), value.get("pattern")
    else:
        check_kind(value, str, what)
        kind, _, more = value.partition(":")
        levels = re.split(r"\s*<\s*", more) if kind == "ordinal" and more else None
        pattern = more if kind == "date" and more else None
        if more and levels is None and pattern is None:
            raise InputError(f"{what}: a column that is {kind} takes nothing after a colon, got {more!r}")
    check_name(kind, get_args(Kind), what)
    if levels is not None and (isinstance(levels, str) or len(set(levels)) < max(2, len(levels))):
        raise InputError(f"{what}: needs two different levels or more, in their order, as ordinal:low<mid<high")
    return Declared(cast("Kind", kind), None if levels is None else tuple(map(str, levels)), pattern)


@dataclass(frozen=True)
class Inferred:
    """What a column was found to be, and why where it is left out."""

    declared: Declared
    reason: str | None = None


def infer(cells: Cells, table: str) -> Inferred:
    """The kind of a column by the rules above.

    Args:
        cells: the column in the training set.
        table: what errors call that.

    Raises:
        InputError: many numbers with texts among them, or dates of which nothing tells the day from the month.
    """
    present = np.flatnonzero((cells.counts > 0) & ~cells.missing)
    n_filled = int(cells.counts[present].sum())
    if not len(present):
        return Inferred(Declared("left-out"), EMPTY)
    if len(present) == 1:
        whole = n_filled == len(cells.codes)
        return Inferred(Declared("left-out"), CONSTANT) if whole else Inferred(Declared("categorical"))
    if cells.form == "levels":
        levels = tuple(text for text, missing in zip(cells.texts, cells.missing, strict=True) if not missing)
        return Inferred(Declared("ordinal", levels))
    if cells.form == "dates":
        return Inferred(Declared("date"))
    values, bad, _, n_read = cells.numbers
    if bad is None:
        return _of_numbers(np.unique(values[present]), n_filled)
    if n_read > _FEW and 2 * n_read > len(present):
        raise InputError(
            f"{table}: row {cells.row_of(bad)} of column {one_name(repr(cells.name))} is "
            f"{one_name(repr(cells.texts[bad]))} among {n_read} different numbers: declare it numeric (what is no "
            f"number is missing then) or categorical"
        )
    if _are_dates([cells.texts[place] for place in present.tolist()], cells.name, table):
        return Inferred(Declared("date"))
    if len(present) == n_filled:
        return Inferred(Declared("left-out"), IDENTIFIER)
    return Inferred(Declared("categorical"))


def _of_numbers(values: np.ndarray, n_filled: int) -> Inferred:
    if len(values) <= 2:
        return Inferred(Declared("categorical"))
    if len(values) == n_filled and _are_identifiers(values):
        return Inferred(Declared("left-out"), IDENTIFIER)
    return Inferred(Declared("numeric"))


def _are_identifiers(values: np.ndarray) -> bool:
    """Whether whole numbers are all different although draws of any law on their span would have met.

    Of n draws from m values none are alike with probability at most exp(−n(n − 1)/2m).
    """
    if not np.all(np.isfinite(values)) or np.any(values != np.round(values)):
        return False
    n, span = len(values), float(np.ptp(values)) + 1
    return n * (n - 1) / (2 * span) > -math.log(_SURE)


def _are_dates(contents: Sequence[str], column: str, table: str) -> bool:
    if dates(contents[:1], day_first=True).bad is not None and dates(contents[:1]).bad is not None:
        return False
    day_first, such = day_is_first(contents)
    if day_first is not None:
        return dates(contents, day_first=day_first).bad is None
    if dates(contents, day_first=True).bad is not None and dates(contents).bad is not None:
        return False
    raise InputError(
        f"{table}: nothing in column {one_name(repr(column))} tells whether the day or the month comes first in "
        f"{one_name(repr(such))}: declare it as date:%d/%m/%Y or date:%m/%d/%Y"
    )
