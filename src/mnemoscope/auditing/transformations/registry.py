"""The transformations by name, and a command line's words for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mnemoscope.auditing.parameters import Parameter, name_and_number
from mnemoscope.auditing.transformations.images import (
    blurs,
    channels,
    crops,
    flips,
    rotations,
    shifts,
    smoothing,
    transposition,
)
from mnemoscope.auditing.transformations.transformation import Transformation, union
from mnemoscope.auditing.transformations.values import affine, inversion
from mnemoscope.errors import InputError


@dataclass(frozen=True)
class Family:
    """How a name becomes a transformation: ``make(words)``, or ``make(words, number)`` where it takes a number."""

    make: Callable[..., Transformation]
    parameter: Parameter | None = None


_PIXELS = Parameter(1, "a whole number of pixels from 1", lambda k: k >= 1 and k == int(k))
_SHARE = Parameter(0.1, "a share of each side in (0, 0.5]", lambda p: 0 < p <= 0.5)
_DEGREES = Parameter(5, "degrees in (0, 45]", lambda d: 0 < d <= 45)
_SIGMA = Parameter(1, "a standard deviation in pixels in (0, 100]", lambda s: 0 < s <= 100)

TRANSFORMATIONS: dict[str, Family] = {
    "flips": Family(flips),
    "transposition": Family(transposition),
    "shifts": Family(shifts, _PIXELS),
    "crops": Family(crops, _SHARE),
    "rotations": Family(rotations, _DEGREES),
    "blurs": Family(blurs, _SIGMA),
    "channels": Family(channels),
    "inversion": Family(inversion),
    "smoothing": Family(smoothing, _SIGMA),
    "affine": Family(affine),
}
"""By name, in the order in which embeddings are applied: what is scaled to unit norm comes last and stays so."""


def make_transformation(words: str) -> Transformation:
    """The transformation called ``name`` or ``name:number``.

    Raises:
        InputError: an unknown name, or a number that is out of bounds, no number, or not wanted; the message says what
            there is.
    """
    parameters = {name: family.parameter for name, family in TRANSFORMATIONS.items()}
    name, number = name_and_number(words, parameters, "transformation")
    make = TRANSFORMATIONS[name].make
    return make(words) if number is None else make(words, number)


def make_transformations(words: Sequence[str]) -> Transformation:
    """All of them as one: the union of their variants (not products), under all of their embeddings.

    Raises:
        InputError: as ``make_transformation``, or one name twice.
    """
    if isinstance(words, str) or not isinstance(words, Sequence) or not all(isinstance(word, str) for word in words):
        raise InputError(f"transformations: needs a list of names, got {words!r}")
    named = {one.partition(":")[0]: make_transformation(one) for one in words}
    if len(named) < len(words):
        raise InputError(f"transformations: each may be named once, got {', '.join(words)}")
    return union([named[name] for name in TRANSFORMATIONS if name in named])
