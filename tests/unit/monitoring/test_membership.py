"""Areas, gaps and their intervals, against slow twins and simulations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from mnemoscope.monitoring.membership import area, area_bound, membership, paired_gap, paired_share, share_bound

scores = st.lists(st.integers(-3, 3), min_size=1, max_size=12)


@given(train=scores, holdout=scores)
def test_the_area_counts_pairs(train: list[int], holdout: list[int]) -> None:
    won = [(s < z) + 0.5 * (s == z) for s in train for z in holdout]
    assert area(np.array(train, float), np.array(holdout, float)) == pytest.approx(np.mean(won))


@given(found=st.floats(0, 1), n=st.integers(2, 300), m=st.integers(16, 300), error=st.floats(1e-6, 0.4))
def test_bounds_solve_their_equation_and_mirror(found: float, n: int, m: int, error: float) -> None:
    low = area_bound(found, n, m, error)
    assert 0 <= low <= found
    assert area_bound(1 - found, n, m, error, upper=True) == pytest.approx(1 - low, abs=1e-6)
    if low > 1e-6:
        # The variance of Hanley and McNeil, written out term by term.
        first, second = low / (2 - low), 2 * low**2 / (1 + low)
        size = (n + m) / 2
        variance = low * (1 - low) + (size - 1) * (first + second - 2 * low**2)
        assert found - low == pytest.approx(norm.isf(error) * np.sqrt(variance / (n * m)), abs=1e-5)


def test_at_one_half_the_variance_is_that_of_mann_and_whitney() -> None:
    n, z = 20, 1e-3
    low = area_bound(0.5, n, n, norm.sf(z))
    assert (0.5 - low) / z == pytest.approx(np.sqrt((2 * n + 1) / (12 * n**2)), rel=1e-2)


@pytest.mark.slow
@pytest.mark.statistical
@pytest.mark.parametrize(("n", "shift", "shared"), [(16, 0.0, 0.0), (16, 2.0, 0.0), (64, 1.0, 0.0), (64, 1.0, 0.8)])
def test_intervals_cover(n: int, shift: float, shared: float) -> None:
    """In 400 repetitions 95 % ± 4 standard errors; scores with common noise (``shared``) are covered more often."""
    rng, true = np.random.default_rng(0), norm.cdf(shift / np.sqrt(2))
    covered = []
    for _ in range(400):
        common = np.sqrt(shared) * rng.normal(size=n)
        train, holdout = (common + np.sqrt(1 - shared) * rng.normal(size=n) for _ in range(2))
        low, high = membership(train - shift, holdout).interval
        covered.append(low <= true <= high)
    assert np.mean(covered) >= 0.95 - 4 * np.sqrt(0.05 * 0.95 / 400)


@pytest.mark.statistical
def test_gaps_and_shares_cover() -> None:
    rng, gaps, shares = np.random.default_rng(1), [], []
    for _ in range(400):
        noise = rng.exponential(size=40)
        train, holdout = noise * rng.uniform(0.5, 1.5, 40), 2 * noise * rng.uniform(0.5, 1.5, 40)
        (low, high), (least, most) = paired_gap(train, holdout).interval, paired_share(train, holdout).interval
        gaps.append(low <= 1 <= high)
        shares.append(least <= 0.5 <= most)
    assert min(np.mean(gaps), np.mean(shares)) >= 0.89  # skewed: below 95 %
    assert max(np.mean(gaps), np.mean(shares)) <= 0.99  # and no wider than it must be


def test_nothing_is_known_where_all_is_zero() -> None:
    assert paired_share(np.zeros(5), np.zeros(5)).interval == (-1, 1)


def test_the_bound_of_a_share_is_students() -> None:
    rng = np.random.default_rng(2)
    for pairs in (3, 16, 48):
        found = paired_share(rng.uniform(0.5, 1.0, pairs), rng.uniform(1.0, 2.0, pairs))
        assert share_bound(found, pairs, 0.025) == pytest.approx(found.interval[0])
        unit = (found.value - found.interval[0]) / t.ppf(0.975, pairs - 1)
        assert share_bound(found, pairs, 1e-4) == pytest.approx(found.value - t.isf(1e-4, pairs - 1) * unit)
