"""What texts in the cells of a table say: nothing, a number, or a date.

Each function reads all distinct texts of a column at once, since a column is written in one way: a comma is decimal, or
sets thousands apart, throughout, and of 01/02/2020 one part is the day in every row. What the texts themselves do not
tell is not guessed.
"""

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

MISSING = frozenset(
    ("", "na", "n/a", "#n/a", "nan", "<na>", "nat", "null", "none", "nil", "?", "-", "--", ".", "(missing)", "missing")
)
"""What stands for nothing, in lower case."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|[+-]?inf(inity)?", re.ASCII | re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d*)(,\d*)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)

_TIME = r"(?:[ T](?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}(?:\.\d+)?))?(?: ?(?P<half>[AP])M)?)?"
_YEAR_LAST = re.compile(rf"(?P<a>\d{{1,2}})(?P<mark>[./-])(?P<b>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){_TIME}", re.ASCII)
_YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})(?P<mark>[./-])(?P<a>\d{{1,2}})(?P=mark)(?P<b>\d{{1,2}}){_TIME}", re.ASCII)
_NAMED = (
    *("%d %b %Y", "%d-%b-%Y", "%b %d %Y", "%d %B %Y", "%d-%B-%Y", "%B %d %Y", "%Y-%m", "%b %Y", "%B %Y"),
    "%a %b %d %H:%M:%S %Y",
)
"""With months by their English names, and months alone; commas are passed over."""


class Values(NamedTuple):
    """What the texts of a column say.

    Attributes:
        values: one for each text; NaN for nothing.
        bad: the place of the first text that says something else; None if there is none.
        said: how they are written, where that is not plain.
        n_read: how many are numbers or dates.
    """

    values: Float[np.ndarray, " texts"]
    bad: int | None
    said: str | None = None
    n_read: int = 0


def is_missing(text: str) -> bool:
    """Whether a text stands for nothing."""
    return text.strip().lower() in MISSING


def numbers(texts: Sequence[str], *, decimal_comma: bool = False) -> Values:
    """Texts as numbers.

    Args:
        texts: distinct ones of a column.
        decimal_comma: whether 1,234 is little more than one, where the texts leave that open.
    """
    stripped = [text.strip() for text in texts]
    said, commas = None, [text for text in stripped if "," in text]
    if commas:
        thousands = all(_THOUSANDS.fullmatch(text) for text in commas)
        decimal = all(_DECIMAL_COMMA.fullmatch(text) for text in stripped if not is_missing(text))
        if decimal and (decimal_comma or not thousands):
            said, stripped = "with decimal commas", [t.replace(".", "").replace(",", ".") for t in stripped]
        elif thousands:
            said, stripped = "with commas between thousands", [text.replace(",", "") for text in stripped]
    values, bad, n_read = np.full(len(texts), np.nan), None, 0
    for place, text in enumerate(stripped):
        if _NUMBER.fullmatch(text):
            values[place] = float(text)
            n_read += 1
        elif bad is None and not is_missing(texts[place]):
            bad = place
    return Values(values, bad, said, n_read)


def dates(texts: Sequence[str], *, pattern: str | None = None, day_first: bool | None = None) -> Values:
    """Texts as dates, in seconds since 1970; without a time zone they are of UTC.

    ISO 8601; years first or last, with ``/``, ``-`` or ``.`` (before which the day stands); months by English names.

    Args:
        texts: distinct ones of a column.
        pattern: as ``datetime.strptime`` takes it; nothing else is read then.
        day_first: of 01/02/2020, as ``day_is_first`` has it.
    """
    values, n_read = np.full(len(texts), np.nan), 0
    for place, text in enumerate(texts):
        stripped = text.strip()
        if is_missing(stripped):
            continue
        seconds = _strptime(stripped, pattern) if pattern is not None else _seconds(stripped, bool(day_first))
        if seconds is None:
            return Values(values, place, None, n_read)  # whoever asks needs all of them
        values[place] = seconds
        n_read += 1
    return Values(values, None, None, n_read)


def day_is_first(texts: Sequence[str]) -> tuple[bool | None, str | None]:
    """Of dates such as 01/02/2020 whether the day comes first, and one of them, if there are any.

    What both ways would read is told by the others: a part above twelve is no month. None where nothing tells, or where
    they contradict each other.
    """
    parts = [found for text in texts if (found := _YEAR_LAST.fullmatch(text.strip())) and found["mark"] != "."]
    if not parts:
        return False, None
    first, second = (any(int(found[name]) > 12 for found in parts) for name in ("a", "b"))
    return (first if first != second else None), parts[0][0]


def _seconds(text: str, day_first: bool) -> float | None:
    """Of a date in one of the usual forms; None for anything else."""
    if found := _YEAR_LAST.fullmatch(text):
        swapped = day_first or found["mark"] == "."
        return _moment(found, *((found["b"], found["a"]) if swapped else (found["a"], found["b"])))
    if found := _YEAR_FIRST.fullmatch(text):
        return _moment(found, found["a"], found["b"])
    if len(text) >= 8 and text[:1].isdigit():
        try:
            return _of(datetime.fromisoformat(text))
        except ValueError:
            pass
    words = text.replace(",", " ")
    if not any(character.isalpha() for character in words) and len(text) != 7:
        return None
    return next((seconds for form in _NAMED if (seconds := _strptime(" ".join(words.split()), form)) is not None), None)


def _moment(found: re.Match[str], month: str, day: str) -> float | None:
    try:
        date = datetime(int(found["year"]), int(month), int(day), tzinfo=UTC)
    except ValueError:
        return None
    if found["hour"] is None:
        return _of(date)
    hour, minute, second = int(found["hour"]), int(found["minute"]), float(found["second"] or 0)
    if found["half"] is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"] == "P" else 0)
    if hour > 23 or minute > 59 or second >= 60:
        return None
    return _of(date + timedelta(hours=hour, minutes=minute, seconds=second))


def _strptime(text: str, form: str) -> float | None:
    try:
        return _of(datetime.strptime(text, form))
    except ValueError:
        return None


def _of(moment: datetime) -> float:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)


def date_text(seconds: float) -> str:
    """A date for people, without its time where that is midnight."""
    if not math.isfinite(seconds):
        return "never"
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds:.6g} s after 1970"
    return moment.strftime("%Y-%m-%d" if seconds % 86400 == 0 else "%Y-%m-%d %H:%M:%S")
