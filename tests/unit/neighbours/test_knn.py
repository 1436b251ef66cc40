"""Exact means exact: index and distance, ties included, against slow twins and scikit-learn."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.neighbors import NearestNeighbors

from mnemoscope.data import load
from mnemoscope.errors import InputError
from mnemoscope.neighbours import Neighbours, knn, nearest_neighbours, tree


@pytest.fixture(autouse=True, scope="module", params=[tree.MOST_DIMENSIONS, 0], ids=["tree", "streamed"])
def either_way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything holds whether candidates come from a tree, in few dimensions, or from the fast pass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree, "MOST_DIMENSIONS", request.param)
        yield


def slow(queries: np.ndarray, data: np.ndarray, k: int, passed_over: np.ndarray | None = None) -> Neighbours:
    """All distances from differences in double precision, sorted by distance and then index."""
    queries, data = (a.reshape(len(a), -1).astype(np.float64) for a in (queries, data))
    distances = np.sqrt(((queries[:, None] - data[None]) ** 2).sum(axis=2))
    if passed_over is not None:
        distances[passed_over] = np.inf
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return Neighbours(np.take_along_axis(distances, order, axis=1), order)


def assert_same(found: Neighbours, expected: Neighbours) -> None:
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-12, atol=0)


few_values = hnp.arrays(np.int64, st.tuples(st.integers(1, 40), st.just(3)), elements=st.integers(-2, 2))


@given(queries=few_values, data=few_values, k=st.integers(1, 40))
def test_ties_and_duplicates(queries: np.ndarray, data: np.ndarray, k: int) -> None:
    k = min(k, len(data))
    assert_same(nearest_neighbours(queries, data, k), slow(queries, data, k))


@given(few_values, few_values, st.integers(1, 40))
def test_ties_and_duplicates_against_scikit_learn(queries: np.ndarray, data: np.ndarray, k: int) -> None:
    # On integers scikit-learn's expansion is exact; among ties it may order the indices as it likes.
    k = min(k, len(data))
    found = nearest_neighbours(queries, data, k)
    reference = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(data.astype(float))
    distances, indices = reference.kneighbors(queries.astype(float))
    np.testing.assert_array_equal(found.distances, distances)
    for query, ours, theirs, radius in zip(queries, found.indices, indices, distances[:, -1], strict=True):
        nearer = set(np.flatnonzero(np.linalg.norm(data - query, axis=1) < radius))
        assert nearer <= set(ours)
        assert nearer <= set(theirs)
        assert len(set(theirs)) == len(set(ours)) == k


@pytest.mark.parametrize("dtype", ["u1", "i2", "i8", "u4", "f2", "f4", "f8", "?"])
def test_any_dtype_against_scikit_learn(dtype: str) -> None:
    rng = np.random.default_rng(1)
    data = rng.uniform(0, 100, (500, 6)).astype(dtype)
    queries = rng.uniform(0, 100, (60, 6)).astype(dtype)
    found = nearest_neighbours(queries, data, 5)
    assert_same(found, slow(queries, data, 5))
    reference = NearestNeighbors(n_neighbors=5, algorithm="brute").fit(data.astype(np.float64))
    distances, indices = reference.kneighbors(queries.astype(np.float64))
    np.testing.assert_allclose(found.distances, distances, rtol=1e-9, atol=1e-6)
    if dtype in ("f4", "f8"):  # no ties
        np.testing.assert_array_equal(found.indices, indices)


def test_real_images_against_scikit_learn(fashion: Path) -> None:
    train = load(fashion).array[:5000].reshape(5000, -1)
    test = load(fashion / "t10k-images-idx3-ubyte.gz").array[:300].reshape(300, -1)
    reference = NearestNeighbors(n_neighbors=8, algorithm="brute").fit(train.astype(np.float64))
    distances, indices = reference.kneighbors(test.astype(np.float64))
    found = nearest_neighbours(test, train, 8)
    np.testing.assert_array_equal(found.indices, indices)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-12)


def test_single_precision_alone_would_be_wrong() -> None:
    """Far from the origin, differences far below single precision's resolution are still told apart."""
    rng = np.random.default_rng(2)
    data = 1.0 + 1e-9 * rng.normal(size=(300, 4))
    queries = 1.0 + 1e-9 * rng.normal(size=(20, 4))
    outlier = np.full((1, 4), 1e6)
    assert_same(
        nearest_neighbours(queries, np.concatenate([data, outlier]), 3),
        slow(queries, np.concatenate([data, outlier]), 3),
    )


def test_more_duplicates_than_candidates_take_the_slow_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    slow_pass = knn._Search._slow_pass
    monkeypatch.setattr(knn._Search, "_slow_pass", lambda *a: calls.append(len(a[1])) or slow_pass(*a))
    data = np.repeat(np.random.default_rng(3).normal(size=(4, 5)), 50, axis=0)
    queries = data[::50] + 1e-3
    assert_same(nearest_neighbours(queries, data, 3), slow(queries, data, 3))
    assert calls == [4]


def test_ordinary_data_never_needs_the_slow_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knn._Search, "_slow_pass", lambda *_: pytest.fail("the certificate failed"))
    rng = np.random.default_rng(4)
    nearest_neighbours(rng.normal(size=(200, 20)), rng.normal(size=(3000, 20)), 5)


def test_streaming_in_small_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    data, queries = rng.integers(0, 3, (400, 2, 3)), rng.integers(0, 3, (70, 2, 3))
    np.save(tmp_path / "x.npy", data)
    monkeypatch.setattr(knn, "_QUERY_BLOCK", 32)
    monkeypatch.setattr(knn._Search, "_chunk_rows", lambda *_: 37)
    assert_same(nearest_neighbours(queries, np.load(tmp_path / "x.npy", mmap_mode="r"), 20), slow(queries, data, 20))


@given(data=few_values.filter(lambda a: len(a) > 3), k=st.integers(1, 3))
def test_rows_passed_over(data: np.ndarray, k: int) -> None:
    itself = np.arange(len(data))
    found = nearest_neighbours(data, data, min(k, len(data) - 1), exclude=itself)
    assert_same(found, slow(data, data, min(k, len(data) - 1), np.eye(len(data), dtype=bool)))
    ignore = itself % 2 == 0
    expected = slow(data, data, 1, np.broadcast_to(ignore, (len(data), len(data))))
    assert_same(nearest_neighbours(data, data, 1, ignore=ignore), expected)


@given(
    dim=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
    decimals=st.integers(0, 3),
    k=st.integers(1, 30),
    passed_over=st.booleans(),
)
def test_rounded_points_of_any_dimension(dim: int, seed: int, decimals: int, k: int, passed_over: bool) -> None:
    """On a grid many points are as far, from a few to all of them."""
    rng = np.random.default_rng(seed)
    data = np.round(rng.normal(size=(80, dim)) * 10**decimals)
    rows = rng.integers(80, size=20)
    queries = data[rows] if passed_over else np.round(rng.normal(size=(20, dim)) * 10**decimals)
    ignore = (rng.random(80) < 0.2) & passed_over
    skipped = np.broadcast_to(ignore, (20, 80)).copy()
    if passed_over:
        skipped[np.arange(20), rows] = True
    found = nearest_neighbours(queries, data, k, ignore=ignore, exclude=rows if passed_over else None)
    assert_same(found, slow(queries, data, k, skipped))


def test_one_point_and_tensors() -> None:
    found = nearest_neighbours(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2), 1)
    assert found.distances.tolist() == [[5.0]]
    assert found.indices.tolist() == [[0]]
    assert nearest_neighbours(torch.zeros(1, 2), torch.zeros(1, 2), 1).distances.tolist() == [[0.0]]


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_extreme_scales(scale: float) -> None:
    rng = np.random.default_rng(6)
    data, queries = rng.normal(size=(100, 3)), rng.normal(size=(10, 3))
    assert_same(
        nearest_neighbours(scale * queries, scale * data, 4),
        Neighbours(scale * slow(queries, data, 4).distances, slow(queries, data, 4).indices),
    )


@pytest.mark.parametrize(
    ("queries", "data", "k", "complaint"),
    [
        (np.zeros((2, 3)), np.zeros((2, 3)), 3, "between 1 and .* 2; got k=3"),
        (np.zeros((2, 3)), np.zeros((2, 3)), 0, "k=0"),
        (np.zeros((2, 3)), np.zeros((2, 4)), 1, "event shape"),
        (np.zeros((0, 3)), np.zeros((2, 3)), 1, "queries: is empty"),
    ],
)
def test_bad_input(queries: np.ndarray, data: np.ndarray, k: int, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        nearest_neighbours(queries, data, k)
