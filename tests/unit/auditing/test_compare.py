"""Comparisons of two audits: against counts by hand, coverage of the paired interval, and what is refused."""

import json

import numpy as np
import pytest
from scipy.stats import binomtest

from mnemoscope import compare
from mnemoscope.auditing import audit, difference_interval
from mnemoscope.auditing.intervals import Rate, paired_difference_interval
from mnemoscope.data import Dataset
from mnemoscope.errors import InputError
from tests.unit.auditing.audited import copying, honest, sets


def half_copying() -> Dataset:
    """The same samples, but the first fifteen copies have become honest: those rows differ, the others share."""
    samples, _, _ = sets()
    array = samples.array.copy()
    array[:15] = sets(copies=False)[0].array[-15:]
    return Dataset(array, "later.npy", samples.value_range)


LATER = audit(half_copying(), sets()[1], holdout=sets()[2])


def test_paired_differences_by_hand() -> None:
    found = compare(copying(), LATER, paired=True)
    first, second = copying().copied, LATER.copied
    (copies, identical, nearer) = found.differences
    assert [each.what for each in found.differences] == ["copies", "identical", "nearer to train"]
    assert copies.difference == pytest.approx(second.mean() - first.mean())
    gone, come = int((first & ~second).sum()), int((second & ~first).sum())
    assert gone >= 14
    assert copies.p == pytest.approx(binomtest(gone, gone + come).pvalue)
    assert copies.interval[0] < copies.difference < copies.interval[1] < 0
    assert identical.first == 3 / 180
    assert nearer.first == copying().closeness.share  # type: ignore[union-attr]
    sets_of = [set(report.nearest.units[report.copied].tolist()) for report in (copying(), LATER)]
    assert set(found.both) == sets_of[0] & sets_of[1]
    assert set(found.first_only) == sets_of[0] - sets_of[1]
    assert set(found.second_only) == sets_of[1] - sets_of[0]
    assert 5 in found.first_only
    assert found.names == ("made.npy", "later.npy")


def test_unpaired_differences_by_hand() -> None:
    found = compare(copying(), LATER)
    rates = [Rate(int(report.copied.sum()), len(report.copied)) for report in (LATER, copying())]
    assert found.differences[0].interval == difference_interval(*rates)
    assert found.differences[0].p is None


def test_shared_noise_makes_the_interval_shorter() -> None:
    def width(paired: bool) -> float:
        low, high = compare(copying(), LATER, paired=paired).differences[2].interval
        return high - low

    assert width(paired=True) < 0.8 * width(paired=False)


@pytest.mark.parametrize("paired", [True, False])
def test_json_says_the_same_as_the_reports(paired: bool) -> None:
    read = [json.loads(json.dumps(report.to_dict())) for report in (copying(), LATER)]
    assert compare(*read, paired=paired).to_dict() == compare(copying(), LATER, paired=paired).to_dict()


def test_turned_round_signs_turn_round() -> None:
    there, back = compare(copying(), LATER, paired=True), compare(LATER, copying(), paired=True)
    for one, other in zip(there.differences, back.differences, strict=True):
        assert one.difference == -other.difference
        assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]))
        assert one.p == other.p
    assert (there.first_only, there.second_only) == (back.second_only, back.first_only)


def test_a_report_beside_itself() -> None:
    found = compare(copying(), copying(), paired=True)
    for each in found.differences:
        assert (each.difference, each.p) == (0, 1)
        assert each.interval[0] <= 0 <= each.interval[1]
    assert not found.first_only
    assert not found.second_only
    assert found.names == ("the first", "the second")


@pytest.mark.statistical
@pytest.mark.parametrize(("share", "stays", "comes"), [(0.1, 0.5, 0.02), (0.5, 0.9, 0.1), (0.05, 0.0, 0.05)])
def test_the_paired_interval_covers(share: float, stays: float, comes: float) -> None:
    """1,000 draws of 200 pairs: coverage at least 95 %, less three standard errors (.021)."""
    rng, n = np.random.default_rng(0), 200
    truth = share - (share * stays + (1 - share) * comes)
    hits = []
    for _ in range(1000):
        first = (rng.random(n) < share).astype(float)
        second = (rng.random(n) < np.where(first > 0, stays, comes)).astype(float)
        low, high = paired_difference_interval(first, second)
        hits.append(low <= truth <= high)
    assert np.mean(hits) >= 0.95 - 0.021


@pytest.mark.statistical
def test_an_interval_that_ignores_the_pairs_covers_too_much_or_too_little() -> None:
    """The negative control: anti-correlated indicators, square-and-add for independent rates."""
    rng, n = np.random.default_rng(0), 200
    hits = []
    for _ in range(1000):
        first = (rng.random(n) < 0.5).astype(float)
        low, high = difference_interval(Rate(int(first.sum()), n), Rate(int(n - first.sum()), n))
        hits.append(low <= 0 <= high)
    assert np.mean(hits) < 0.9


def test_independent_indicators_give_the_independent_interval() -> None:
    first, second = np.tile([1.0, 1.0, 0.0, 0.0], 25), np.tile([1.0, 0.0], 50)
    assert paired_difference_interval(first, second) == pytest.approx(difference_interval(Rate(50, 100), Rate(50, 100)))


def test_another_training_set_is_refused() -> None:
    samples, train, holdout = sets()
    other = audit(samples, train.take(np.arange(800)), holdout=holdout)
    with pytest.raises(InputError, match="different training sets"):
        compare(copying(), other)


def test_another_held_out_set_is_noted() -> None:
    samples, train, holdout = sets()
    found = compare(copying(), audit(samples, train, holdout=holdout.take(np.arange(200))))
    assert [each.what for each in found.differences] == ["copies", "identical"]
    assert "held-out sets differ" in found.notes[0]


def test_without_held_out_sets_closeness_is_noted() -> None:
    found = compare(copying(held_out=False), copying(held_out=False))
    assert [each.what for each in found.differences] == ["copies", "identical"]
    assert "needs a held-out set" in found.notes[0]


def test_other_settings_are_noted() -> None:
    samples, train, holdout = sets()
    found = compare(copying(), audit(samples, train, holdout=holdout, transformations=["flips"]))
    assert found.notes == ("transformations differ: none and ['flips']",)


def test_what_cannot_be_compared_is_one_line() -> None:
    with pytest.raises(InputError, match="150 samples"):
        compare(copying(), honest(), paired=True)
    with pytest.raises(InputError, match="private"):
        compare(copying(private=True).to_dict(), copying().to_dict())
    for wrong in ({}, {"private": False}, {"private": False, "provenance": 3}):
        with pytest.raises(InputError, match=r"no report\.json"):
            compare(wrong, copying())


def test_the_sentence_has_every_difference() -> None:
    found = compare(copying(), LATER, paired=True)
    for each in found.differences:
        assert each.what in found.sentence
    assert f"by both: {len(found.both)}" in repr(found)
