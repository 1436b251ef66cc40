"""What verdict, page, terminal and comparisons print, each number against its definition."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from mnemoscope.auditing import Rate, audit, clopper_pearson, pool
from mnemoscope.auditing.closeness import (
    Closeness,
    Grade,
)
from mnemoscope.auditing.compare import compare
from mnemoscope.auditing.identical import Identical
from mnemoscope.auditing.intervals import difference_interval
from mnemoscope.auditing.reports.axes import _rounded, axes
from mnemoscope.auditing.verdict import closeness_sentence
from mnemoscope.pages import interval, percent
from tests.unit.auditing import audited


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class TestVerdict:
    def test_of_copies_prints_the_lower_bound_the_list_and_both_rates(self) -> None:
        report = audited.copying()
        copies, first = report.copies, report.results[0]
        assert report.memorizes
        for text in (
            f"at least {percent(copies.share_lower)} of the samples are copies of training items by distance-ratio "
            f"(95 % lower bound; {int(copies.listed.sum()):,} listed, at most 5 % of them falsely)",
            f"3 of 180 samples are identical to a training item (1 distinct); {report.identical.expected:.3g} expected",
            f"{first.name} calls {percent(first.flags.mean())} of the samples copies (95 % interval "
            f"{interval(clopper_pearson(int(first.flags.sum()), 180))}), and "
            f"{percent((first.null_scores < 1 / 3).mean())} of the null",
        ):
            assert text in report.verdict
        assert 0 < copies.share_lower < copies.listed.mean() + 0.05
        assert percent(copies.share_lower) != percent(copies.listed.mean())

    def test_of_honest_samples_prints_what_would_have_been_found(self) -> None:
        report = audited.honest()
        assert f"a share of exact copies above {percent(report.copies.detectable)} would" in report.verdict
        assert percent(report.copies.detectable) != percent(report.copies.share_lower)

    def test_closeness_prints_the_shares_and_the_blur(self) -> None:
        grade = Grade(0.6, (0.02, 0.2), 0.03, 0.25, (0.1, None))
        found = Closeness(0.71, (0.6, 0.8), 0.5, 0.01, 0.02, grade, (1.0, 0.5), np.ones(2))
        chance = "71.0 % are nearer to train than to the held-out set, 50.0 % by chance"
        shares = f"{chance}, 60.0 % for a Gaussian fitted to the training items"
        drawn = f"They are drawn to the training items: {shares}"
        blurred = ", as near as training items blurred by 0.25 distances between neighbours"

        def sentence(drawn: bool, **changes: object) -> str:
            return closeness_sentence(replace(found, grade=replace(grade, **changes)), drawn)  # type: ignore[arg-type]

        assert sentence(True) == f"{drawn}{blurred}."
        assert sentence(True, blur=0.0) == f"{drawn}, as near as training items themselves."
        assert sentence(True, blur=None) == f"{drawn}."
        assert sentence(False) == f"They are no nearer to the training items than a fitted Gaussian may be: {shares}."
        quiet = replace(found, grade=None)
        assert (
            closeness_sentence(quiet, False)
            == f"They are no nearer to the training items than chance explains: {chance}."
        )
        assert (found.excess, quiet.excess) == pytest.approx((0.11, 0.21))
        assert (found.p_drawn, replace(found, p=0.2).p_drawn, quiet.p_drawn) == (0.03, 0.2, 0.01)
        written = found.to_dict()
        assert (written["share"], written["share_interval"], written["expected"]) == (0.71, [0.6, 0.8], 0.5)
        assert written["grade"]["excess"] == found.excess
        assert written["grade"]["excess_interval"] == [0.02, 0.2]
        assert quiet.to_dict()["grade"] is None

    def test_attraction_by_fifths_of_the_distance_to_any_reference_item(self) -> None:
        samples, *parts = (data.array.reshape(len(data), -1).astype(float) for data in audited.sets(copies=False))
        to_train, to_holdout = (cdist(samples, part).min(axis=1) for part in parts)
        nearer = np.where(to_train == to_holdout, 0.5, (to_train < to_holdout).astype(float))
        order = np.array_split(np.argsort(np.minimum(to_train, to_holdout), kind="stable"), 5)
        found = audited.honest().closeness
        np.testing.assert_array_equal(found.nearer_to_train, nearer)
        assert found.share == nearer.mean()
        assert found.attraction == pytest.approx([nearer[part].mean() for part in order])

    @pytest.mark.parametrize("n", [60, 70])
    def test_as_many_reference_samples_as_samples_up_to_a_limit(self, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
        made, fitted = [], pool.fitted_gaussians
        monkeypatch.setattr(pool, "REFERENCE_SAMPLES", 65)
        monkeypatch.setattr(pool, "fitted_gaussians", lambda *a: made.append(a[1]) or fitted(*a))
        train, holdout = np.random.default_rng(0).normal(size=(2, 90, 5))
        audit(train[:n] + 0.01, train, holdout=holdout)
        assert made == [min(n, 65)]

    def test_its_numbers_are_those_of_the_report(self) -> None:
        report = audited.copying()
        whole = report.to_dict()
        assert whole["copies"]["share_lower"] == report.copies.share_lower
        assert whole["copies"]["listed"] == int(report.copies.listed.sum())
        low, high = whole["closeness"]["share_interval"]
        assert low < whole["closeness"]["share"] < high
        first = report.results[0].to_dict()
        assert first["excess"] == pytest.approx(first["fraction"] - first["null"]["fraction"])


def test_a_report_in_one_line() -> None:
    report, apart = audited.copying(), audited.copying(held_out=False)
    near = f"closeness {percent(report.closeness.share)}"  # type: ignore[union-attr]
    for one, how in ((report, near), (apart, "closeness not tested")):
        listed = np.count_nonzero(one.copies.listed)
        assert repr(one) == (
            f"Report(memorizes: copies >= {percent(one.copies.share_lower)}, {listed} listed, 3 identical; {how}; "
            f"180 samples, {len(audited.sets()[1])} training items)"
        )
    assert np.count_nonzero(report.copies.listed) > 10


class TestAxes:
    """What the page and the terminal print of both axes."""

    NEAR = Closeness(0.54, (0.5, 0.6), 0.5, 0.3, 0.02, None, (0.7, 0.6, 0.5, 0.5, 0.4), np.full(150, 0.54))
    GRADE = Grade(0.5, (-0.02, 0.1), 0.2, None, (None, 0.0))

    def test_an_excess_that_would_have_been_seen_is_half_the_interval(self) -> None:
        axis = axes(replace(audited.honest(), closeness=self.NEAR))[1]
        assert [value for _, value in axis.rows] == [
            "54.0 % (50.0 % to 60.0 %)",
            "50.0 %",
            "70.0 %, 60.0 %, 50.0 %, 50.0 %, 40.0 %",
        ]
        assert axis.meaning.endswith("An excess above about 5.0 % would have been seen.")
        assert (axis.state, axis.settle) == ("none found", ())

    def test_of_a_graded_excess(self) -> None:
        near = replace(self.NEAR, p=0.01, grade=self.GRADE)
        axis = axes(replace(audited.honest(), closeness=near))[1]
        rows = dict(axis.rows)
        assert rows["a Gaussian fitted to train"] == "50.0 %"
        assert rows["excess over the Gaussian (95 %)"] == "4.0 % (−2.0 % to 10.0 %)"
        assert rows["equivalent blur h (95 %)"] == "over 16 (over 16 to under 0.062)"
        assert axis.meaning.endswith("An excess above about 6.0 % would have been seen.")
        # Half the interval is 1.5 times the excess: 2.25 times as many items make it as wide as the excess.
        assert axis.settle[0].startswith("about 3 times as many samples and items, should the excess of 4.0 %")
        less = replace(near, grade=replace(self.GRADE, reference=near.share - 0.015))  # four times: sixteen
        settle = axes(replace(audited.honest(), closeness=less))[1].settle
        assert settle[0].startswith("about 16 times as many samples and items, should the excess of 1.5 %")
        drawn = replace(near, grade=replace(self.GRADE, excess_interval=(0.02, 0.1), p=0.001, blur=0.25), p=0.001)
        axis = axes(replace(audited.honest(), closeness=drawn))[1]
        assert axis.state == "found"
        assert "as training items blurred by 0.25 times the distance between neighbours" in axis.meaning
        assert drawn.grade is not None
        closest = replace(drawn, grade=replace(drawn.grade, blur=0.0))
        axis = axes(replace(audited.honest(), closeness=closest))[1]
        assert "its samples are closer than the slightest blur that was tried" in axis.meaning

    def test_of_copies(self) -> None:
        report = audited.copying()
        copies, first = report.copies, report.results[0]
        rows = dict(axes(report)[0].rows)
        assert rows["share of copies, at least (95 % bound)"] == percent(copies.share_lower)
        assert rows["samples listed as copies, at most 5 % falsely"] == f"{int(copies.listed.sum())} of 180"
        assert rows["identical to a training item"].startswith("3; ")
        assert rows["distinct training items copied"] == str(len(np.unique(report.nearest.units[report.copied])))
        excess = first.flags.mean() - (first.null_scores < 1 / 3).mean()
        assert rows["fixed rule distance-ratio, excess"] == f"{percent(excess)} ({interval(first.excess_interval)})"
        assert rows["smallest share sure to be found"] == percent(copies.detectable)

    def test_honest_items_that_make_identical_samples_proof(self) -> None:
        """With so many honest items, none of them identical, the p-value is at the level of Holm's first step."""
        report = audited.honest()
        identical = Identical(Rate(2, 150), 2, Rate(0, 100), None, 100.0)
        changed = replace(report, evidence=(replace(report.evidence[0], identical=identical),))
        (said,) = (what for what in axes(changed)[0].settle if "identical samples are proof" in what)
        items = int(re.search(r"about ([\d,]+) honest", said)[1].replace(",", ""))
        level = 0.05 / len(changed.judgement.tests)
        # The number is rounded up to two digits.
        assert 0.8 * level < stats.hypergeom.sf(1, 150 + items, 2, 150) <= 1.01 * level

    def test_numbers_are_rounded_up_to_two_digits(self) -> None:
        found = [_rounded(number) for number in (0.5, 1, 3.2, 96, 100, 101, 1234, 99_001)]
        assert found == ["1", "1", "4", "96", "100", "110", "1,300", "100,000"]


class TestComparison:
    def test_of_a_comparison(self) -> None:
        first, second = audited.copying(), audited.honest()
        apart, paired = (compare(first, first, paired=flag).differences for flag in (False, True))
        for one, other in zip(apart, paired, strict=True):
            assert (one.p, other.p) == (None, 1.0)
            assert one.interval[0] < other.interval[0] <= 0 <= other.interval[1] < one.interval[1]
        with pytest.raises(ValueError, match="paired"):
            compare(first, second, paired=True)
        found = {each.what: each for each in compare(first, second).differences}["copies"]
        copied = first.copied
        rates = Rate(int(second.copied.sum()), 150), Rate(int(copied.sum()), 180)
        assert found.interval == pytest.approx(difference_interval(*rates))
        assert found.difference == pytest.approx(rates[0].fraction - rates[1].fraction)
        assert re.search(rf"copies: {percent(copied.mean())} → ", compare(first, second).sentence)
