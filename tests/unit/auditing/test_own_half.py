"""Are samples nearer to the half that their model was trained on? The law is that of the split, whatever the data."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.auditing.own_half import OwnHalf
from mnemoscope.data import Dataset, Halves, halves
from mnemoscope.errors import InputError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def shares_by_hand(first: np.ndarray, second: np.ndarray, data: np.ndarray, in_a: np.ndarray) -> float:
    """S from all distances: the first of the nearest items gets the vote, and shares it with those identical to it."""
    own = []
    for samples, label in ((first, True), (second, False)):
        for x in samples:
            nearest = data[np.argmin(np.linalg.norm(data - x, axis=1))]
            own.append(np.mean(in_a[(data == nearest).all(axis=1)] == label))
    return float(np.mean(own))


@given(seed=st.integers(0, 2**32), n=st.integers(4, 9), dim=st.integers(1, 3), steps=st.integers(2, 40))
@settings(max_examples=25, deadline=None)
def test_share_and_p_are_those_of_all_splits(seed: int, n: int, dim: int, steps: int) -> None:
    """Every split of the same sizes in turn; coarse values make items repeat each other."""
    g = rng(seed)
    data, first, second = (g.integers(0, steps, (m, dim)).astype(float) for m in (n, 12, 12))
    split = halves(data, seed)
    if min(len(np.unique(half.array, axis=0)) for half in (split.a, split.b)) < 2:
        return
    found = OwnHalf(split, g).test(first, second)
    assert found.share == pytest.approx(shares_by_hand(first, second, data, split.in_a))
    every = []
    for rows in combinations(range(n), int(split.in_a.sum())):
        in_a = np.isin(np.arange(n), rows)
        every.append(shares_by_hand(first, second, data, in_a))
    assert found.expected == pytest.approx(np.mean(every))
    assert found.chance_spread == pytest.approx(np.std(every), abs=1e-9)
    exact = np.mean(np.array(every) >= found.share - 1e-9)
    assert found.p == pytest.approx(exact, abs=5 * np.sqrt(exact * (1 - exact) / 2000) + 1e-3)


def test_copies_of_the_own_half_are_found_and_graded() -> None:
    g = rng(1)
    split = halves(g.standard_normal((80, 6)), 3)
    a, b = (half.array[g.integers(0, 40, 100)] + 0.1 * g.standard_normal((100, 6)) for half in (split.a, split.b))
    found = OwnHalf(split, rng()).test(a, b)
    assert found.share > 0.99
    assert found.p == pytest.approx(1 / 2001)
    assert found.grade is not None
    assert 0.5 < found.grade.reference < 0.9
    assert found.p_drawn < 0.01
    assert found.grade.blur is not None
    assert found.grade.blur < 1
    swapped = OwnHalf(split, rng()).test(b, a)
    assert swapped.share < 0.01
    assert swapped.p > 0.99


def test_a_fitted_gaussian_is_not_drawn() -> None:
    """Chance does not explain a mean and a covariance of 40 items; the reference does."""
    g = rng(2)
    split = halves(g.standard_normal((60, 10)), 0)
    fitted = [g.multivariate_normal(half.array.mean(axis=0), np.cov(half.array.T), 400) for half in (split.a, split.b)]
    found = OwnHalf(split, rng()).test(*fitted)
    assert found.p < 0.01
    assert found.p_drawn > 0.05


def test_size_over_splits() -> None:
    """One honest pair of samples, hubs and repeats in the data, 150 splits: labels are all that is random."""
    g = rng(4)
    data = np.concatenate([g.standard_normal((30, 4)), np.repeat(g.standard_normal((5, 4)), 4, axis=0)])
    first, second = (np.repeat(data[:5], 8, axis=0) + g.standard_normal((40, 4)) for _ in range(2))
    p = np.array([OwnHalf(halves(data, seed), rng(seed)).test(first, second).p for seed in range(150)])
    assert np.mean(p <= 0.05) <= 0.05 + 3.1 * np.sqrt(0.05 * 0.95 / 150)  # one in a thousand
    assert 0.33 < np.mean(p <= 0.5) <= 0.63


def test_halves_without_two_distinct_items() -> None:
    data = np.zeros((6, 2))
    data[0] = 1
    split = Halves(Dataset(data, "mine"), 0, np.array([True, True, True, False, False, False]))
    with pytest.raises(InputError, match="mine: half B needs at least 2 distinct items"):
        OwnHalf(split, rng())
    assert OwnHalf(halves(np.arange(12.0).repeat(2)[:, None], 0), rng()).shared > 0
