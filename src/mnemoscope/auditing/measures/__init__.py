"""Copy scores: how like a copy a sample is, by which distance; and statistics of a whole set of samples."""

from collections.abc import Sequence

from mnemoscope.auditing.measures.authenticity import Authenticity
from mnemoscope.auditing.measures.base import Geometry, Measure, MeasureResult, Search
from mnemoscope.auditing.measures.calibrated import CalibratedDistance, CalibratedDistanceFromTrain
from mnemoscope.auditing.measures.cosine import CosineDistance
from mnemoscope.auditing.measures.ct import DataCopyingTest
from mnemoscope.auditing.measures.distances import AbsoluteDistance, DistanceRatio
from mnemoscope.auditing.measures.fld import FeatureLikelihood
from mnemoscope.auditing.measures.tiled import TiledDistance
from mnemoscope.auditing.measures.whole_set import WholeSetResult, WholeSetStatistic
from mnemoscope.choose import check_kind, choose
from mnemoscope.errors import InputError

MEASURES: dict[str, type[Measure]] = {
    measure.name: measure
    for measure in (
        DistanceRatio,
        AbsoluteDistance,
        CalibratedDistance,
        CalibratedDistanceFromTrain,
        TiledDistance,
        Authenticity,
        CosineDistance,
    )
}
"""The measures by name, in the order in which an audit reports them."""

WHOLE_SET_STATISTICS: dict[str, type[WholeSetStatistic]] = {
    statistic.name: statistic for statistic in (DataCopyingTest, FeatureLikelihood)
}
"""The statistics of a whole set by name."""

STANDARD = (DistanceRatio.name, AbsoluteDistance.name)
"""The measures that an audit reports if none is asked for."""


def make_measure(name: str) -> Measure:
    """The measure of this name with its standard threshold.

    Raises:
        InputError: an unknown name.
    """
    return choose(name, MEASURES, "measure")()


def make_measures(
    asked: Sequence[str | Measure | WholeSetStatistic],
) -> tuple[tuple[Measure, ...], tuple[WholeSetStatistic, ...]]:
    """What was asked for by name or as an object: the measures, and the statistics of a whole set.

    Raises:
        InputError: nothing was asked for, an unknown name, or a name asked for twice.
    """
    if isinstance(asked, str) or not isinstance(asked, Sequence):
        raise InputError(f"measures: needs a list of names and objects, got {type(asked).__name__}")
    if not asked:
        raise InputError("measures: name at least one")
    table = MEASURES | WHOLE_SET_STATISTICS
    made = [choose(one, table, "measure")() if isinstance(one, str) else one for one in asked]
    for one in made:
        check_kind(one, (Measure, WholeSetStatistic), "measures: each")
    names = [one.name for one in made]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"measures: {twice} is asked for twice")
    return (
        tuple(one for one in made if isinstance(one, Measure)),
        tuple(one for one in made if isinstance(one, WholeSetStatistic)),
    )


__all__ = [
    "MEASURES",
    "STANDARD",
    "WHOLE_SET_STATISTICS",
    "AbsoluteDistance",
    "Authenticity",
    "CalibratedDistance",
    "CalibratedDistanceFromTrain",
    "CosineDistance",
    "DataCopyingTest",
    "DistanceRatio",
    "FeatureLikelihood",
    "Geometry",
    "Measure",
    "MeasureResult",
    "Search",
    "TiledDistance",
    "WholeSetResult",
    "WholeSetStatistic",
    "make_measure",
    "make_measures",
]
