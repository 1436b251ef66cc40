"""Names with a number after a colon, as a person writes them: ``shifts:2``, ``noise:0.05``."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mnemoscope.choose import choose
from mnemoscope.errors import InputError


@dataclass(frozen=True)
class Parameter:
    """The number after the colon.

    Attributes:
        default: where it is left out.
        meaning: with its bounds, as errors say it.
        allowed: whether a number is within them.
    """

    default: float
    meaning: str
    allowed: Callable[[float], bool]


def name_and_number(words: str, parameters: Mapping[str, Parameter | None], what: str) -> tuple[str, float | None]:
    """The name, and its number or the default; None where the name takes no number.

    Args:
        words: ``name`` or ``name:number``.
        parameters: of every known name, None where it takes no number.
        what: what such a name is of, as the error calls it: ``transformation``.

    Raises:
        InputError: an unknown name (the message lists the names that there are), or a number that is out of bounds,
            no number, or not wanted.
    """
    name, colon, text = words.partition(":")
    parameter = choose(name, parameters, what)
    if parameter is None:
        if colon:
            raise InputError(f"{what} {words!r}: {name} takes no parameter")
        return name, None
    if not colon:
        return name, parameter.default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and parameter.allowed(number)):
        raise InputError(f"{what} {words!r}: after the colon comes {parameter.meaning}")
    return name, number
