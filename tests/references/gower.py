"""The distance of two rows of a table, cell by cell, from its definition and nothing else."""

import math
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def distance(row: Row, other: Row, train: Sequence[Row], kinds: dict[str, str]) -> float:
    """The root of the sum over the columns of the squared difference of two cells; None is a missing cell.

    Args:
        row: a cell for each column.
        other: another row.
        train: the training set, which tells means and standard deviations.
        kinds: of the columns, ``numeric`` or ``categorical``; others do not count.
    """
    return math.sqrt(sum(_squared(row[name], other[name], name, train, kind) for name, kind in kinds.items()))


def _squared(one: Any, two: Any, name: str, train: Sequence[Row], kind: str) -> float:
    if kind == "categorical":
        return 0.0 if one == two else 1.0
    if kind != "numeric" or (one is None and two is None):
        return 0.0
    filled = [float(row[name]) for row in train if row[name] is not None]
    mean = math.fsum(filled) / len(filled)
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in filled) / len(filled))
    if one is None or two is None:
        return ((two if one is None else one) - mean) ** 2 / deviation**2 + 1
    return (one - two) ** 2 / deviation**2
