"""Intervals, p-values and bounds beside the main result, each against its definition."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from mnemoscope.auditing import Rate, clopper_pearson
from mnemoscope.auditing.closeness import (
    _PERMUTATIONS,
    bootstrap,
    closeness,
    equivalent_blur,
    expected_share,
    permutation_p,
)
from mnemoscope.auditing.copies import (
    _detectable,
    _ranks,
    calibrated,
    conformal_p_values,
    numbers_needed,
)
from mnemoscope.auditing.intervals import difference_interval, paired_difference_interval
from mnemoscope.auditing.overlap import _one_side, _too_many, made_by_hand
from mnemoscope.auditing.references import BLURS
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.votes import Votes


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class TestIntervals:
    @pytest.mark.parametrize(("a", "n", "b", "m"), [(3, 40, 9, 70), (0, 30, 5, 30), (20, 20, 1, 50), (0, 9, 0, 7)])
    def test_square_and_add(self, a: int, n: int, b: int, m: int) -> None:
        """Zou and Donner's formula from scipy's own limits."""
        (l1, u1), (l2, u2) = (
            (one.low, one.high) for one in (stats.binomtest(*x).proportion_ci(method="exact") for x in ((a, n), (b, m)))
        )
        p, q = a / n, b / m
        low, high = p - q - math.sqrt((p - l1) ** 2 + (u2 - q) ** 2), p - q + math.sqrt((u1 - p) ** 2 + (q - l2) ** 2)
        assert difference_interval(Rate(a, n), Rate(b, m)) == pytest.approx((max(-1, low), min(1, high)))

    def test_pairs_take_off_the_correlation(self) -> None:
        first, second = (rng(1).random(60) < 0.4).astype(float), (rng(2).random(60) < 0.3).astype(float)
        second[:30] = first[:30]
        p, q, r = first.mean(), second.mean(), np.corrcoef(first, second)[0, 1]
        (l1, u1), (l2, u2) = (clopper_pearson(int(x.sum()), 60) for x in (first, second))
        below = (p - l1) ** 2 + (u2 - q) ** 2 - 2 * r * (p - l1) * (u2 - q)
        above = (u1 - p) ** 2 + (q - l2) ** 2 - 2 * r * (u1 - p) * (q - l2)
        expected = p - q - math.sqrt(below), p - q + math.sqrt(above)
        assert paired_difference_interval(first, second) == pytest.approx(expected)
        assert r > 0.3
        constant = np.zeros(60)
        independent = difference_interval(Rate(int(first.sum()), 60), Rate(0, 60))
        assert paired_difference_interval(first, constant) == pytest.approx(independent)

    def test_thinned_rates_round_the_count_up(self) -> None:
        assert Rate(3, 100).thinned(40.7) == Rate(2, 40)
        assert Rate(3, 100).thinned(200.0) == Rate(3, 100)
        assert Rate(3, 100).thinned(0.2) == Rate(1, 1)
        assert Rate(0, 100).thinned(10.0) == Rate(0, 10)


class TestCloseness:
    VOTES = Votes(
        unit=np.array([0, 2, 5, 8, 9]),
        is_train=np.array([True, True, False, False, True]),
        count=np.array([4.0, 1.0, 2.0, 2.0, 1.0]),
        stratum=np.array([0, 0, 0, 1, 1]),
        nearer_to_train=np.array([1, 1, 1, 1, 1, 0, 0, 0, 0, 1.0]),
    )
    UNITS = np.array([[3, 2], [1, 3]])

    def test_expected_share_by_strata(self) -> None:
        assert expected_share(self.VOTES, self.UNITS) == pytest.approx((7 * 3 / 5 + 3 * 1 / 4) / 10)

    def test_permutation_p_by_enumeration(self) -> None:
        """All labellings of 3 + 2 units in one stratum and of 1 + 3 in the other; five standard errors."""
        first, second = [4.0, 1.0, 2.0, 0.0, 0.0], [2.0, 1.0, 0.0, 0.0]
        sums = [
            sum(first[i] for i in a) + sum(second[i] for i in b)
            for a in combinations(range(5), 3)
            for b in combinations(range(4), 1)
        ]
        exact = np.mean(np.array(sums) >= 6)
        found = permutation_p(self.VOTES, self.UNITS, rng())
        assert found == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / _PERMUTATIONS))
        assert found * (1 + _PERMUTATIONS) == pytest.approx(round(found * (1 + _PERMUTATIONS)))

    def test_more_votes_than_estimated_units_are_no_error(self) -> None:
        assert 0 < permutation_p(self.VOTES, np.array([[1, 0], [0, 0]]), rng()) <= 1

    def test_everything_from_its_parts(self) -> None:
        """Each number from the bootstrap's draws, which are seeded; the fifths by their distances."""
        votes = replace(self.VOTES, count=np.array([4.0, 2.0, 0.5, 0.5, 3.0]), stratum=np.zeros(5, dtype=int))
        units, reference = np.array([[30, 70]]), replace(votes, count=np.ones(5), nearer_to_train=np.full(8, 0.25))
        blurred = np.linspace(0.9, 0.3, len(BLURS))
        distances = np.array([5, 4, 3, 2, 1, 10, 9, 8, 7, 6.0])
        found = closeness(votes, units, lambda: (reference, blurred), distances, rng(4))
        again = rng(4)
        assert found.p == permutation_p(votes, units, again) <= 0.05
        draws, others = bootstrap([votes, reference], again)
        assert (found.share, found.expected, found.excess) == pytest.approx((0.6, 0.3, 0.35))
        assert found.share_interval == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])))
        assert found.attraction == (1, 1, 1, 0, 0)
        assert found.grade.reference == 0.25
        assert found.grade.excess_interval == pytest.approx(tuple(np.quantile(draws - others, [0.025, 0.975])))
        assert found.grade.p == pytest.approx((1 + np.sum(draws - others <= 0)) / (1 + len(draws)))
        assert found.grade.blur == equivalent_blur(0.6, blurred)
        ends = (equivalent_blur(float(np.quantile(draws, q)), blurred) for q in (0.975, 0.025))
        assert found.grade.blur_interval == tuple(ends)
        chance = closeness(self.VOTES, self.UNITS, lambda: pytest.fail("nothing to grade"), distances, rng(4))
        assert chance.p > 0.05
        assert chance.grade is None

    def test_blur_of_shares_that_rise_again_by_chance(self) -> None:
        shares = np.linspace(1.0, 0.5, len(BLURS))
        bumpy = shares.copy()
        bumpy[5] = shares[3]
        between = equivalent_blur(float(shares[4] + shares[5]) / 2, bumpy)
        assert between == pytest.approx(BLURS[5] ** 0.75 * BLURS[6] ** 0.25)
        halfway = equivalent_blur(float(shares[8] + shares[9]) / 2, shares)
        assert halfway == pytest.approx(math.sqrt(BLURS[8] * BLURS[9]))


class TestCopies:
    def test_worth_scales_the_p_values(self) -> None:
        null, scores = np.arange(1.0, 11), np.array([0.0, 3.0, 3.5, 99.0])
        assert conformal_p_values(scores, null).tolist() == pytest.approx([1 / 11, 4 / 11, 4 / 11, 1])
        assert conformal_p_values(scores, null, 5.0).tolist() == pytest.approx([1 / 6, 2.5 / 6, 2.5 / 6, 1])

    def test_ranks_are_dense_where_small_and_end_at_the_half(self) -> None:
        ranks = _ranks(1000)
        assert ranks[:10].tolist() == list(range(1, 11))
        assert ranks[-1] == 500
        assert len(ranks) <= 48
        assert _ranks(1).tolist() == [1]

    @pytest.mark.parametrize(("n", "needed"), [(50, 0.1), (200, 0.031), (20, 0.0)])
    def test_detectable_is_the_least_share(self, n: int, needed: float) -> None:
        """The binomial exceeds the needed count in 95 % of cases at that share, not below it."""
        count = math.floor(needed * n + 1e-9)
        share = _detectable(n, needed)
        assert stats.binom.sf(count, n, share) == pytest.approx(0.95, abs=1e-6)
        assert _detectable(10, 1.0) == 1.0

    def test_repeated_samples_are_worth_fewer(self) -> None:
        scores, null = rng(1).uniform(size=300), rng(2).uniform(size=300)
        scores[:20] = -1
        alone, fewer, more = (
            calibrated("s", "n", scores, null, rng(), samples_worth=worth) for worth in (None, 40.0, 1e9)
        )
        assert fewer.p > alone.p
        assert fewer.share_lower < alone.share_lower
        assert fewer.detectable > alone.detectable
        np.testing.assert_array_equal(fewer.p_values, alone.p_values)
        assert more.to_dict() == alone.to_dict()

    def test_numbers_that_are_needed_are_enough_and_the_fewest_tried(self) -> None:
        n, m = numbers_needed(0.05, 40, 40, rng())
        assert n == m > 40
        assert calibrated("s", "n", rng(1).uniform(size=n), rng(2).uniform(size=m), rng()).detectable <= 0.055
        fewer = round(n / 1024 ** (2 / 20))
        assert calibrated("s", "n", rng(1).uniform(size=fewer), rng(2).uniform(size=fewer), rng()).detectable > 0.05
        assert numbers_needed(0.05, 40, 40, rng(), most=1.5) is None
        assert numbers_needed(0.9, 400, 400, rng()) == (400, 400)


class TestOverlap:
    def test_one_side_by_the_hypergeometric_law(self) -> None:
        for size, n, m in ((2, 5, 7), (3, 10, 4), (4, 3, 20), (5, 4, 4)):
            law = stats.hypergeom(n + m, n, size)
            assert _one_side(size, n, m) == pytest.approx(law.pmf(0) + law.pmf(size))

    def test_too_many_is_a_tail_of_one_in_a_thousand(self) -> None:
        sizes = np.full(20, 2)
        both = 1 - _one_side(2, 30, 30)
        for count in range(21):
            assert _too_many(count, sizes, 30, 30) == (stats.binom.sf(count - 1, 20, both) < 1e-3)

    def test_repeats_on_one_side_alone_are_made_by_hand(self) -> None:
        """Of groups of two on one side only, probability just below one half each: ten are needed."""
        fresh = rng(0).normal(size=(40, 2))
        for pairs in (3, 20):
            train = Repeated(np.concatenate([fresh[:20], fresh[: min(pairs, 20)]]))
            held_out = Repeated(fresh[20:])
            n, m = len(train.first), 20
            assert made_by_hand(train, held_out) == (_one_side(2, n, m) ** pairs < 1e-3)
        assert not made_by_hand(Repeated(np.concatenate([fresh, fresh])), Repeated(fresh[:3]))
