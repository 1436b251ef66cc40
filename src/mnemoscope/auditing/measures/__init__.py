"""Copy scores: how like a copy a sample is, by which distance."""

from mnemoscope.auditing.measures.base import Geometry, Measure, MeasureResult, Search
from mnemoscope.auditing.measures.distances import AbsoluteDistance, DistanceRatio
from mnemoscope.choose import choose

MEASURES: dict[str, type[Measure]] = {measure.name: measure for measure in (DistanceRatio, AbsoluteDistance)}
"""The measures by name, in the order in which an audit reports them."""

STANDARD = (DistanceRatio.name, AbsoluteDistance.name)
"""The measures that an audit reports if none is asked for."""


def make_measure(name: str) -> Measure:
    """The measure of this name with its standard threshold.

    Raises:
        InputError: an unknown name.
    """
    return choose(name, MEASURES, "measure")()


__all__ = [
    "MEASURES",
    "STANDARD",
    "AbsoluteDistance",
    "DistanceRatio",
    "Geometry",
    "Measure",
    "MeasureResult",
    "Search",
    "make_measure",
]
