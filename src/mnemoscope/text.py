"""All text that is shown passes here: what comes from files, users and libraries is shown, and never obeyed.

A name may hold what steers a terminal (escape sequences, also of one byte as U+009B), what turns the reading order
round (bidi marks), what nobody can see, half of a surrogate pair, which cannot be written, line breaks that forge a
line, or a hundred thousand characters. Errors pass through ``one_line`` by themselves, templates through ``printable``
(``pages.render``), the command line through both, JSON through ``json_text``, which keeps every value as it is.
"""

import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Collection
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

LONGEST_LINE, LONGEST_NAME = 500, 120
_MOST_NAMES = 10
_SHORTEST_HOST = 2

_QUOTED_PATH = re.compile(r"""(?<=['"])(?:(?:file://)?/|[A-Za-z]:[/\\]|\\\\)[^'"\n]*[/\\](?=[^'"/\\\n]*['"])""")
_PATH = re.compile(
    r"""(?<![\w.:/~+-])(?!(?<=<)/[\w-]+>)(?:(?:file://)?/|[A-Za-z]:[/\\]|~[\w-]*/)(?:[^\s/\\'"<>|:;,()\[\]{}]+[/\\])*(?=[\w.-])"""
)
"""Absolute paths up to their last parts, of whatever system; between quotes they may have spaces. </b> is none."""


def printable(text: str) -> str:
    """Text whose characters that do not print are written as escapes; tabs and line breaks stay."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escape(c) for c in text)


def one_line(text: str, limit: int | None = LONGEST_LINE) -> str:
    """Text in one line, nothing that steers a terminal, the middle left out if it is longer than ``limit``."""
    if limit is not None and len(text) > 4 * limit:  # what is far too long is not worked through
        text = f"{text[: 2 * limit]} … {text[-2 * limit :]}"
    shown = printable(" ".join(text.split()))
    if limit is None or len(shown) <= limit:
        return shown
    return f"{shown[: limit // 2 - 2]} … {shown[-(limit - limit // 2 - 1) :]}"


def one_name(name: object) -> str:
    """What something is called, for people: in one line, cut in its middle; data keep the whole name."""
    return one_line(str(name), LONGEST_NAME)


def listed(names: Collection[object]) -> str:
    """Names for people, separated by commas: the first ten, and how many more there are."""
    first = ", ".join(map(one_name, islice(names, _MOST_NAMES)))
    more = len(names) - _MOST_NAMES
    return f"{first} and {more:,} more" if more > 0 else first


def json_text(value: Any) -> str:
    r"""JSON for files and terminals: what does not print is written as ``\uXXXX``, so that the value stays the same.

    Raises:
        ValueError: NaN or an infinity, which JSON lacks.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def json_number(value: float) -> float | str:
    """A count or a number for JSON, which lacks infinities: ∞ is the text ``inf``, as ``float`` reads it back."""
    if math.isinf(value):
        return str(value)
    return int(value) if float(value).is_integer() else value


def without_origin(text: str) -> str:
    """A traceback or an error without the name of this machine and without the folders of absolute paths.

    Of a path within a folder that Python imports from, the working folder, the temporary folder or home, what follows
    that folder stays; of any other the last part.
    """
    known = "|".join(map(re.escape, _origins()))
    text = re.sub(rf"(?<![\w.~/-])(?:{known})(?:{re.escape(os.sep)}|(?![\w.-]))", "", text)
    text = _PATH.sub("", _QUOTED_PATH.sub("", text))
    host = os.uname().nodename
    for name in {host, host.partition(".")[0]} - {"localhost"}:
        if len(name) >= _SHORTEST_HOST:
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "HOST", text)
    return text


def _origins() -> list[str]:
    """Folders that may stand in texts, the longest first."""
    imported = (entry for entry in sys.path if Path(entry).is_absolute())
    folders = {*imported, sys.prefix, sys.base_prefix, str(Path.cwd()), str(Path.home()), tempfile.gettempdir()}
    return sorted((folder for folder in folders if Path(folder).name), key=len, reverse=True)


@cache
def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
