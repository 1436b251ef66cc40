"""C_T against its formula, pair by pair, and its law under the null."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, norm

from mnemoscope.auditing.measures import DataCopyingTest
from mnemoscope.auditing.measures.ct import mann_whitney_z
from mnemoscope.errors import InputError
from tests.unit.auditing.measures.searches import distance


def draws(n, seed, dim=3):
    return np.random.default_rng(seed).standard_normal((n, dim))


def result(generated, train, holdout, seed=0, **settings):
    return DataCopyingTest(**settings).result(generated, train, holdout, np.random.default_rng(seed))


def slow_z(first, second):
    """Every pair; the variance without ties."""
    n, m = len(first), len(second)
    larger = sum((x > y) + (x == y) / 2 for x in first for y in second)
    return (larger - n * m / 2) / (n * m * (n + m + 1) / 12) ** 0.5


def slow_distances(items, train):
    return [min(distance(item, x) for x in train) for item in items]


def test_one_cell_is_the_formula() -> None:
    train, holdout, generated = draws(40, 0), draws(30, 1), 0.8 * draws(25, 2)
    expected = slow_z(slow_distances(generated, train), slow_distances(holdout, train))
    found = result(generated, train, holdout, cells=1)
    assert found.value == pytest.approx(expected, rel=1e-12)
    assert (found.null, found.spread, found.notes) == (0.0, 1.0, ())


def test_cells_are_weighted_by_held_out_items() -> None:
    """Three clusters that no k-means can miss; the third has no held-out items."""
    centres = 100 * np.eye(3)
    train = np.concatenate([draws(30, k) + centres[k] for k in range(3)])
    generated = np.concatenate([0.7 * draws(20, 10 + k) + centres[k] for k in range(3)])
    holdout = np.concatenate([draws(20, 20) + centres[0], draws(40, 21) + centres[1]])
    found = result(generated, train, holdout, cells=3)
    z = [
        slow_z(
            slow_distances(generated[20 * k : 20 * k + 20], train[30 * k : 30 * k + 30]),
            slow_distances(holdout[20 * k : 20 + 40 * k], train[30 * k : 30 * k + 30]),
        )
        for k in range(2)
    ]
    assert found.value == pytest.approx((20 * z[0] + 40 * z[1]) / 60, rel=1e-12)
    assert found.spread == pytest.approx((20**2 + 40**2) ** 0.5 / 60)
    (note,) = found.notes
    assert (
        note
        == "1 of 3 cells have fewer than 20 held-out items and were passed over, with 33.3 % of the generated items"
    )


@given(
    first=st.lists(st.integers(0, 5), min_size=2, max_size=20),
    second=st.lists(st.integers(0, 5), min_size=2, max_size=20),
)
def test_ties_have_the_variance_of_the_textbook(first, second) -> None:
    z = mann_whitney_z(np.array(first, float), np.array(second, float))
    if len({*first, *second}) == 1:
        assert z == 0
    else:
        expected = mannwhitneyu(first, second, method="asymptotic", use_continuity=False, alternative="less").pvalue
        assert norm.cdf(z) == pytest.approx(expected, abs=1e-12)
    assert mann_whitney_z(np.array(second, float), np.array(first, float)) == pytest.approx(-z, abs=1e-12)


def test_honest_samples_have_the_spread_that_is_said() -> None:
    """100 honest runs: mean 0 ± 0.1 and standard deviation 1 ± 0.07 of C_T / spread; the limits are four of these."""
    rng, standardized = np.random.default_rng(7), []
    for seed in range(100):
        sets = rng.standard_normal((3, 80, 2))
        found = result(*sets, seed=seed, cells=2)
        standardized.append(found.value / found.spread)
    assert abs(np.mean(standardized)) < 0.4
    assert abs(np.std(standardized) - 1) < 0.28


def test_copies_are_far_below_and_strays_far_above() -> None:
    train, holdout = draws(300, 0), draws(300, 1)
    copies = train[:200] + 0.05 * draws(200, 2)
    assert result(copies, train, holdout).value < -7
    assert result(2 * draws(200, 2), train, holdout).value > 3
    few = np.concatenate([copies[:10], draws(190, 3)])
    assert abs(result(few, train, holdout).value) < 3, "the blind spot that the limits name"
    wide = draws(300, 0, dim=10), draws(300, 1, dim=10)
    assert result(0.5 * draws(200, 4, dim=10), *wide).value < -4, "the other one: a narrow honest generator"


def test_the_same_seed_gives_the_same_cells() -> None:
    train, holdout, generated = draws(200, 0), draws(200, 1), draws(200, 2)
    assert result(generated, train, holdout, seed=3) == result(generated, train, holdout, seed=3)
    assert result(generated, train, holdout, seed=3) != result(generated, train, holdout, seed=4)


def test_few_distinct_items_make_few_cells() -> None:
    train = np.repeat(np.eye(2), 30, axis=0)
    assert result(np.repeat(np.eye(2), 20, axis=0) + 0.1, train, np.repeat(np.eye(2), 20, axis=0) + 0.1).value == 0


@pytest.mark.parametrize(
    ("holdout", "message"),
    [(None, "ct: needs a held-out set"), (draws(19, 1), "ct: no cell of 1 has 20 generated and 20 held-out items")],
)
def test_too_little_is_refused(holdout, message) -> None:
    with pytest.raises(InputError, match=message):
        result(draws(50, 0), draws(50, 2), holdout, cells=1)


@pytest.mark.parametrize("wrong", [{"cells": 0}, {"fewest": 0}])
def test_impossible_settings_are_refused(wrong) -> None:
    with pytest.raises(InputError, match="must be at least 1"):
        DataCopyingTest(**wrong)
