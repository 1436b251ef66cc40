"""Calibrated copies against their definitions, written out."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from mnemoscope.auditing import audit
from mnemoscope.auditing.copies import _honest_suprema, _ranks, below_all_p, calibrated, conformal_p_values

SCORES = st.lists(st.integers(0, 12), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_p_values_by_counting(scores: list[int], null: list[int]) -> None:
    found = conformal_p_values(np.array(scores, float), np.array(null, float))
    assert found.tolist() == [(1 + sum(z <= s for z in null)) / (len(null) + 1) for s in scores]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 60))
def test_the_list_is_benjamini_and_hochbergs(seed: int, n: int, m: int) -> None:
    """The largest k with p_(k) ≤ 0.05 k/n; all p-values up to it are listed."""
    rng = np.random.default_rng(seed)
    scores, null = rng.beta(0.3, 1, n).round(2), rng.uniform(size=m).round(2)
    found = calibrated("score", "null", scores, null, rng)
    p = conformal_p_values(scores, null)
    steps = [k for k in range(1, n + 1) if np.sort(p)[k - 1] <= 0.05 * k / n]
    limit = np.sort(p)[max(steps) - 1] if steps else 0
    np.testing.assert_array_equal(found.listed, p <= limit)


@pytest.mark.parametrize(("copies", "reach", "least", "most"), [(15, 0.0, 0.0, 0.1), (150, 0.5, 0.5, 0.8)])
def test_the_bound_by_its_definition(copies: int, reach: float, least: float, most: float) -> None:
    """With c drawn by a loop over uniform scores: nothing of the fast simulation is used.

    Copies below all that is honest, and many that are spread among the lower half of it.
    """
    rng = np.random.default_rng(4)
    n, m = 150, 90
    near = rng.uniform(0, reach, size=copies) if reach else np.full(copies, -1.0)
    scores, null = np.concatenate([near, rng.uniform(size=n - copies)]), rng.uniform(size=m)
    t = _ranks(m) / (m + 1)
    sd = np.sqrt(t * (1 - t) * (1 / n + 1 / m))

    def share(scores: np.ndarray, null: np.ndarray) -> np.ndarray:
        p = conformal_p_values(scores, null)
        return np.array([(p <= level + 1e-12).mean() for level in t])

    suprema = [np.max((share(rng.uniform(size=n), rng.uniform(size=m)) - t) / sd) for _ in range(1500)]
    found = calibrated("score", "null", scores, null, rng)
    observed = share(scores, null)
    expected = np.max((observed - t - np.quantile(suprema, 0.95) * sd) / (1 - t))
    assert found.share_lower == pytest.approx(expected, abs=0.01)
    assert least < found.share_lower < most
    assert found.p == pytest.approx(np.mean(suprema >= np.max((observed - t) / sd)), abs=0.01)


@pytest.mark.parametrize(("worth", "null_worth", "n", "m", "c"), [(99.0, 99.0, 10, 7, 4), (5.0, 4.0, 5, 4, 2)])
def test_the_exact_p_by_counting_orders(worth: float, null_worth: float, n: int, m: int, c: int) -> None:
    """Of all orders of n + m scores, those whose c smallest are samples; four of ten samples are two of five."""
    scores, null = np.array([0, 1, 2, 3, *range(20, 26)], float), np.arange(10.0, 17.0)
    orders = list(combinations(range(n + m), n))
    expected = np.mean([set(range(c)) <= set(order) for order in orders])
    assert below_all_p(scores, null, worth, null_worth) == pytest.approx(expected)


def test_the_simulated_law_is_that_of_uniform_scores() -> None:
    rng = np.random.default_rng(0)
    n, m = 40, 25
    t = _ranks(m) / (m + 1)
    sd = np.sqrt(t * (1 - t) * (1 / n + 1 / m))
    slow = []
    for _ in range(3000):
        null, samples = np.sort(rng.uniform(size=m)), rng.uniform(size=n)
        slow.append(max(((samples < null[k - 1]).mean() - k / (m + 1)) / s for k, s in zip(_ranks(m), sd, strict=True)))
    fast = _honest_suprema(t, sd, n, m, rng)
    for level in (0.5, 0.9, 0.95):
        assert np.quantile(fast, level) == pytest.approx(np.quantile(slow, level), abs=0.15)


def test_dependent_honest_items_are_worth_fewer() -> None:
    rng = np.random.default_rng(2)
    scores, null = rng.uniform(size=300), rng.uniform(size=300)
    scores[:20] = -1
    alone, fewer = (calibrated("s", "n", scores, null, np.random.default_rng(0), null_worth=m) for m in (None, 60.0))
    assert fewer.share_lower < alone.share_lower
    assert fewer.p >= alone.p
    assert (fewer.p_values >= alone.p_values).all()
    assert fewer.p_values[0] == pytest.approx(1 / 61)


@pytest.mark.parametrize("draws", [50, 400])
def test_no_p_value_is_below_what_so_many_draws_reach(draws: int) -> None:
    rng = np.random.default_rng(2)
    found = calibrated("s", "n", rng.uniform(-2, -1, 300), rng.uniform(size=300), rng, draws=draws)
    assert found.p == pytest.approx(1 / (draws + 1))


@pytest.mark.parametrize(("n", "m"), [(100, 100), (1000, 1000), (2000, 300)])
def test_the_detectable_share_is_detected(n: int, m: int) -> None:
    """At that share of perfect copies the number among n reaches what the test needs in 95 % of cases, not sooner."""
    rng = np.random.default_rng(1)
    null = rng.uniform(size=m)
    share = calibrated("s", "n", rng.uniform(size=n), null, rng).detectable

    def rejected(copies: int) -> bool:
        scores = np.concatenate([np.full(copies, -1.0), np.full(n - copies, 2.0)])
        return calibrated("s", "n", scores, null, np.random.default_rng(1)).p <= 0.05

    least = next(k for k in range(1, n) if rejected(k))
    assert binom.sf(least - 1, n, share) == pytest.approx(0.95, abs=0.02)


def test_too_few_honest_items_detect_nothing() -> None:
    rng = np.random.default_rng(0)
    assert calibrated("s", "n", rng.uniform(size=2), rng.uniform(size=1), rng).detectable >= 1


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_one_honest_sample_again_and_again_is_one_sample(noise: float) -> None:
    """Its score is any honest score: at the median of the null a thousand repeats prove nothing. A copy's still do."""
    rng = np.random.default_rng(0)
    train, holdout = rng.normal(size=(2, 400, 12))
    fresh = rng.normal(size=(10, 12))
    again = [audit(item + noise * rng.normal(size=(300, 12)), train, holdout=holdout) for item in fresh]
    assert sum(report.memorizes for report in again) <= 3
    assert not any(report.tone == "clear" for report in again)
    copied = audit(train[3] + 0.05 * rng.normal(size=12) + noise * rng.normal(size=(300, 12)), train, holdout=holdout)
    assert copied.memorizes
