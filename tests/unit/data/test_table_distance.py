"""Rows become vectors whose Euclidean distance is that of the rows, whatever the order of rows and columns."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.data import Dataset, load
from mnemoscope.data.tables.schema import CATEGORIES
from mnemoscope.errors import InputError
from mnemoscope.neighbours import nearest_neighbours
from tests.references.gower import distance

KINDS = {"x": "numeric", "y": "numeric", "colour": "categorical", "size": "categorical", "rank": "ordinal:0<1<2<3"}
AS_TWIN = KINDS | {"rank": "numeric"}

rows = st.fixed_dictionaries(
    {
        "x": st.one_of(st.none(), st.floats(-1e6, 1e6).map(lambda value: round(value, 3))),
        "y": st.floats(-1e-3, 1e-3).map(lambda value: round(value, 6)),
        "colour": st.sampled_from(["red", "green", "blue", None]),
        "size": st.sampled_from(["small", "large"]),
        "rank": st.integers(0, 3),
    }
)


def frame(given: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(given, columns=list(KINDS)).astype({"colour": object, "size": object})


def varied(train: list[dict[str, Any]]) -> bool:
    """Whether every column tells rows apart, and the first two are told apart by more than rounding."""
    spreads = [np.ptp([row[name] for row in train if row[name] is not None] or [0]) for name in ("x", "y")]
    several = all(len({row[name] for row in train}) > 1 for name in KINDS)
    return several and spreads[0] > 1 and spreads[1] > 1e-5


def pair(train: list[dict[str, Any]], others: list[dict[str, Any]]) -> tuple[Dataset, Dataset]:
    kinds = dict(KINDS)
    read = load(frame(train), schema=kinds)
    return read, load(frame(others), schema=read.schema)


@settings(max_examples=60)
@given(train=st.lists(rows, min_size=3, max_size=8).filter(varied), others=st.lists(rows, min_size=1, max_size=3))
def test_vectors_are_as_far_apart_as_rows(train: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    """Also where a row has what no training row has: an unseen category, or the first cell that is missing."""
    read, other = pair(train, [*others, others[0] | {"size": "huge"}, others[0] | {"size": "huge", "y": None}])
    compared = [*others, others[0] | {"size": "huge"}, others[0] | {"size": "huge", "y": None}]
    for vector, row in zip(other.array, compared, strict=True):
        for train_vector, train_row in zip(read.array, train, strict=True):
            expected = distance(row, train_row, train, AS_TWIN)
            assert np.linalg.norm(vector - train_vector) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_search_finds_the_nearest_rows() -> None:
    rng = np.random.default_rng(5)
    made = [
        {
            "x": None if rng.random() < 0.2 else float(rng.normal(0, 100)),
            "y": float(rng.normal(0, 1e-4)),
            "colour": [None, "red", "green", "blue"][rng.integers(4)],
            "size": ["small", "large"][rng.integers(2)],
            "rank": int(rng.integers(4)),
        }
        for _ in range(60)
    ]
    train, others = made[:45], made[45:]
    read, other = pair(train, others)
    found = nearest_neighbours(other.array, read.array, 2)
    for row, nearest, near in zip(others, found.indices, found.distances, strict=True):
        slow = sorted(distance(row, train_row, train, AS_TWIN) for train_row in train)[:2]
        assert near == pytest.approx(slow)
        assert distance(row, train[nearest[0]], train, AS_TWIN) == pytest.approx(slow[0])


@settings(max_examples=30)
@given(train=st.lists(rows, min_size=3, max_size=12).filter(varied), data=st.data())
def test_the_order_of_rows_and_columns_does_not_matter(train: list[dict[str, Any]], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(train))))
    columns = data.draw(st.permutations(list(KINDS)))
    usual, moved = (
        load(each, schema=KINDS) for each in (frame(train), frame(train).iloc[order].reset_index(drop=True))
    )
    np.testing.assert_array_equal(usual.array[order], moved.array)
    by_name = load(frame(train)[columns], schema=usual.schema)
    np.testing.assert_array_equal(by_name.array, usual.array)
    turned = load(frame(train)[columns], schema=KINDS)
    one, two = (np.linalg.norm(each.array[:, None] - each.array[None], axis=2) for each in (usual, turned))
    np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)


def test_rare_categories_count_as_one() -> None:
    names = [f"c{place}" for place in range(CATEGORIES + 3)]
    train = load(pd.DataFrame({"c": [*names, *names[:CATEGORIES]]}))
    assert train.array.shape[1] == CATEGORIES + 2
    assert any("only the 100 most frequent" in note for note in train.notes)
    common, rare, also_rare = train.array[0], *train.array[-CATEGORIES - 2 : -CATEGORIES]
    assert np.linalg.norm(common - rare) == pytest.approx(1)
    assert np.linalg.norm(rare - also_rare) == 0


def test_numbers_of_any_size_are_scaled() -> None:
    values = np.arange(1.0, 6.0)
    for factor in (1e-300, 1.0, 3e307):
        read = load(pd.DataFrame({"x": values * factor}), schema={"x": "numeric"})
        assert read.array[:, 0] == pytest.approx((values - 3) / np.sqrt(2))
    small = load(pd.DataFrame({"x": values * 1e-300}), schema={"x": "numeric"})
    with pytest.raises(InputError, match=r"row 1 of column 'x' is 3e\+307, beyond 1e\+100 standard deviations"):
        load(pd.DataFrame({"x": [0, 3e307]}), schema=small.schema)


def test_tables_are_for_comparing() -> None:
    table = load(pd.DataFrame({"x": [1.5, 2.5, 4.5]}))
    assert table.schema is not None
    assert len(table.schema.coordinates) == table.dim == 2
    with pytest.raises(InputError, match="is a table; networks"):
        table.to_model()
    with pytest.raises(InputError, match="leave out value_range"):
        load(pd.DataFrame({"x": [1.5, 2.5, 4.5]}), value_range=(0, 1))
