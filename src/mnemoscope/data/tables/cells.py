"""The columns of a table as they were read, before anything is known of their kinds.

A column is a code for each row and the distinct contents that the codes stand for, so that every content is looked at
once, however often it stands in the column.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Int, Shaped
from numpy.typing import NDArray

from mnemoscope.data.tables.texts import Values, is_missing, numbers
from mnemoscope.errors import InputError
from mnemoscope.text import listed, one_name

Form: TypeAlias = Literal["texts", "numbers", "dates", "levels"]


@dataclass(frozen=True, eq=False)
class Cells:
    """One column.

    Attributes:
        name: of the column.
        codes: shape ``(rows,)``, the place of each row's content in ``contents``.
        contents: the distinct contents: texts; numbers; dates in seconds since 1970; or levels in their order, texts as
            well. NaN is a number or a date that is missing.
        form: what they are.
        decimal_comma: whether a comma in a number is a decimal one where the numbers leave that open, by how the file
            separates its columns.
    """

    name: str
    codes: Int[np.ndarray, " rows"]
    contents: Shaped[np.ndarray, " distinct"]
    form: Form = "texts"
    decimal_comma: bool = False

    @classmethod
    def of_numbers(cls, name: str, values: NDArray[Any], form: Form = "numbers") -> "Cells":
        """From a value for each row."""
        contents, codes = np.unique(values.astype(np.float64), return_inverse=True)
        return cls(name, codes, contents, form)

    def row_of(self, content: int) -> int:
        """The first row with a content."""
        return int(np.argmax(self.codes == content))

    @cached_property
    def texts(self) -> list[str]:
        """The contents as texts: whole numbers without a point."""
        if self.form in ("texts", "levels"):
            return [str(content) for content in self.contents]
        return ["" if math.isnan(value) else plain(value) for value in self.contents.tolist()]

    @cached_property
    def counts(self) -> Int[np.ndarray, " distinct"]:
        """How many rows have each content."""
        return np.bincount(self.codes, minlength=len(self.contents))

    @cached_property
    def numbers(self) -> Values:
        """The contents as numbers."""
        if self.form in ("numbers", "dates"):
            return Values(self.contents, None, None, int(np.sum(~np.isnan(self.contents))))
        return numbers(self.texts, decimal_comma=self.decimal_comma)

    @cached_property
    def missing(self) -> Bool[np.ndarray, " distinct"]:
        """Which contents stand for nothing."""
        if self.form in ("numbers", "dates"):
            return np.asarray(np.isnan(self.contents))
        return np.array([is_missing(text) for text in self.texts], dtype=bool)


@dataclass(frozen=True, eq=False)
class RawTable:
    """A table as it was read.

    Attributes:
        name: what errors call it.
        columns: in their order.
        n_rows: number of rows.
        notes: what was found out about the file.
    """

    name: str
    columns: tuple[Cells, ...]
    n_rows: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.columns:
            raise InputError(f"{self.name}: has no columns")
        if not self.n_rows:
            raise InputError(f"{self.name}: has columns {listed(self.names)} and no rows")
        check_unique(self.names, self.name)

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [column.name for column in self.columns]

    def column(self, name: str) -> Cells | None:
        """The column of a name."""
        return next((column for column in self.columns if column.name == name), None)


def check_unique(names: Sequence[str], table: str) -> None:
    """That no two columns have one name.

    Raises:
        InputError: some have; the message names it.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            places = [place + 1 for place, other in enumerate(names) if other == name]
            raise InputError(f"{table}: columns {listed(places)} are all called {one_name(repr(name))}")
        seen.add(name)


def plain(value: float) -> str:
    """A number as text, the same for 1, 1.0 and 1e0."""
    return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 2**63 else repr(value)
