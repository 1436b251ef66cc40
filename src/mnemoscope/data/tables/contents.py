"""What the distinct contents of a column say, once its kind is known: numbers, or names of categories."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from mnemoscope.data.tables.cells import Cells, plain
from mnemoscope.data.tables.schema import Column
from mnemoscope.data.tables.texts import dates, day_is_first, is_missing, numbers
from mnemoscope.errors import InputError
from mnemoscope.text import listed, one_name

_TRUTH = {"true": "1", "false": "0"}


class Scaled(NamedTuple):
    """The contents of a column of numbers, dates or levels.

    Attributes:
        values: one for each content, NaN for what is missing.
        said: how they are written, where that is not plain.
        unread: whether a content that is none was taken for missing, as it was declared to be.
    """

    values: Float[np.ndarray, " contents"]
    said: str | None
    unread: Bool[np.ndarray, " contents"]


def scaled(cells: Cells, column: Column, table: str) -> Scaled:
    """The contents as numbers, seconds or ranks.

    Raises:
        InputError: a content that is none, infinite, or no level of an ordinal column; its row is named.
    """
    used, unread, said = cells.counts > 0, np.zeros(len(cells.contents), bool), None
    if column.kind == "ordinal":
        ranks = {level: float(rank) for rank, level in enumerate(column.levels)}
        pairs = zip(cells.missing, names(cells.texts, column.levels), strict=True)
        values = np.array([np.nan if missing else ranks.get(name, -1.0) for missing, name in pairs])
        bad, wanted = _first(used & (values < 0)), f"no level of {listed(column.levels)}"
    elif column.kind == "date" and (cells.form == "texts" or column.pattern is not None):
        day_first = column.day_first if column.day_first is not None else day_is_first(cells.texts)[0]
        values, bad, said, _ = dates(cells.texts, pattern=column.pattern, day_first=day_first)
        wanted = "no date" if column.pattern is None else f"no date as {column.pattern}"
    else:
        values, bad, said, _ = cells.numbers
        wanted = "no number"
        if bad is not None and not column.inferred:
            unread, bad = np.isnan(values) & ~cells.missing, None
    if bad is None and (bad := _first(used & np.isinf(values))) is not None:
        wanted = "infinite"
    if bad is not None:
        raise InputError(
            f"{table}: row {cells.row_of(bad)} of column {one_name(repr(column.name))} is "
            f"{one_name(repr(cells.texts[bad]))}, {wanted}"
        )
    return Scaled(values, said, unread & used)


def names(texts: Sequence[str], known: Sequence[str] | None = None) -> list[str]:
    """Contents as names of categories: without spaces around them, numbers and truth values in one form.

    Args:
        texts: the distinct contents of a column.
        known: names that such contents have in the training set, which tell their form; None for that set itself.
    """
    stripped = [text.strip() for text in texts]
    filled = [text for text in stripped if not is_missing(text)] if known is None else list(known)
    if filled and all(text.lower() in _TRUTH for text in filled):
        truth = {"1": "true", "0": "false"}
        return [truth.get(_plain(text), text.lower() if text.lower() in _TRUTH else text) for text in stripped]
    if filled and numbers(filled).bad is None:
        binary = set(filled) <= {"0", "1"}
        return [_plain(_TRUTH.get(text.lower(), text) if binary else text) for text in stripped]
    return stripped


def _plain(text: str) -> str:
    read = numbers([text])
    return plain(float(read.values[0])) if read.n_read and np.isfinite(read.values[0]) else text


def _first(found: Bool[np.ndarray, " contents"]) -> int | None:
    return int(np.argmax(found)) if found.any() else None
