"""Tiled l2 against its formula, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.auditing.measures import TiledDistance, tiled
from mnemoscope.errors import InputError
from tests.unit.auditing.measures.searches import left_out_search, search_for


def slow_tiled(x, y, grid, layout):
    """The tile of the pixel in row r of h is the one whose share of the rows r/h falls in."""
    sums, counts = {}, {}
    for place in np.ndindex(x.shape):
        where = dict(zip(layout, place, strict=True))
        sizes = dict(zip(layout, x.shape, strict=True))
        tile = tuple(where[axis] * grid // sizes[axis] for axis in "HW")
        sums[tile] = sums.get(tile, 0.0) + (float(x[place]) - float(y[place])) ** 2
        counts[tile] = counts.get(tile, 0) + 1
    assert len(sums) == grid**2
    return max((sums[tile] / counts[tile]) ** 0.5 for tile in sums)


SHAPES = [
    ((8, 8), "HW"),
    ((4, 7), "HW"),
    ((3, 9, 10), "CHW"),
    ((5, 6, 3), "HWC"),
    ((1, 4, 4), "CHW"),
    ((6, 6, 1), "HWC"),
]


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize(("shape", "layout"), SHAPES)
def test_scores_are_the_formula(shape, layout, small, monkeypatch) -> None:
    """Also in small chunks, and far from the origin."""
    if small:
        monkeypatch.setattr(tiled, "CHUNK_BYTES", 2000)
        monkeypatch.setattr(tiled, "_QUERY_BLOCK", 4)
    rng = np.random.default_rng(0)
    train = rng.standard_normal((17, *shape)) + 1e4
    train[5] = train[2]
    items = np.concatenate([rng.standard_normal((4, *shape)) + 1e4, train[[5, 9]], train[[3]] + 1e-3])
    expected = [min(slow_tiled(x, y, 4, layout) for y in train) / 8 for x in items]
    np.testing.assert_allclose(TiledDistance().scores(search_for(items, train, span=8.0)), expected, rtol=1e-12)
    np.testing.assert_allclose(
        TiledDistance(grid=2).scores(search_for(items, train)),
        [min(slow_tiled(x, y, 2, layout) for y in train) for x in items],
        rtol=1e-12,
    )


def test_eight_bits() -> None:
    rng = np.random.default_rng(1)
    train = rng.integers(0, 256, (30, 8, 8), dtype=np.uint8)
    items = rng.integers(0, 256, (5, 8, 8), dtype=np.uint8)
    items[0] = train[4]
    found = TiledDistance().scores(search_for(items, train, span=255.0))
    expected = [min(slow_tiled(x, y, 4, "HW") for y in train) / 255 for x in items]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[0] == 0


@pytest.mark.parametrize("block", [1, 2, 4096])
def test_an_item_is_left_out_with_its_near_duplicates(block, monkeypatch) -> None:
    monkeypatch.setattr(tiled, "_QUERY_BLOCK", block)
    rng = np.random.default_rng(2)
    train = rng.standard_normal((60, 4, 4))
    train[50:55] = train[7] + 1e-3 * rng.standard_normal((5, 4, 4))
    train[55] = train[7]
    rows = np.array([7, 52, 3])
    unit = [7, *range(50, 56)]
    expected = [
        min(slow_tiled(train[row], y, 4, "HW") for y in np.delete(train, unit if row != 3 else [3], axis=0))
        for row in rows
    ]
    np.testing.assert_allclose(
        TiledDistance().scores(left_out_search(rows, train, with_unit=True)), expected, rtol=1e-12
    )
    assert TiledDistance().scores(left_out_search(rows, train, with_unit=False))[0] == 0


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), side=st.integers(4, 9))
def test_no_less_than_the_whole_picture_and_no_more_than_a_pixel(seed, side) -> None:
    rng = np.random.default_rng(seed)
    train, items = rng.random((6, side, side)), rng.random((3, side, side))
    differences = items[:, None] - train[None]
    whole = np.sqrt((differences**2).mean(axis=(2, 3))).min(axis=1)
    pixel = np.abs(differences).max(axis=(2, 3)).min(axis=1)
    scores = TiledDistance().scores(search_for(items, train))
    assert (scores >= whole - 1e-12).all()
    assert (scores <= pixel + 1e-12).all()
    np.testing.assert_allclose(TiledDistance(grid=1).scores(search_for(items, train)), whole, rtol=1e-12)


def test_an_even_background_does_not_make_pictures_near() -> None:
    """Pictures that differ in one tile of sixteen: a quarter of the range apart on the whole, all of it by tiles."""
    train, item = np.zeros((2, 8, 8)), np.zeros((1, 8, 8))
    train[0, :2, :2], train[1] = 1, 0.7
    assert TiledDistance().scores(search_for(item, train)) == pytest.approx(0.7)
    assert np.sqrt(((item - train[0]) ** 2).mean()) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5,), r"items of shape \(5,\) are no pictures"),
        ((4, 4, 4), "no pictures"),
        ((3, 9), "3×9 pixels cannot be cut"),
    ],
)
def test_what_cannot_be_tiled_is_refused(shape, message) -> None:
    train = np.random.default_rng(0).random((5, *shape))
    with pytest.raises(InputError, match=message):
        TiledDistance().scores(search_for(train[:2], train))


@pytest.mark.parametrize("wrong", [{"threshold": 0.0}, {"grid": 0}])
def test_impossible_settings_are_refused(wrong) -> None:
    with pytest.raises(InputError, match="tiled-l2"):
        TiledDistance(**wrong)
