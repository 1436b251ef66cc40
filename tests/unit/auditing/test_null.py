"""The null without held-out data: two readings of repeats, and what dependent items are worth."""

import numpy as np
import pytest

from mnemoscope.auditing import audit
from mnemoscope.auditing.comparison import Comparison
from mnemoscope.auditing.features import Pixels
from mnemoscope.auditing.null import Null
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.transformations import make_transformations
from mnemoscope.data import Dataset, load_digits
from tests.unit.auditing.measures.searches import search_for

DIGITS = load_digits().array.reshape(-1, 64)


def blank_frames(n: int, rng: np.random.Generator) -> np.ndarray:
    items = rng.normal(size=(n, 20))
    items[rng.uniform(size=n) < 0.01] = 0
    return items


LAWS = {
    "integers": lambda n, rng: rng.integers(0, 5, (n, 3)).astype(float),
    "rounded": lambda n, rng: rng.normal(size=(n, 2)).round(1),
    "categories": lambda n, rng: rng.integers(0, 2, (n, 12)).astype(float),
    "1 % blank": blank_frames,
    "drawn with replacement": lambda n, rng: DIGITS[rng.integers(0, 300, n)],
    "the plane": lambda n, rng: rng.normal(size=(n, 2)),
    "the line": lambda n, rng: rng.normal(size=(n, 1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_honest_data_with_recurring_values_are_not_called_memorizing(name: str) -> None:
    """At a level of 0.1 % in six data sets each; the null that leaves twins out called most of them memorizing."""
    for seed in range(6):
        rng = np.random.default_rng(seed)
        train, samples = (LAWS[name](300, rng) for _ in range(2))
        report = audit(samples, train, seed=seed)
        assert not report.memorizes or min(report.judgement.tests.values()) > 0.001


def test_repeats_of_the_law_are_no_accusation_and_repeats_made_by_hand_hide_no_copies() -> None:
    """Items and a noisy version of each, half of the samples exact copies: read one way all is honest."""
    rng = np.random.default_rng(0)
    items, fresh = rng.normal(size=(2, 300, 24))
    train = np.concatenate([items, items + 0.02 * rng.normal(size=items.shape)])
    samples = np.concatenate([train[:150] + 0.03 * rng.normal(size=(150, 24)), fresh[:150]])
    open_question = audit(samples, train)
    assert (open_question.tone, open_question.memorizes) == ("unclear", False)
    assert "cannot tell what that means" in open_question.verdict
    assert "distance-ratio calls 50.0 % of the samples copies" in open_question.verdict
    assert "100 % of the null" in open_question.verdict
    assert " 0 % of the null" in open_question.verdict
    made, law = (audit(samples, train, repeats=reading) for reading in ("made", "law"))
    assert (made.memorizes, law.memorizes) == (True, False)
    assert made.copies.share_lower > 0.35
    assert any("were said to be made by hand" in warning for warning in made.warnings)
    assert not audit(fresh, train, repeats="made").memorizes
    assert audit(samples, train, holdout=rng.normal(size=(300, 24))).memorizes


def test_readings_are_one_where_nothing_repeats() -> None:
    rng = np.random.default_rng(0)
    train, samples = rng.normal(size=(2, 200, 6))
    assert len(audit(samples, train).evidence) == 1


def test_mutual_neighbours_are_worth_fewer_than_they_are() -> None:
    """In the plane the mean of the flags varies about as that of the effective number of independent ones."""
    shares, effective = [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        train = Dataset(rng.normal(size=(300, 2)), "train")
        first = Repeated(train.array).first
        comparison = Comparison(train, first, rng, space=Pixels(), transformation=make_transformations([]))
        null = Null.left_out(comparison, 300, "law", rng)
        scores = null.nearest.distances[:, 0] / null.nearest.distances[:, 1]
        shares.append((scores < 1 / 3).mean())
        effective.append(null.effective(scores))
    p = np.mean(shares)
    measured = p * (1 - p) / np.var(shares)
    assert measured < 220  # of 300: the dependence is there
    assert 0.5 * measured < np.mean(effective) < 1.2 * measured


def test_held_out_items_are_worth_what_they_are() -> None:
    rng = np.random.default_rng(0)
    train, holdout, samples = rng.normal(size=(3, 200, 2))
    result = audit(samples, train, holdout=holdout).results[0]
    assert result.effective == 200


@pytest.mark.parametrize(("dim", "number"), [(64, 1000), (3 * 512 * 512, 341), (10**9, 300)])
def test_fewer_large_pictures_are_matched(dim: int, number: int) -> None:
    """As many as take 1 GiB in single precision, from 300 to 1,000."""
    assert Null.n_matched(dim) == number


def test_the_effective_number_of_four_by_hand() -> None:
    """Three of four have one item in common. Of the flag of the fourth, z = (3, −1, −1, −1)/4: zᵀLz/zᵀz = 18/12."""
    shared = (np.array([0, 1, 1, 1]),)
    rows = np.random.default_rng(0).normal(size=(8, 2))
    null = Null("four", search_for(rows[:4], rows[4:]), np.zeros(4, dtype=bool), shared)
    assert null.effective(np.arange(4.0)) == pytest.approx(4 / 1.5)
    assert null.effective(np.array([3.0, 0.0, 1.0, 2.0])) == 4
