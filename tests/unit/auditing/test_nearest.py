"""Units of near-duplicates, d1 and d2 against loops over all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.auditing import nearest
from mnemoscope.auditing.nearest import LARGEST_UNIT, Nearest, TrainingIndex
from mnemoscope.auditing.repeats import Repeated

RNG = np.random.default_rng(0)
ITEMS = RNG.normal(size=(300, 16))


def index_of(train: np.ndarray) -> TrainingIndex:
    return TrainingIndex(train, Repeated(train).first, np.random.default_rng(0))


def clumped(sizes: list[int], width: float = 0.01) -> np.ndarray:
    """ITEMS, the first of them with so many near-duplicates each."""
    rng = np.random.default_rng(1)
    return np.concatenate([ITEMS] + [ITEMS[i] + width * rng.normal(size=(size, 16)) for i, size in enumerate(sizes)])


@pytest.mark.parametrize("size", [1, 5, 6, 10, 31, 32, 60, LARGEST_UNIT - 1])
def test_copies_beside_any_number_of_near_duplicates(size: int) -> None:
    """d2 is the distance to the nearest item outside the clump, and the clump is one unit."""
    train = clumped([size])
    copies = train[[0, 300]] + 0.003 * RNG.normal(size=(2, 16))
    found = index_of(train).nearest(copies)
    outside = [min(np.linalg.norm(copy - item) for item in ITEMS[1:]) for copy in copies]
    np.testing.assert_allclose(found.distances[:, 1], outside)
    nearest = [int(np.argmin([np.linalg.norm(copy - item) for item in train])) for copy in copies]
    assert found.indices.tolist() == nearest
    assert found.units.tolist() == [0, 0]


def test_without_near_duplicates_these_are_the_two_nearest() -> None:
    samples = RNG.normal(size=(50, 16))
    found = index_of(ITEMS).nearest(samples)
    for sample, (first, second), row, other in zip(samples, found.distances, found.indices, found.seconds, strict=True):
        order = np.argsort(np.linalg.norm(ITEMS - sample, axis=1))
        assert (row, other) == tuple(order[:2])
        np.testing.assert_allclose([first, second], np.linalg.norm(ITEMS[order[:2]] - sample, axis=1))
    assert not index_of(ITEMS).has_near_duplicates
    assert index_of(ITEMS).n_units == 300


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=60))
def test_units_are_counted(sizes: list[int]) -> None:
    assert index_of(clumped(sizes)).n_units == pytest.approx(300, abs=2)


def test_left_out_alone_or_with_the_unit() -> None:
    """An item left out alone meets its twin; left out with its unit it meets neither twins nor near-duplicates."""
    train = np.concatenate([clumped([3] * 60), ITEMS[100:160]])
    rows = np.array([0, 300, 100, 250])
    index = index_of(train)
    alone, with_unit = (index.left_out(rows, with_unit=flag).distances for flag in (False, True))
    assert alone[2, 0] == 0
    assert (alone[:2, 0] < 0.1).all()
    assert (alone[:, 1] > 1).all()
    others = [
        np.sort(np.linalg.norm(np.delete(ITEMS, own, axis=0) - train[row], axis=1))
        for row, own in zip(rows, (0, 0, 100, 250), strict=True)
    ]
    np.testing.assert_allclose(with_unit[:, 0], [each[0] for each in others], rtol=0.01)
    assert (with_unit[:, 1] >= with_unit[:, 0]).all()
    np.testing.assert_array_equal(alone[3], with_unit[3])


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_what_sets_the_size_of_units(dim: int) -> None:
    """Dimension, typical distance of neighbours and gap, against all pairs of a uniform law."""
    train = np.random.default_rng(dim).random((2500, dim))
    index = index_of(train)
    apart = np.sort(np.linalg.norm(train[:, None] - train[None, :400], axis=2), axis=0)[1]
    assert index.dimension == pytest.approx(dim, rel=0.25)
    # From 50 items, of whose distances 2,500 have a share of (50/2500)^{1/d}: an error of d is one of it.
    off = abs(1 / index.dimension - 1 / dim) * np.log(2500 / 50)
    assert abs(np.log(index.spacing / np.median(apart))) < off + 0.5
    assert index.gap == max(3, 0.001 ** (-1 / index.dimension))
    assert index.clump == index.spacing / 3
    assert index.neighbour_distance == pytest.approx(float(np.median(apart)), rel=0.1)


@pytest.mark.parametrize(("n", "size", "k"), [(2, 2, 1), (9, 9, 8), (20, 20, 10), (900, 32, 10), (2500, 50, 10)])
def test_the_sparse_items_are_as_many_as_the_root_within_bounds(
    n: int, size: int, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    search = nearest.nearest_neighbours
    monkeypatch.setattr(
        nearest, "nearest_neighbours", lambda *a, **given: asked.append((len(a[1]), a[2])) or search(*a, **given)
    )
    train = np.random.default_rng(0).normal(size=(n, 3))
    index_of(train)
    monkeypatch.setattr(nearest, "_SPARSE", (2, 7))
    index_of(train)
    assert asked == [(size, k), (7 if n > 48 else max(2, int(n**0.5)), min(6, k, max(2, int(n**0.5)) - 1))]


def test_units_by_accident_are_rare_in_any_dimension() -> None:
    for dim in (1, 2, 3, 5, 20):
        index = index_of(np.random.default_rng(dim).normal(size=(1500, dim)))
        assert not index.has_near_duplicates


def test_modes_of_the_law_are_no_units() -> None:
    """Ten tight, distant modes of sixty items each are data, not near-duplicates."""
    rng = np.random.default_rng(0)
    train = np.concatenate([100 * rng.normal(size=(1, 8)) + rng.normal(size=(60, 8)) for _ in range(10)])
    assert index_of(train).n_units == 600


def test_variants_are_merged_item_by_item() -> None:
    samples = RNG.normal(size=(40, 16))
    index = index_of(clumped([2] * 20))
    other = index.transformed(index.train[:, ::-1])
    each = [one.nearest(samples) for one in (index, other)]
    both = Nearest.over_variants(each)
    np.testing.assert_allclose(each[1].distances[:, 0], index.nearest(samples[:, ::-1]).distances[:, 0])
    np.testing.assert_array_equal(both.distances[:, 0], np.minimum(*(one.distances[:, 0] for one in each)))
    for i in range(40):
        known = {}
        for one in each:
            for unit, distance in ((one.units[i], one.distances[i, 0]), (-1 - one.seconds[i], one.distances[i, 1])):
                known[unit] = min(distance, known.get(unit, np.inf))
        first = min(each, key=lambda one: one.distances[i, 0])
        assert both.units[i] == first.units[i]
        assert both.distances[i, 1] == min(d for unit, d in known.items() if unit != first.units[i])
