"""Calibrated l2 and authenticity against their formulas in loops over all pairs."""

import numpy as np
import pytest

from mnemoscope.auditing.measures import Authenticity, CalibratedDistance, CalibratedDistanceFromTrain, CosineDistance
from mnemoscope.errors import InputError
from tests.unit.auditing.measures.searches import distance, distinct, left_out_search, search_for

RNG = np.random.default_rng(3)
TRAIN = np.concatenate([RNG.standard_normal((40, 5)), 6 + 2 * RNG.standard_normal((20, 5))])
TRAIN[11] = TRAIN[10]
TRAIN[12] = TRAIN[10]
ITEMS = np.concatenate(
    [RNG.standard_normal((10, 5)), TRAIN[[10, 30]], TRAIN[[50]] + 0.01, 100 + RNG.standard_normal((2, 5))]
)


def slow_calibrated(item, train, k):
    near = sorted(distance(item, x) for x in distinct(train))[:k]
    return near[0] / (0.5 * sum(near) / len(near))


def slow_calibrated_from_train(item, train, k):
    items = distinct(train)
    nearest = min(items, key=lambda x: distance(item, x))
    others = sorted(distance(nearest, x) for x in items if x is not nearest)[:k]
    return distance(item, nearest) / (0.5 * sum(others) / len(others))


def slow_authenticity(item, train):
    items = distinct(train)
    nearest = min(items, key=lambda x: distance(item, x))
    return distance(item, nearest) / min(distance(nearest, x) for x in items if x is not nearest)


CASES = [
    (CalibratedDistance(), lambda item, train: slow_calibrated(item, train, 50)),
    (CalibratedDistance(neighbours=7), lambda item, train: slow_calibrated(item, train, 7)),
    (CalibratedDistance(neighbours=500), lambda item, train: slow_calibrated(item, train, 500)),
    (CalibratedDistanceFromTrain(), lambda item, train: slow_calibrated_from_train(item, train, 50)),
    (CalibratedDistanceFromTrain(neighbours=7), lambda item, train: slow_calibrated_from_train(item, train, 7)),
    (CalibratedDistanceFromTrain(neighbours=500), lambda item, train: slow_calibrated_from_train(item, train, 500)),
    (Authenticity(), slow_authenticity),
]
NAMES = [f"{measure.name}-{getattr(measure, 'neighbours', '')}" for measure, _ in CASES]


@pytest.mark.parametrize(("measure", "slow"), CASES, ids=NAMES)
def test_scores_are_the_formula(measure, slow) -> None:
    found = measure.scores(search_for(ITEMS, TRAIN))
    np.testing.assert_allclose(found, [slow(item, TRAIN) for item in ITEMS], rtol=1e-12)
    assert (found[10:12] == 0).all()


@pytest.mark.parametrize("size", [1, 5, 9])
@pytest.mark.parametrize(("measure", "slow"), CASES, ids=NAMES)
def test_an_item_is_left_out_with_its_near_duplicates(measure, slow, size) -> None:
    """Item 20 and noisy copies of it: whichever is left out, none of the others is there."""
    train = np.random.default_rng(5).standard_normal((200 + size, 5))
    unit = [20, *range(200, 200 + size)]
    train[200:] = train[20] + 1e-3 * np.random.default_rng(6).standard_normal((size, 5))
    rows = np.array([20, 200, 2])
    found = measure.scores(left_out_search(rows, train, with_unit=True))
    without = np.delete(train, unit, axis=0)
    expected = [slow(train[20], without), slow(train[200], without), slow(train[2], np.delete(train, 2, axis=0))]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("measure", "slow"), CASES, ids=NAMES)
def test_an_item_left_out_alone_may_meet_its_twin(measure, slow) -> None:
    found = measure.scores(left_out_search(np.array([11, 3]), TRAIN, with_unit=False))
    assert found[0] == 0
    assert found[1] == pytest.approx(slow(TRAIN[3], np.delete(TRAIN, 3, axis=0)), rel=1e-12)


@pytest.mark.parametrize("measure", [measure for measure, _ in CASES], ids=NAMES)
def test_two_training_items_are_enough(measure) -> None:
    """Around one of two training items there is one other; left out, the other has none, and nothing sets a scale."""
    train = np.array([[0.0], [1.0]])
    scores = measure.scores(search_for(np.array([[0.25], [0.0]]), train))
    assert np.isfinite(scores).all()
    assert scores[1] == 0


def test_a_scale_of_nothing_is_no_copy() -> None:
    train = np.array([[0.0], [1.0]])
    index_search = left_out_search(np.array([0]), np.array([[0.0], [1.0], [1.0]]), with_unit=True)
    assert index_search.nearest.distances[0, 0] == 1
    assert Authenticity().scores(index_search) == [np.inf]
    assert Authenticity().scores(search_for(np.array([[3.0]]), train)) == [2.0]


def test_audits_figures_of_low_dimension() -> None:
    """Calibrated l2 calls nearly all honest samples copies at dimension 2 and next to none at 20."""
    for dim, low, high in ((2, 0.98, 1.0), (20, 0.0, 0.02)):
        rng = np.random.default_rng(dim)
        search = search_for(rng.standard_normal((100, dim)), rng.standard_normal((1000, dim)), distinct=True)
        for measure in (CalibratedDistance(), CalibratedDistanceFromTrain()):
            assert low <= measure.flags(search).mean() <= high


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_cosine_is_one_minus_the_largest_product() -> None:
    train, items = unit(TRAIN), unit(ITEMS)
    slow = [min(1 - sum(a * b for a, b in zip(x, y, strict=True)) for y in train) for x in items]
    np.testing.assert_allclose(CosineDistance().scores(search_for(items, train)), slow, atol=1e-12)
    assert (CosineDistance(0.3).flags(search_for(items, train)) == (np.array(slow) < 0.3)).all()


def test_cosine_needs_unit_length() -> None:
    with pytest.raises(InputError, match=r"item 3 has length 2\b"):
        CosineDistance().scores(search_for(unit(ITEMS) * (1 + (np.arange(15) == 3))[:, None], unit(TRAIN)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CalibratedDistance(0.0), "calibrated-l2: the threshold must be positive"),
        (lambda: CalibratedDistanceFromTrain(share=-1), "calibrated-l2-train: the share must be positive"),
        (lambda: CalibratedDistance(neighbours=0), "neighbours must be at least 1"),
        (lambda: Authenticity(-1.0), "authenticity: the threshold must be positive"),
        (lambda: CosineDistance(2.0), r"cosine: the threshold must lie in \(0, 2\)"),
    ],
)
def test_impossible_settings_are_refused(make, message) -> None:
    with pytest.raises(InputError, match=message):
        make()
