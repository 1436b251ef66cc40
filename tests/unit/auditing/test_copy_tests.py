"""Copies and closeness of one set of samples after another: the parts of an audit that they are."""

from functools import cache

import numpy as np
import pytest

from mnemoscope.auditing import audit
from mnemoscope.auditing.copy_tests import CopyTests
from mnemoscope.data import Dataset
from mnemoscope.errors import InputError

RNG = np.random.default_rng(5)
TRAIN, HOLDOUT, HONEST = (Dataset(RNG.normal(size=(n, 16)), name) for n, name in ((120, "train"), (90, "b"), (80, "c")))
COPYING = Dataset(np.concatenate([TRAIN.array[:20] + 0.01 * RNG.normal(size=(20, 16)), HONEST.array[:60]]), "copying")


@cache
def made(seed: int = 0) -> CopyTests:
    return CopyTests(TRAIN, HOLDOUT, seed=seed)


@pytest.mark.parametrize("samples", [HONEST, COPYING], ids=lambda samples: samples.name)
def test_they_are_the_parts_of_an_audit(samples: Dataset) -> None:
    found, report = made().test(samples), audit(samples, TRAIN, holdout=HOLDOUT)
    assert report.closeness is not None
    assert (found.closeness.share, found.closeness.expected) == (report.closeness.share, report.closeness.expected)
    assert found.closeness.p == pytest.approx(report.closeness.p, abs=0.02)
    assert found.evidence.results[0].to_dict() == report.results[0].to_dict()
    np.testing.assert_array_equal(found.evidence.copies.listed, report.copies.listed)
    assert found.evidence.identical.rate == report.identical.rate


def test_copies_are_found_and_honest_samples_are_not() -> None:
    honest, copying = (made().test(samples) for samples in (HONEST, COPYING))
    assert honest.p > 0.05
    assert not honest.evidence.copies.listed.any()
    assert copying.p < 1e-4
    listed = copying.evidence.copies.listed
    assert listed[:20].all()
    assert listed[20:].sum() <= 1  # of a list up to 5 % are no copies
    assert copying.closeness.grade is not None
    assert copying.closeness.grade.reference == made().reference_share


def test_a_result_depends_on_the_seed_and_not_on_what_was_tested_before() -> None:
    first = made().test(COPYING)
    made().test(HONEST)
    again = made().test(COPYING)
    assert (again.p, again.closeness.to_dict()) == (first.p, first.closeness.to_dict())
    assert made(1).test(COPYING).closeness.share_interval != first.closeness.share_interval


def test_two_distinct_training_items_are_enough_and_one_is_not() -> None:
    two = Dataset(np.array([[0.0, 0.0], [0.0, 0.0], [9.0, 9.0]]), "few")
    holdout = Dataset(np.random.default_rng(0).normal(size=(30, 2)), "held out")
    assert CopyTests(two, holdout).test(Dataset(holdout.array + 0.5, "samples")).closeness.share >= 0
    with pytest.raises(InputError, match="few: needs at least 2 distinct training items"):
        CopyTests(two.take(np.array([0, 1])), holdout)
