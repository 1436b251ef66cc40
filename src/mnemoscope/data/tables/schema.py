r"""The schema of a table, as it was found in the training set: what its columns are, and how rows are compared by them.

Rows x and y are at the distance d(x, y) = (Σ_j δ_j(x, y)²)^½ over the columns j that are not left out, with

- of numbers, dates and ranks of ordinal levels δ_j = |x_j − y_j|/s_j, s_j the standard deviation in the training set;
  where only y_j is missing δ_j² = ((x_j − m_j)/s_j)² + 1, m_j the mean there; where both are, δ_j = 0;
- of categories δ_j = 1 where x_j and y_j differ and 0 otherwise; missing is a category.

That is Gower's (1971) coefficient with squares in place of absolute values and standard deviations in place of ranges,
so that it is a Euclidean distance: each row becomes a vector, of (x_j − m_j)/s_j, of indicators of what is missing, and
of indicators of the categories over √2, and the exact search for the nearest vectors finds the nearest rows.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from mnemoscope.data.tables.kinds import Kind
from mnemoscope.data.tables.texts import date_text

CATEGORIES = 100
"""Of a column that are told apart, the most frequent ones; the others count as one."""

NEW = "what train does not have"
"""The name of the last coordinate of every vector: the square root of one for each cell that is missing where the
training set has none missing, and one half for each category that it does not have. The distance from such a row to
training rows is by that what it should be; between two rows that both have something new, that counts as one thing."""

_SCALED = ("numeric", "ordinal", "date")
_CATEGORIES = ("categorical", "class")


@dataclass(frozen=True)
class Column:
    """A column, as it was found in the training set.

    Attributes:
        name: of the column.
        kind: what it is.
        inferred: whether its kind was inferred, not declared.
        reason: why it is left out.
        levels: of an ordinal column in their order; the categories that are told apart, sorted.
        others: categories that count as one.
        centre: m_j, the mean.
        scale: s_j, the standard deviation.
        missing: how many cells are.
        pattern: that dates were declared to have.
        day_first: whether in 01/02/2020 the day comes first; None where no date is written so.
    """

    name: str
    kind: Kind
    inferred: bool = True
    reason: str | None = None
    levels: tuple[str, ...] = ()
    others: frozenset[str] = frozenset()
    centre: float = 0.0
    scale: float = 1.0
    missing: int = 0
    pattern: str | None = None
    day_first: bool | None = None

    @property
    def scaled(self) -> bool:
        """Whether it has a place on a line: numbers, dates, ranks."""
        return self.kind in _SCALED

    @property
    def compared(self) -> bool:
        """Whether it takes part in the distance."""
        return self.scaled or self.kind in _CATEGORIES

    @property
    def coordinates(self) -> tuple[str, ...]:
        """What its coordinates stand for."""
        if not self.compared:
            return ()
        if self.scaled:
            named = [self.name]
        else:
            named = [f"{self.name} = {level}" for level in self.levels]
            named += [f"{self.name} = (one of {len(self.others)} others)"] if self.others else []
        return (*named, f"{self.name} is missing") if self.missing else tuple(named)

    @property
    def words(self) -> str:
        """Its scale, or why it is left out, for people."""
        if self.kind == "left-out":
            return self.reason or "by declaration"
        if self.kind == "date":
            return f"mean {date_text(round(self.centre))}, standard deviation {self.scale / 86400:.4g} days"
        if self.kind == "numeric":
            return f"mean {self.centre:.4g}, standard deviation {self.scale:.4g}"
        if self.kind == "ordinal":
            return f"{len(self.levels)} levels, standard deviation {self.scale:.4g} ranks"
        if self.kind == "group":
            return "which rows belong together"
        more = f", {len(self.others)} more count as one" if self.others else ""
        return f"{len(self.levels)} {'classes' if self.kind == 'class' else 'categories'}{more}"

    def to_dict(self) -> dict[str, Any]:
        """For reports: no content of any cell but levels in an order."""
        found: dict[str, Any] = {"kind": self.kind, "inferred": self.inferred, "scale": self.words}
        if self.compared:
            found["missing"] = self.missing
        if self.kind == "ordinal":
            found["levels"] = list(self.levels)
        if self.pattern is not None:
            found["pattern"] = self.pattern
        return found


@dataclass(frozen=True)
class TableSchema:
    """The columns of a training set, and how rows become vectors.

    Attributes:
        columns: in the order of the training set.
        value_range: the smallest and the largest coordinate of the training set.
    """

    columns: tuple[Column, ...]
    value_range: tuple[float, float] = (0.0, 1.0)

    @property
    def coordinates(self) -> tuple[str, ...]:
        """What the values of an item stand for, one name each."""
        return (*(name for column in self.columns for name in column.coordinates), NEW)

    @property
    def width(self) -> int:
        """How many values an item has."""
        return len(self.coordinates)

    def column(self, kind: Kind) -> Column | None:
        """The column of a kind of which there is at most one."""
        return next((column for column in self.columns if column.kind == kind), None)

    @property
    def words(self) -> str:
        """How many columns of each kind, for people."""
        kinds = Counter(column.kind for column in self.columns)
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        inferred = sum(column.inferred for column in self.columns)
        return f"{len(self.columns)} columns ({counts}; {inferred} inferred, {len(self.columns) - inferred} declared)"

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """The columns by name, for reports; ``load(schema=...)`` takes it."""
        return {column.name: column.to_dict() for column in self.columns}
