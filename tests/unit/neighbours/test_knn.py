"""Exact means exact: index and distance, ties included, against slow twins and scikit-learn."""

import itertools
from collections.abc import Callable, Iterator
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
from mnemoscope.neighbours import Neighbours, exact, knn, nearest_neighbours, rounding, stream, tree


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


def test_a_few_ties_need_no_slow_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten equal rows a tree first sees five, and then all: what is asked for at first does not decide them."""
    monkeypatch.setattr(knn._Search, "_slow_pass", lambda *_: pytest.fail("the certificate failed"))
    data = np.repeat(np.random.default_rng(5).normal(size=(40, 3)), 10, axis=0)
    queries, own = data[::10] + 1e-3, np.arange(40) * 10 + 1
    passed_over = np.eye(len(data), dtype=bool)[own]
    assert_same(nearest_neighbours(queries, data, 3, exclude=own), slow(queries, data, 3, passed_over))


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
    monkeypatch.setattr(knn.KDTree, "suits", lambda _: False)
    monkeypatch.setattr(stream, "_BLOCK_ROWS", 37)
    monkeypatch.setattr(stream, "_GROUP", 5)
    assert_same(nearest_neighbours(queries, np.load(tmp_path / "x.npy", mmap_mode="r"), 20), slow(queries, data, 20))


@pytest.mark.parametrize("dim", [1, 784, 8192, 8193, 20_000])
def test_equal_rows_have_equal_lengths_in_any_company(dim: int) -> None:
    rows = torch.from_numpy(np.random.default_rng(dim).normal(size=(5, dim)))
    together = exact.lengths(rows)
    for some in (1, 2, 3):
        for start in range(0, 5, some):
            assert torch.equal(exact.lengths(rows[start : start + some]), together[start : start + some])


def test_large_pictures_in_blocks_of_few(chunk_bytes: Callable[[int], None]) -> None:
    """A query and a row at a time, in parts; two equal pictures tie, and the first is named."""
    rng = np.random.default_rng(8)
    data = rng.integers(0, 256, (23, 3, 60, 60), dtype=np.uint8)
    data[17] = data[4]
    queries = np.concatenate([data[[17, 3]], rng.integers(0, 256, (5, 3, 60, 60), dtype=np.uint8)])
    expected = slow(queries, data, 6)
    for n_bytes in (2**26, 8 * 3 * 60 * 60):
        chunk_bytes(n_bytes)
        assert_same(nearest_neighbours(queries, data, 6), expected)
    assert expected.indices[0, 0] == 4


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


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("ignore", np.zeros(4, dtype=bool)),
        ("exclude", np.array([0, 1])),
        ("exclude", np.array([0, 5, 1])),
        ("exclude", np.array([0, -2, 1])),
    ],
)
def test_rows_to_pass_over_are_one_for_each_and_of_the_data(name: str, values: np.ndarray) -> None:
    with pytest.raises(InputError, match=f"^{name}: "):
        nearest_neighbours(np.zeros((3, 2)), np.zeros((5, 2)), 1, **{name: values})  # type: ignore[arg-type]


@pytest.mark.parametrize(("ignored", "excluded"), [(0, False), (2, False), (0, True), (2, True)])
def test_as_many_neighbours_as_there_are_eligible_rows_and_no_more(ignored: int, excluded: bool) -> None:
    data = np.arange(10.0).reshape(5, 2)
    ignore = np.arange(5) < ignored if ignored else None
    exclude = np.full(3, 4) if excluded else None
    eligible = [row for row in range(ignored, 5) if not (excluded and row == 4)]
    found = nearest_neighbours(np.zeros((3, 2)), data, len(eligible), ignore=ignore, exclude=exclude)
    np.testing.assert_array_equal(found.indices, [eligible] * 3)
    with pytest.raises(InputError, match=f"eligible data points, {len(eligible)}; got k={len(eligible) + 1}"):
        nearest_neighbours(np.zeros((3, 2)), data, len(eligible) + 1, ignore=ignore, exclude=exclude)


def test_rows_to_pass_over_are_booleans_or_whole_numbers() -> None:
    whole = [np.int8, np.uint16, np.int32, np.int64]
    for kinds, words, fits in (("b", "booleans", [np.bool_]), ("iu", "whole numbers", whole)):
        for dtype in (np.bool_, np.int8, np.uint16, np.int32, np.int64, np.float32, np.complex64):
            values = np.ones(3, dtype=dtype)
            if dtype in fits:
                found = knn._one_for_each(values, 3, "them", kinds)
                assert found.dtype == (np.bool_ if kinds == "b" else np.int64)
                np.testing.assert_array_equal(found, [1, 1, 1])
            else:
                with pytest.raises(InputError, match=rf"them: needs {words} of shape \(3,\)"):
                    knn._one_for_each(values, 3, "them", kinds)


def bounds(x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, stream.Stream]:
    """Of all pairs as the stream has them, beside their distances, the norms of x and the stream itself."""
    search, n = stream.Stream(y, None, 1, torch.device("cpu")), len(x)
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream._Lists, "merge", lambda _, groups, *rest: seen.append(groups.clone()))
        search.candidates(torch.from_numpy(x), None, 1)
    single = ((torch.from_numpy(x) - search.centre) / search.scale).float().double()
    norms = torch.linalg.vector_norm(single, dim=1)
    below = torch.cat([part.reshape(n, -1) for part in seen], dim=1)[:, : len(y)].double() + (norms**2)[:, None]
    exact = ((torch.from_numpy(x)[:, None] - torch.from_numpy(y)[None]) ** 2).sum(dim=2) / search.scale**2
    return below - search.rounding.of(norms, 0.0)[:, None], exact, norms, search


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_no_number_is_found_wherever_it_is(dtype: type[np.floating], monkeypatch: pytest.MonkeyPatch) -> None:
    """In whatever block, whether or not it is among the rows that centre and scale come from."""
    for name, n in (("_SOME", 2), ("_BLOCK_ROWS", 7)):
        monkeypatch.setattr(stream, name, n)
    monkeypatch.setattr(knn, "_QUERY_BLOCK", 7)
    clean = np.random.default_rng(0).normal(size=(30, 3)).astype(dtype)
    for row, bad in zip(range(0, 30, 3), itertools.cycle([np.nan, np.inf, -np.inf])):
        dirty = clean.copy()
        dirty[row, 1] = bad
        for name, sets in (("data", (clean, dirty)), ("queries", (dirty, clean))):
            with pytest.raises(InputError, match=f"{name}: item {row} holds NaN or Inf"):
                nearest_neighbours(*sets, 2)


class TestCertificate:
    """Of the right size: it holds, and is nearly reached where it can be."""

    @given(st.integers(0, 2**31), st.integers(1, 40), st.floats(0.01, 100.0), st.sampled_from([4096, 16, 7, 1]))
    def test_bounds_are_bounds(self, seed: int, dim: int, ratio: float, part: int) -> None:
        """Each is below the distance, by at most twice what rounding explains at the largest norm."""
        rng = np.random.default_rng(seed)
        x, y = ratio * rng.normal(size=(60, dim)), rng.normal(size=(80, dim)) * rng.lognormal(sigma=3, size=(80, 1))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stream, "_PART", part)
            below, exact, norms, search = bounds(x, y)
            largest = max(block[2] for block in search._blocks(80, 80))
            explained = search.rounding.of(norms, largest)
        assert (below <= exact).all()
        assert (exact - below <= 2 * explained[:, None]).all()

    def test_what_rounding_explains(self) -> None:
        """2γ of dim + 2 terms and 8u (‖x‖ + ‖y‖)², up to terms of second order."""
        x, y, u = torch.tensor([0.5, 3.0]).double(), 2.0, 2.0**-24
        gamma = 102 * u / (1 - 102 * u)
        expected = 2 * gamma * (x * y + y**2) + 8 * u * (x + y) ** 2
        torch.testing.assert_close(stream.Rounding(100).of(x, y), expected, rtol=1e-4, atol=0)
        assert stream.Rounding(2**36).of(x, y).isinf().all()

    def test_sums_in_parts_round_less(self) -> None:
        """By the terms of a part and their number: 256 parts of 4096 columns, and no more of a million columns."""
        x, u = torch.tensor([1.0]).double(), 2.0**-24
        gamma = (4096 + 256 + 1) * u
        assert float(stream.Rounding(2**20).of(x, 1.0)) == pytest.approx(4 * gamma + 32 * u, rel=1e-3)

    def test_the_terms_of_second_order_count_as_well(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of a quarter of 1/u terms γ is a third, not a quarter; its bound, itself a term, adds 2γ² on either side."""
        assert rounding.gamma(2**22) == pytest.approx(1 / 3)
        assert rounding.gamma(2**24 - 1) == pytest.approx(2**24 - 1)
        assert rounding.gamma(2**24) == np.inf
        monkeypatch.setattr(stream, "_PART", 2**22)
        large = stream.Rounding(2**22 - 2)
        assert (large.cross, large.own) == (pytest.approx(10 / 9, rel=1e-5), pytest.approx(10 / 9, rel=1e-5))
        nothing = torch.zeros(1, dtype=torch.float64)
        assert float(stream.Rounding(2).of(nothing, 0.0)) == 16 * 2.0**-126  # what underflows: four for each of 4 terms

    def test_they_are_not_far_from_what_happens(self) -> None:
        """The worst of a million pairs is off by a twentieth of what rounding could do, at least."""
        rng = np.random.default_rng(0)
        below, exact, norms, search = bounds(rng.normal(size=(1000, 2)), rng.normal(size=(1000, 2)))
        (_, block, _) = next(search._blocks(1000, 1000))
        explained = torch.stack([search.rounding.of(norms, float(y)) for y in block[:, 3]], dim=1)
        off = (below + explained - exact).abs() / explained
        assert 0.05 < float(off.max()) <= 1

    def test_no_row_beyond_the_candidates_is_nearer_than_what_is_certified(self) -> None:
        """And the nearest of them is hardly further: what is certified is the distance of the last candidate."""
        rng = np.random.default_rng(1)
        data, queries = rng.normal(size=(500, 3)), torch.from_numpy(rng.normal(size=(40, 3)))
        candidates, certain = tree.KDTree(data, None).candidates(queries, None, 18)
        squared = ((queries[:, None] - torch.from_numpy(data)[None]) ** 2).sum(dim=2)
        last = squared.gather(1, candidates).amax(dim=1)
        beyond = squared.scatter(1, candidates, torch.inf).amin(dim=1)
        assert (certain <= beyond).all()
        assert (certain <= last).all()
        torch.testing.assert_close(certain, last, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("values", [np.float64, np.float32, np.uint8])
    def test_the_stream_as_well(self, values: type) -> None:
        """Here what is certified is hardly beyond the k-th: others are not looked at."""
        rng = np.random.default_rng(1)
        data, queries = (rng.uniform(0, 255, size=(n, 12)).astype(values) for n in (5000, 40))
        rows = torch.from_numpy(data.astype(np.float64))
        search, x = stream.Stream(data, None, 2, torch.device("cpu")), torch.from_numpy(queries.astype(np.float64))
        candidates, certain = search.candidates(x, None, 18)
        squared = ((x[:, None] - rows[None]) ** 2).sum(dim=2)
        beyond = squared.clone()
        beyond[(candidates >= 0).nonzero()[:, 0], candidates[candidates >= 0]] = torch.inf
        assert (certain <= beyond.amin(dim=1)).all()
        torch.testing.assert_close(certain, squared.topk(2, largest=False).values[:, 1], rtol=1e-3, atol=0)
        assert 2 <= float((candidates >= 0).sum(dim=1).double().mean()) < 3

    def test_one_far_row_makes_no_other_less_certain(self) -> None:
        """Rounding is reckoned row by row, in whatever block the far one is."""
        rng = np.random.default_rng(3)
        data, queries = rng.normal(size=(300, 11)), torch.from_numpy(rng.normal(size=(9, 11)))
        for row in (0, 150, 299):
            far = data.copy()
            far[row] = 1000
            search = stream.Stream(far, None, 2, torch.device("cpu"))
            np.testing.assert_allclose(search.centre.numpy(), far.mean(axis=0))
            assert search.scale == 1024
            candidates, certain = search.candidates(queries, None, 18)
            squared = ((queries[:, None] - torch.from_numpy(far)[candidates]) ** 2).sum(dim=2)
            last = squared.masked_fill(candidates < 0, 0).amax(dim=1)
            beyond = ((queries[:, None] - torch.from_numpy(far)[None]) ** 2).sum(dim=2)
            beyond.scatter_(1, candidates.clamp(min=0), torch.inf)
            assert (certain <= beyond.amin(dim=1)).all()
            assert (certain > squared.masked_fill(candidates < 0, torch.inf).sort(dim=1).values[:, 1]).all()
            assert (last - certain <= 40 * (11 + 2) * 2.0**-24 * (300 + 11 * 4**2)).all()

    @given(power=st.sampled_from([-300, -30, 0, 30, 100, 300]), seed=st.integers(0, 2**31))
    def test_beyond_single_precision(self, power: int, seed: int) -> None:
        """Rows and queries whose squares single precision cannot hold, beside ordinary ones."""
        rng = np.random.default_rng(seed)
        data, queries = rng.normal(size=(1500, 11)), rng.normal(size=(6, 11))
        data[rng.integers(1500, size=3)] *= 10.0 ** min(power, 150)
        queries[2] *= 10.0 ** min(power, 150)
        assert_same(nearest_neighbours(queries, data, 3), slow(queries, data, 3))

    def test_a_tree_is_for_few_values_that_fit_into_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tree, "MOST_DIMENSIONS", 10)
        monkeypatch.setattr(tree, "_MOST_BYTES", 8 * 10 * 50)
        shapes = [(50, 10), (50, 2, 5), (50, 11), (51, 10), (500, 1), (501, 1), (5, 0)]
        assert [tree.KDTree.suits(np.zeros(shape)) for shape in shapes] == [1, 1, 0, 0, 1, 0, 0]

    def test_a_tie_at_the_edge_is_doubtful(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A row that is no candidate may tie with the k-th at a smaller index: at equality the slow pass decides."""
        search = knn._Search(np.arange(40.0)[:, None], 3, None, torch.device("cpu"))
        query = torch.zeros(1, 1, dtype=torch.float64)
        calls = []
        slow_pass = knn._Search._slow_pass
        monkeypatch.setattr(knn._Search, "_slow_pass", lambda *a: calls.append(1) or slow_pass(*a))
        rows = torch.arange(19)[None]
        for certain, slow in ((4.0, 1), (4.0001, 1)):
            found = rows, torch.tensor([certain], dtype=torch.float64)
            monkeypatch.setattr(search.first, "candidates", lambda *_, found=found: found)
            assert search.run(query, None)[1].tolist() == [[0, 1, 2]]
            assert len(calls) == slow

    def test_progress_and_small_blocks_of_candidates(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rng = np.random.default_rng(2)
        data, queries = rng.normal(size=(90, 4)), rng.normal(size=(31, 4))
        monkeypatch.setattr(knn, "CHUNK_BYTES", 8 * 4 * 21)
        assert_same(nearest_neighbours(queries, data, 5), slow(queries, data, 5))
        assert "nearest neighbours" not in capsys.readouterr().err
        nearest_neighbours(queries, data, 5, progress=True)
        assert "nearest neighbours" in "".join(capsys.readouterr())
