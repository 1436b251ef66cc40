"""Closeness against loops over its definitions, and its size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.covariance import ledoit_wolf_shrinkage

from mnemoscope.auditing import references
from mnemoscope.auditing.closeness import (
    bootstrap,
    bootstrap_shares,
    chance_spread,
    closeness,
    equivalent_blur,
    permutation_p,
)
from mnemoscope.auditing.nearest import TrainingIndex
from mnemoscope.auditing.references import BLURS, blurred_shares, fitted_gaussians, gaussian_samples
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.votes import Votes, cast_votes


def vote(samples: np.ndarray, train: np.ndarray, holdout: np.ndarray) -> tuple[Votes, np.ndarray]:
    sets = [Repeated(train), Repeated(holdout)]
    indices = [TrainingIndex(each.array, each.first, np.random.default_rng(0)) for each in sets]
    found = [index.nearest(samples) for index in indices]
    votes = cast_votes(found[0], found[1], sets[0].multiplicity, sets[1].multiplicity)
    return votes, np.array([[index.n_units for index in indices]])


def test_votes_by_a_loop() -> None:
    rng = np.random.default_rng(0)
    samples, train, holdout = rng.normal(size=(80, 3)), rng.normal(size=(50, 3)), rng.normal(size=(30, 3))
    votes, n_units = vote(samples, train, holdout)
    pool = np.concatenate([train, holdout])
    counts = np.zeros(80)
    for sample in samples:
        counts[np.argmin([np.linalg.norm(sample - item) for item in pool])] += 1
    np.testing.assert_array_equal(votes.unit, np.flatnonzero(counts))
    np.testing.assert_array_equal(votes.count, counts[counts > 0])
    np.testing.assert_array_equal(votes.is_train, votes.unit < 50)
    assert votes.share == counts[:50].sum() / 80
    assert n_units.tolist() == [[50, 30]]


def test_a_tie_is_shared_by_the_identical_items_behind_it() -> None:
    grid = np.arange(8.0)[:, None] * 10
    train, holdout = np.concatenate([grid, grid[:1], grid[:1]]), np.concatenate([grid[:1], grid[4:5] + 3])
    votes, _ = vote(grid[:2], train, holdout)
    assert votes.nearer_to_train.tolist() == [0.75, 1.0]  # three identical training items, one held-out


def test_near_duplicates_are_one_unit() -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(size=(200, 24))
    train = np.concatenate([items, items[:100] + 0.01 * rng.normal(size=(100, 24))])
    samples = np.concatenate([items[:10], train[200:210]]) + 0.001 * rng.normal(size=(20, 24))
    votes, n_units = vote(samples, train, rng.normal(size=(100, 24)))
    np.testing.assert_array_equal(votes.count, np.full(10, 2.0))
    assert n_units.tolist() == [[200, 100]]


def hub_votes(rng: np.random.Generator) -> tuple[Votes, np.ndarray]:
    train, holdout, samples = (rng.normal(size=(n, 20)) for n in (100, 100, 200))
    return vote(samples, train, holdout)


def test_the_permutation_law_has_the_moments_of_drawing_without_replacement() -> None:
    """Mean n/(n + m), variance nm/(N(N−1)) Σ(c − c̄)²/(Σc)²: by these alone the p-value follows, near enough."""
    rng = np.random.default_rng(1)
    votes, n_units = hub_votes(rng)
    n, m = n_units[0]
    counts = np.concatenate([votes.count, np.zeros(n + m - len(votes.count))])
    shares = [rng.permutation(counts)[:n].sum() / counts.sum() for _ in range(4000)]
    variance = n * m / ((n + m) * (n + m - 1)) * ((counts - counts.mean()) ** 2).sum() / counts.sum() ** 2
    assert np.mean(shares) == pytest.approx(n / (n + m), abs=0.005)
    assert np.var(shares) == pytest.approx(variance, rel=0.1)
    assert chance_spread(votes, n_units) ** 2 == pytest.approx(variance)
    assert permutation_p(votes, n_units, rng) == pytest.approx(np.mean(np.array(shares) >= votes.share), abs=0.03)


@pytest.mark.slow
@pytest.mark.statistical
def test_size_of_the_permutation_test_and_a_control_that_fails() -> None:
    """150 honest data sets: 5 % within chance; a binomial test, which ignores the hubs, rejects twice as often."""
    rng = np.random.default_rng(2)
    permuted, binomial = [], []
    for _ in range(150):
        votes, n_units = hub_votes(rng)
        permuted.append(permutation_p(votes, n_units, rng) <= 0.05)
        binomial.append(binomtest(round(votes.count[votes.is_train].sum()), 200, 0.5, "greater").pvalue <= 0.05)
    assert 0.01 < np.mean(permuted) < 0.1
    assert np.mean(binomial) > 0.085


def test_bootstrap_weights_are_common_and_by_unit() -> None:
    rng = np.random.default_rng(3)
    votes, _ = hub_votes(rng)
    first, second = bootstrap([votes, votes], rng)
    np.testing.assert_array_equal(first, second)
    train, count = votes.is_train, votes.count
    slow = []
    for _ in range(3000):
        weighted = rng.poisson(1, len(count)) * count
        slow.append(weighted[train].sum() / weighted.sum())
    assert first.mean() == pytest.approx(votes.share, abs=0.005)
    assert first.std() == pytest.approx(np.std(slow), rel=0.08)


def test_a_draw_without_any_vote_stays_where_the_votes_are() -> None:
    """Of a single unit, in 1/e of the draws."""
    counts, observed = np.array([[[1.0], [1.0]]]), np.array([0.7])
    draws = bootstrap_shares(counts, observed, np.random.default_rng(0))
    assert set(draws[0]) == {0.7, 1.0}
    assert np.mean(draws == 0.7) == pytest.approx(np.exp(-1), abs=0.05)


def test_only_what_chance_does_not_explain_is_graded() -> None:
    """The references are made once where the permutation test rejects, and never where it does not."""
    rng = np.random.default_rng(4)
    train, holdout, honest = (rng.normal(size=(n, 20)) for n in (100, 100, 200))
    blurred, calls = np.linspace(1.0, 0.5, len(BLURS)), []
    graded = []
    for samples in (honest, train[rng.integers(100, size=200)] + 0.8 * rng.normal(size=(200, 20))):
        votes, n_units = vote(samples, train, holdout)
        reference, _ = vote(gaussian_samples(train, 200, rng), train, holdout)

        def references(reference: Votes = reference) -> tuple[Votes, np.ndarray]:
            calls.append(reference)
            return reference, blurred

        near = closeness(votes, n_units, references, rng.random(200), rng)
        graded.append(near.grade is not None)
        assert near.share_interval[0] < near.share < near.share_interval[1]
        if near.grade is None:
            assert near.p > 0.05
            assert near.p_drawn == near.p
            assert near.excess == near.share - near.expected
        else:
            assert near.p <= 0.05
            assert near.p_drawn == max(near.p, near.grade.p)
            assert near.excess == near.share - reference.share
            assert near.grade.excess_interval[0] < near.excess < near.grade.excess_interval[1]
    assert (graded, len(calls)) == ([False, True], 1)


def test_a_fitted_gaussian_has_the_moments_of_its_items() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(4, 4))
    train = (rng.normal(size=(3000, 4)) @ mixing + 5).reshape(3000, 2, 2)
    made = gaussian_samples(train, 20000, rng).reshape(20000, 4)
    np.testing.assert_allclose(made.mean(axis=0), 5, atol=0.15)
    np.testing.assert_allclose(np.cov(made.T), np.cov(train.reshape(3000, 4).T), atol=0.35)


def test_few_items_shrink_the_covariance_as_scikit_learn_does() -> None:
    from sklearn.covariance import ledoit_wolf

    rng = np.random.default_rng(0)
    train = rng.normal(size=(20, 6)) * [1, 1, 1, 1, 1, 4]
    made = gaussian_samples(train, 40000, rng)
    np.testing.assert_allclose(np.cov(made.T), ledoit_wolf(train)[0], atol=0.25)


@given(st.integers(0, 2**31), st.integers(2, 12), st.integers(1, 40), st.floats(0, 3), st.booleans())
def test_the_shrinkage_is_that_of_scikit_learn(seed: int, n: int, dim: int, common: float, by_columns: bool) -> None:
    """By the products of the items as by those of the values, columns read part by part, of some of the items."""
    rng = np.random.default_rng(seed)
    items = rng.normal(size=(n + 3, dim)) + common * rng.normal(size=(n + 3, 1)) + 5
    rows = np.arange(1, n + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "CHUNK_BYTES", 8 * n * 7)
        array = np.asfortranarray(items) if by_columns else items
        shrinkage, variance = references._shrinkage(array, rows, items.mean(axis=0))
    assert shrinkage == pytest.approx(ledoit_wolf_shrinkage(items[rows]), abs=1e-9)
    assert variance == pytest.approx(items[rows].var(axis=0).mean(), rel=1e-9)


def test_blurred_shares_by_a_loop() -> None:
    """Every blur drawn and searched by itself."""
    rng = np.random.default_rng(0)
    train, holdout = rng.normal(size=(2, 60, 5))
    fast = blurred_shares(train, holdout, 1.5, 4000, rng)
    for place in (0, 6, 8, 10, 16):
        items = train[rng.integers(60, size=2000)]
        blurred = items + BLURS[place] * 1.5 / 5**0.5 * rng.normal(size=items.shape)
        near = [np.linalg.norm(blurred[:, None] - part, axis=2).min(axis=1) for part in (train, holdout)]
        assert fast[place] == pytest.approx((near[0] < near[1]).mean(), abs=0.04)
    assert fast[0] == 1


def test_the_equivalent_blur_inverts_the_shares() -> None:
    shares = np.linspace(1.0, 0.5, len(BLURS))
    for place in range(1, len(BLURS)):
        assert equivalent_blur(float(shares[place]), shares) == pytest.approx(BLURS[place])
    between = equivalent_blur(float(shares[4] + shares[5]) / 2, shares)
    assert BLURS[4] < between < BLURS[5]
    assert equivalent_blur(1.0, shares) == 0
    assert equivalent_blur(0.49, shares) is None


@pytest.mark.parametrize(("n_items", "n_sets"), [(200, 2), (300, 2), (1200, 1)])
def test_a_second_gaussian_where_shrinkage_is_no_trifle(n_items: int, n_sets: int) -> None:
    """Ledoit–Wolf's shrinkage of these items is 2.5 %, 1.9 % and under 1 %."""
    items = np.random.default_rng(0).normal(size=(n_items, 4)) * [1, 2, 4, 8]
    assert (ledoit_wolf_shrinkage(items) > 0.01) == (n_sets == 2)
    assert len(fitted_gaussians(items, 10, np.random.default_rng(1))) == n_sets
