"""CSV files, as they come: with or without a header, of any common delimiter and encoding.

What the file is like is told by itself and said: UTF-8 (with or without a mark), UTF-16 by its mark, or else
Windows-1252, of which latin-1 is a part; the delimiter among tab, semicolon, bar and comma that cuts the header and the
rows into equally many cells. Rows that do not fit are refused by the number of their line.
"""

import codecs
import csv
import gzip
import io
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np

from mnemoscope.data.census import Census
from mnemoscope.data.tables.cells import Cells, RawTable
from mnemoscope.data.tables.texts import dates, is_missing, numbers
from mnemoscope.errors import InputError
from mnemoscope.reading import DEFLATE_RATIO, check_memory, check_stored
from mnemoscope.text import one_name

BLANK = "blank lines"
DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}
"""The first of those that fit: in numbers there may be commas, and seldom the others."""

_HEAD = 200
_FEWEST_COUNTED = 4
"""Numbers that count the columns; fewer may be values."""
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_CHARACTERS_TO_BYTES = 12
"""Of Python's lines and cells, and of the distinct contents of columns, to the bytes of a file."""


def read_csv(path: Path, names: Sequence[str] | None = None) -> tuple[RawTable, Census]:
    """The cells of a file, and the count of its rows.

    Args:
        path: the file, perhaps compressed with gzip.
        names: of columns that are to be there, if they are known; they tell a header.

    Raises:
        InputError: no text, no rows, rows of different lengths, two columns of one name; the message names the line.
    """
    text, notes = _text(path)
    check_memory(path, _CHARACTERS_TO_BYTES * len(text))
    delimiter = _delimiter(text)
    if delimiter != ("\t" if path.name.lower().removesuffix(".gz").endswith(".tsv") else ","):
        notes.append(f"columns are separated by {DELIMITERS[delimiter]}")
    census, rows = Census("rows"), _rows(path, text, delimiter)
    head = list(islice(rows, _HEAD))
    place = next((place for place, (_, row) in enumerate(head) if row), None)
    if place is None:
        raise InputError(f"{path}: begins with {len(head)} blank lines")
    first, below = head[place][1], [row for _, row in head[place + 1 :] if row]
    header, doubt = has_header(first, [row for row in below if len(row) == len(first)], names)
    if header:
        del head[place]
    notes += [doubt] if doubt is not None else []
    titles, said = _titles(first, below) if header else ([""] * len(first), None)
    notes += [said] if said is not None else []
    titles = [name or f"column {number}" for number, name in enumerate(titles, 1)]
    columns = _columns(path, chain(head, rows), titles, census, decimal_comma=delimiter in ";\t")
    return RawTable(str(path), columns, census.n_read, (*notes, *census.notes())), census


def has_header(first: list[str], below: list[list[str]], names: Sequence[str] | None) -> tuple[bool, str | None]:
    """Whether the first row names the columns, and what to say of it where that is not plain.

    It does if the names are known and it has most of them, or if it counts the columns. Otherwise the columns tell: a
    word above numbers or dates is a name, a word that stands below it again is none; a number above numbers is none,
    unless another column has only words that stand there again and again, but not that in the first row.
    """
    titles = [title.strip() for title in first]
    # Names that count the columns may stand in a row of values as well.
    if names is not None and not _counts(list(names)) and 2 * len(set(titles) & set(names)) >= len(names):
        return True, None
    if _counts(titles) or (not titles[0] and _counts(titles[1:])):
        return True, f"its first row counts the columns, {titles[-3]}, {titles[-2]}, {titles[-1]}: taken for a header"
    word, again, number, new = False, False, False, False
    for title, *cells in zip(titles, *below, strict=True):
        if is_missing(title):
            continue
        values = [cell.strip() for cell in cells if not is_missing(cell)]
        title_is_value = _is_value([title])
        if not values or _is_value(values):
            word, number = word or not (title_is_value or not values), number or title_is_value
        else:
            again |= title in values
            new |= title not in values and 2 * len(set(values)) <= len(values)
    if all(map(is_missing, titles)) or (not word and (again or (number and not new))):
        return False, "has no header: columns were named by their places"
    doubt = "its first row was taken for a header, though it has numbers" if number else None
    return True, doubt


def _counts(titles: list[str]) -> bool:
    """Whether they are 0, 1, 2, … or 1, 2, 3, …, as pandas names columns that have no names."""
    return len(titles) >= _FEWEST_COUNTED and any(
        titles == [str(first + place) for place in range(len(titles))] for first in (0, 1)
    )


def _is_value(texts: list[str]) -> bool:
    return numbers(texts).bad is None or dates(texts).bad is None


def _titles(first: list[str], below: list[list[str]]) -> tuple[list[str], str | None]:
    """The names of the columns; rows that are longer than the header by one end with a delimiter, or have names."""
    titles = [name.strip() for name in first]
    if not below or any(len(row) != len(first) + 1 for row in below):
        return titles, None
    if all(not row[-1].strip() for row in below):
        return [*titles, ""], "every row but the first ends with a delimiter"
    return ["row names", *titles], "the header has no name for the first column: it was called 'row names'"


def _text(path: Path) -> tuple[str, list[str]]:
    """The content as text, and how it is encoded where that is not UTF-8."""
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b") and path.name.lower().endswith(".gz"):
        size = int.from_bytes(content[-4:], "little")
        check_stored(path, size, len(content), DEFLATE_RATIO)
        content = gzip.decompress(content)
    if not content.strip():
        raise InputError(f"{path}: is empty")
    notes = []
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise
        try:
            text, encoding = content.decode("cp1252"), "Windows-1252 (latin-1)"
        except UnicodeDecodeError as error:
            byte = f"{content[error.start]:#04x}"
            raise InputError(f"{path}: is no text: neither UTF-8 nor Windows-1252 (byte {byte})") from None
    if encoding not in ("utf-8", "utf-8-sig"):
        notes.append(f"was read as {encoding}")
    if found := _NO_TEXT.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise InputError(f"{path}: is no text: there is a control character ({ord(found[0]):#04x}) in line {line}")
    return text, notes


def _rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows, each with the number of its (last) line; blank lines are empty rows."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"{path}: line {reader.line_num + 1} cannot be read ({error}): is a quote left open?"
            ) from None
        yield reader.line_num, [] if len(row) == 1 and not row[0].strip() else row


def _delimiter(text: str) -> str:
    """That which cuts the first row and nearly all others into the same number of cells, more than one."""
    head = text[: 2**20]
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter, skipinitialspace=True)
        try:
            lengths = [len(row) for row in islice(reader, _HEAD) if row and (len(row) > 1 or row[0].strip())]
        except csv.Error:
            continue
        if not lengths:
            continue
        usual, count = Counter(lengths).most_common(1)[0]
        if usual > 1 and 0 <= usual - lengths[0] <= 1 and lengths[0] > 1 and count >= 0.9 * (len(lengths) - 1):
            return delimiter
    return ","


def _columns(
    path: Path, rows: Iterator[tuple[int, list[str]]], titles: list[str], census: Census, *, decimal_comma: bool
) -> tuple[Cells, ...]:
    places: list[dict[str, int]] = [{} for _ in titles]
    codes = [array("q") for _ in titles]
    for line, row in rows:
        if not row and len(titles) > 1:
            census.pass_over(f"line {line}", BLANK)
            continue
        cells = row or [""]
        if len(cells) != len(titles):
            raise InputError(
                f"{path}: line {line} has {len(cells)} cells, the header {len(titles)} (cells begin with "
                f"{one_name(repr(cells[0]))})"
            )
        census.read()
        for cell, known, column in zip(cells, places, codes, strict=True):
            column.append(known.setdefault(cell, len(known)))
    return tuple(
        Cells(title, np.array(column, np.int64), _objects(list(known)), decimal_comma=decimal_comma)
        for title, known, column in zip(titles, places, codes, strict=True)
    )


def _objects(texts: list[str]) -> np.ndarray:
    made = np.empty(len(texts), object)
    made[:] = texts
    return made
