import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mnemoscope.auditing import Rate, clopper_pearson, difference_interval
from mnemoscope.auditing.intervals import samples_needed, student_error

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_clopper_pearson_inverts_the_binomial_test(count_total: tuple[int, int]) -> None:
    expected = stats.binomtest(*count_total).proportion_ci(confidence_level=0.95, method="exact")
    assert clopper_pearson(*count_total) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("n", [2, 6, 300])
def test_student_s_interval_inverts_the_t_test(n: int, at_once: int) -> None:
    values = np.random.default_rng(n).normal(2, 3, size=n)
    low, high = stats.ttest_1samp(values, 0).confidence_interval(1 - 0.05 / at_once)
    assert student_error(values, at_once) == pytest.approx((high - low) / 2)


def test_one_value_has_no_interval() -> None:
    assert math.isnan(student_error(np.ones(1)))


def test_rule_of_three_at_zero_counts() -> None:
    assert clopper_pearson(0, 100)[0] == 0
    assert clopper_pearson(0, 100)[1] == pytest.approx(1 - 0.025 ** (1 / 100))


@given(counts, counts)
def test_difference_interval_holds_the_difference_and_mirrors(one: tuple[int, int], two: tuple[int, int]) -> None:
    first, second = Rate(*one), Rate(*two)
    low, high = difference_interval(first, second)
    assert -1 <= low <= first.fraction - second.fraction <= high <= 1
    mirrored = difference_interval(second, first)
    assert mirrored == pytest.approx((-high, -low))


@pytest.mark.statistical
@pytest.mark.parametrize(("p", "q"), [(0.0, 0.0), (0.02, 0.02), (0.3, 0.01), (1.0, 0.05), (0.5, 0.5)])
@pytest.mark.parametrize(("n", "m"), [(50, 50), (200, 60)])
def test_difference_interval_covers(p: float, q: float, n: int, m: int) -> None:
    """At least 95 % of the time. 2,000 repeats have a standard error of 0.5 %; four of them are allowed."""
    rng = np.random.default_rng(0)
    pairs = zip(rng.binomial(n, p, 2000), rng.binomial(m, q, 2000), strict=True)
    intervals = {}
    covered = 0
    for a, b in pairs:
        if (a, b) not in intervals:
            intervals[a, b] = difference_interval(Rate(int(a), n), Rate(int(b), m))
        low, high = intervals[a, b]
        covered += low <= p - q <= high
    assert covered / 2000 > 0.93


@pytest.mark.parametrize("resolution", [0.01, 0.1, 0.5])
def test_samples_needed_is_the_least(resolution: float) -> None:
    needed = samples_needed(resolution)
    assert clopper_pearson(0, needed)[1] <= resolution < clopper_pearson(0, needed - 1)[1]
