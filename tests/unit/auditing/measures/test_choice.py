"""Measures and statistics by name."""

import numpy as np
import pytest

from mnemoscope.auditing import audit
from mnemoscope.auditing.measures import MEASURES, WHOLE_SET_STATISTICS, DataCopyingTest, DistanceRatio, make_measures
from mnemoscope.errors import InputError


def test_each_kind_apart_and_in_order() -> None:
    own = DistanceRatio(0.5)
    measures, statistics = make_measures(["ct", own, "tiled-l2", "fld"])
    assert measures[0] is own
    assert [one.name for one in (*measures, *statistics)] == ["distance-ratio", "tiled-l2", "ct", "fld"]


def test_names_are_those_of_the_classes_and_of_one_thing() -> None:
    for table in (MEASURES, WHOLE_SET_STATISTICS):
        assert all(made.name == name and made.limits.startswith(f"{name}: ") for name, made in table.items())
    assert not MEASURES.keys() & WHOLE_SET_STATISTICS.keys()


def test_only_the_distance_ratio_is_calibrated() -> None:
    """The verdict's promises were simulated for it alone."""
    assert [name for name, measure in MEASURES.items() if measure.calibrates] == ["distance-ratio"]


def test_what_does_not_calibrate_is_reported_and_proves_nothing() -> None:
    """Whatever is asked for, the distance ratio is tested, and nothing else beside it."""
    train, holdout = np.random.default_rng(0).normal(size=(2, 40, 5))
    for names in (["distance-ratio", "authenticity"], ["authenticity"]):
        (evidence,) = audit(holdout[:20], train, holdout=holdout[20:], measures=names, resolution=0.3).evidence
        assert [result.name for result in evidence.results] == names
        assert (evidence.copies.score, evidence.further) == ("distance-ratio", ())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([], "name at least one"),
        (["cat"], "measure: unknown name 'cat', choose one of distance-ratio, .*cosine, ct, fld"),
        (["ct", DataCopyingTest()], "ct is asked for twice"),
    ],
)
def test_what_cannot_be_made_is_refused(asked, message) -> None:
    with pytest.raises(InputError, match=message):
        make_measures(asked)
