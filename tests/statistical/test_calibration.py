"""The promises of the copies and closeness tests on laws where the truth is known.

Each rate is compared with its promise plus four standard deviations of a binomial count: a false-alarm rate of under
1e-4 for each comparison if generators were not fixed; they are. The negative controls leave out what the method is
for (the unit in the p-value, dependence, the clustering of votes) and must exceed the same bound.
"""

import numpy as np
import pytest

from mnemoscope.auditing import closeness
from mnemoscope.auditing.closeness import bootstrap, permutation_p
from mnemoscope.auditing.copies import calibrated, conformal_p_values
from mnemoscope.auditing.intervals import clopper_pearson
from mnemoscope.auditing.votes import Votes

pytestmark = pytest.mark.statistical


def most(promised: float, runs: int) -> float:
    """The promise, and four standard deviations."""
    return promised + 4 * np.sqrt(promised * (1 - promised) / runs)


def pairs(m: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform scores, but of each two equal ones, as of mutual neighbours."""
    return np.repeat(rng.uniform(size=m // 2), 2)


def test_conformal_p_values_are_no_smaller_than_uniform() -> None:
    rng, runs, m = np.random.default_rng(0), 5000, 49
    draws = [(rng.uniform(size=1), rng.uniform(size=m)) for _ in range(runs)]
    p = np.array([conformal_p_values(score, null)[0] for score, null in draws])
    for level in (0.02, 0.05, 0.2, 0.5):
        assert np.mean(p <= level) <= most(level, runs)
    # Control: the plain share of the null below is at most a thousandth in one of fifty cases.
    plain = np.array([np.mean(null <= score) for score, null in draws])
    assert np.mean(plain <= 0.001) > most(0.001, runs)


def test_p_values_of_dependent_items_are_no_smaller_than_uniform() -> None:
    rng, runs, m = np.random.default_rng(0), 5000, 100
    draws = [(rng.uniform(size=1), pairs(m, rng)) for _ in range(runs)]
    p, naive = (np.array([conformal_p_values(*draw, worth)[0] for draw in draws]) for worth in (m / 2, None))
    least = 1 / (m + 1) + 1e-9
    for level in (least, 1 / (m / 2 + 1) + 1e-9, 0.2):
        assert np.mean(p <= level) <= most(level, runs)
    assert np.mean(naive <= least) > most(least, runs)


@pytest.mark.parametrize(("n", "m"), [(100, 100), (300, 60)])
def test_the_supremum_has_its_size(n: int, m: int) -> None:
    rng, runs = np.random.default_rng(1), 300
    honest = [calibrated("s", "n", rng.uniform(size=n), rng.uniform(size=m), rng, draws=400) for _ in range(runs)]
    assert np.mean([found.p <= 0.05 for found in honest]) <= most(0.05, runs)
    assert np.mean([found.share_lower > 0 for found in honest]) <= most(0.05, runs)


def test_the_supremum_has_its_size_where_honest_items_lean_on_each_other() -> None:
    rng, runs, m = np.random.default_rng(1), 250, 100

    def rejected(worth: float | None) -> float:
        honest = ((rng.uniform(size=m), pairs(m, rng)) for _ in range(runs))
        found = [calibrated("s", "n", *each, rng, null_worth=worth, draws=400) for each in honest]
        return float(np.mean([each.p <= 0.05 for each in found]))

    assert rejected(m / 2) <= most(0.05, runs)
    assert rejected(None) > most(0.05, runs)


def test_the_bound_is_below_the_share_of_copies() -> None:
    rng, runs, n = np.random.default_rng(2), 200, 200
    above = []
    for _ in range(runs):
        scores = rng.uniform(size=n)
        scores[:20] *= 0.02
        above.append(calibrated("s", "n", scores, rng.uniform(size=n), rng, draws=400).share_lower > 0.1)
    assert np.mean(above) <= most(0.05, runs)
    # Control: samples that are smaller than honest ones throughout are all called copies, so a bound can be exceeded.
    assert calibrated("s", "n", scores**4, rng.uniform(size=n), rng, draws=400).share_lower > 0.1


def hubs(rng: np.random.Generator, units: int = 200) -> Votes:
    """Votes that cluster on few units, dealt without regard to the labels."""
    count = rng.poisson(rng.gamma(0.4, 5.0, units)).astype(float)
    count[0] += 1
    is_train = rng.permutation(units) < units // 2
    got = count > 0
    votes = np.repeat(is_train[got].astype(float), count[got].astype(int))
    return Votes(np.flatnonzero(got), is_train[got], count[got], np.zeros(int(got.sum()), dtype=int), votes)


def test_the_variance_over_permutations_is_that_of_draws_without_replacement() -> None:
    """nm/(N(N − 1)) · Σ(c − c̄)²/(Σc)² over all units; of a binomial share it would be a fraction of that."""
    rng = np.random.default_rng(3)
    votes, n, m = hubs(rng), 80, 120
    count = np.concatenate([votes.count, np.zeros(n + m - len(votes.count))])
    total, size = count.sum(), n + m
    expected = n * m / (size * (size - 1)) * np.sum((count - count.mean()) ** 2) / total**2
    shares = [count[rng.permutation(size)[:n]].sum() / total for _ in range(20_000)]
    assert np.var(shares) == pytest.approx(expected, rel=0.05)
    assert expected > 3 * (n / size) * (m / size) / total
    # What the test says of labels at the upper 5 % of that law.
    share = n / size + 1.645 * np.sqrt(expected)
    dealt = _labelled(votes, share * total)
    assert permutation_p(dealt, np.array([[n, m]]), rng) == pytest.approx(0.05, abs=0.025)


def _labelled(votes: Votes, total: float) -> Votes:
    """The same units, and labels by which train gets about that many votes."""
    order = np.random.default_rng(4).permutation(len(votes.count))
    is_train = np.zeros(len(order), dtype=bool)
    got = 0.0
    for unit in order:
        if got + votes.count[unit] <= total:
            is_train[unit], got = True, got + votes.count[unit]
    return Votes(votes.unit, is_train, votes.count, votes.stratum, votes.nearer_to_train)


def test_the_permutation_test_has_its_size_and_a_binomial_one_has_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closeness, "_PERMUTATIONS", 200)
    rng, runs = np.random.default_rng(5), 400
    drawn = [hubs(rng) for _ in range(runs)]
    p = np.array([permutation_p(votes, np.array([[100, 100]]), rng) for votes in drawn])
    assert np.mean(p <= 0.05) <= most(0.05, runs)
    binomial = [votes.share - 0.5 > 1.645 * 0.5 / np.sqrt(votes.count.sum()) for votes in drawn]
    assert np.mean(binomial) > 2 * most(0.05, runs)


def test_the_bootstrap_covers_and_a_binomial_interval_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nominal 95 %; over 200 units the bootstrap was seen to cover 93–95 %."""
    monkeypatch.setattr(closeness, "_BOOTSTRAPS", 400)
    rng, runs = np.random.default_rng(6), 300
    missed, binomial = [], []
    for _ in range(runs):
        votes = hubs(rng)
        low, high = np.quantile(bootstrap([votes], rng)[0], (0.025, 0.975))
        missed.append(not low <= 0.5 <= high)
        total = int(votes.count.sum())
        low, high = clopper_pearson(round(votes.share * total), total)
        binomial.append(not low <= 0.5 <= high)
    assert np.mean(missed) <= most(0.07, runs)
    assert np.mean(binomial) > most(0.07, runs)
