"""Encoded pictures in rows: structs of ``bytes`` and ``path``, as ``datasets`` keeps them, or bytes alone."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mnemoscope.data.arrays import Array
from mnemoscope.data.decoding import Encoded
from mnemoscope.data.gather import decode
from mnemoscope.data.options import Options
from mnemoscope.errors import InputError


def decode_rows(
    name: str, n_rows: int, stored: Callable[[int], Any], options: Options, *, follow: bool
) -> tuple[Array, tuple[str, ...]]:
    """The pixels of all rows, and the notes on what was done to them.

    Args:
        name: what errors call the table.
        n_rows: their number.
        stored: gives what a row holds.
        options: of reading.
        follow: read a picture of which there is a path only. A file of someone else's may name any.

    Raises:
        InputError: no rows, one without a picture, or what cannot be decoded.
    """
    if not n_rows:
        raise InputError(f"{name}: has no rows")

    def entry(row: int) -> Encoded:
        def content() -> io.BytesIO:
            value = stored(row)
            found, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
            if found is None and follow and path is not None:
                found = Path(path).read_bytes()
            if found is None:
                raise InputError(f"{name}: row {row} has no picture in it")
            return io.BytesIO(found)

        return Encoded(f"row {row}", f"{name}: row {row}", content)

    return decode(name, [entry(row) for row in range(n_rows)], options)
