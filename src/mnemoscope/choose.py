"""What a caller chooses: things by name (processes, networks, measures), numbers with two ends, objects of a kind.

The one boundary for arguments that are no data: what is wrong becomes one line that names the argument.
"""

import math
import operator
import reprlib
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from mnemoscope.errors import InputError

Value = TypeVar("Value")


LARGEST_WHOLE = 2**63 - 1
"""What NumPy and torch count with."""


def choose(name: str, table: Mapping[str, Value], what: str) -> Value:
    """The entry of ``table`` called ``name``.

    Args:
        name: as a person wrote it.
        table: every known name.
        what: what such a name is of, as the error calls it: ``process``, ``--network``.

    Raises:
        InputError: there is none; the message lists the names that there are.
    """
    check_name(name, table, what)
    return table[name]


def check_name(name: str, names: Collection[str], what: str) -> None:
    """The same where a name stands for itself.

    Raises:
        InputError: ``name`` is not one of ``names``; the message lists them.
    """
    if not isinstance(name, str) or name not in names:
        raise InputError(f"{what}: unknown name {name!r}, choose one of {', '.join(names) or '(none)'}")


def check_whole(value: Any, what: str, low: float = 1, high: float = LARGEST_WHOLE) -> int:
    """A whole number (NumPy's and torch's as well) from ``low`` to ``high``, as Python's.

    Raises:
        InputError: another value; the message gives the range.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except (TypeError, RuntimeError, ValueError):
        raise InputError(f"{what} must be a whole number, got {reprlib.repr(value)}") from None
    if number < low:
        raise InputError(f"{what} must be at least {low}, got {number}")
    if number > high:
        raise InputError(f"{what} must be at most {high}, got {number}")
    return number


def check_number(
    value: Any, what: str, wanted: str, low: float = 0.0, high: float = math.inf, *, closed: str = ""
) -> float:
    """A real number between ``low`` and ``high``, as Python's.

    Args:
        value: as a caller gave it; a scalar of NumPy or torch is welcome.
        what: the argument.
        wanted: the range, as the error words it: ``positive``, ``in [0, 1)``.
        low: its lower end.
        high: its upper end.
        closed: the ends that belong to it: ``[``, ``]``, ``[]``, or none.

    Raises:
        InputError: no number, NaN, or one out of range.
    """
    try:
        if isinstance(value, str | bytes | bool):
            raise TypeError
        number = float(value)
    except (TypeError, RuntimeError, ValueError, OverflowError):
        raise InputError(f"{what} must be a number, {wanted}, got {reprlib.repr(value)}") from None
    above = low <= number if "[" in closed else low < number
    below = number <= high if "]" in closed else number < high
    if not (above and below):
        raise InputError(f"{what} must be {wanted}, got {number:g}")
    return number


def check_kind(value: Any, kind: type | tuple[type, ...], what: str) -> None:
    """That an argument is an object of a kind.

    Raises:
        InputError: it is something else; the message says what.
    """
    if not isinstance(value, kind):
        kinds = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise InputError(f"{what} must be a {kinds}, got {type(value).__name__}")


def check_event_shape(event_shape: Any) -> tuple[int, ...]:
    """The shape of one item, as a tuple of whole numbers from 1.

    Raises:
        InputError: anything else.
    """
    try:
        shape = tuple(event_shape)
    except TypeError:
        raise InputError(f"event_shape must be a tuple, as (28, 28), got {reprlib.repr(event_shape)}") from None
    if not shape:
        raise InputError("event_shape must have at least one axis, got ()")
    return tuple(check_whole(size, "event_shape: each size") for size in shape)
