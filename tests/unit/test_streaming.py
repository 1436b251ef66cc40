"""Whatever is streamed gives the same with chunks of a few rows as with one chunk, and leaves what it reads alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnemoscope.auditing import checks, references
from mnemoscope.auditing.clusters import Clusters
from mnemoscope.auditing.features import make_features
from mnemoscope.auditing.measures import (
    CalibratedDistance,
    DataCopyingTest,
    FeatureLikelihood,
    TiledDistance,
    around,
)
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.data import Dataset, halves
from mnemoscope.data.arrays import check_finite, row_chunks
from mnemoscope.monitoring.halves.agreement import mean_item
from mnemoscope.neighbours import approximate, nearest_neighbours
from mnemoscope.processes import EDM
from mnemoscope.scores import (
    EmpiricalBayesScore,
    EmpiricalScore,
    TemperedScore,
    TikhonovScore,
    condition_weights,
    single_precision,
)
from tests.unit.auditing.measures.searches import index_of, left_out_search, search_for

RNG = np.random.default_rng(11)
TRAIN, HOLDOUT = RNG.normal(size=(53, 4, 4)), RNG.normal(size=(41, 4, 4))
TRAIN[17], TRAIN[31:34] = TRAIN[3], TRAIN[30] + 1e-3 * RNG.normal(size=(3, 4, 4))
SAMPLES = np.concatenate([TRAIN[:6] + 0.3 * RNG.normal(size=(6, 4, 4)), RNG.normal(size=(25, 4, 4))])
WEIGHTS = torch.from_numpy(RNG.random(53) * (RNG.random(53) > 0.5))
WEIGHTS[:9] = 0  # the first chunks have no mass at all
X = torch.from_numpy(SAMPLES)
ROW = 8 * 16


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def of_score(score: Any, sigma: float = 0.7) -> list[Any]:
    return [score(X, sigma), score.denoiser(X, sigma), score.noise(X, sigma), score(X.float(), sigma)]


def of_posterior(weights: torch.Tensor | None, sigma: float) -> list[Any]:
    score = EmpiricalScore(TRAIN, EDM(), weights)
    return [
        *of_score(score, sigma),
        score.log_density(X, sigma),
        score.log_density(X.float(), sigma),
        score.weights(X, sigma),
        score.effective_number(X, sigma),
        score.points.centre,
        score.points.covariance(),
        score.points.squared_norms,
        score.points.take(torch.tensor([50, 3, 3, 0])),
    ]


def of_memory_map(path: Path) -> list[Any]:
    np.save(path, TRAIN)
    score = EmpiricalScore(np.load(path, mmap_mode="r"), EDM())
    return [score(X, 0.7), score.points.take(torch.tensor([50, 3, 3, 0]))]


def of_neighbours() -> list[Any]:
    found = nearest_neighbours(SAMPLES, TRAIN, 5, ignore=np.arange(53) % 7 == 0, exclude=np.arange(31))
    again = nearest_neighbours(SAMPLES[:8], np.repeat(TRAIN[:10], 25, axis=0), 3)  # more repeats than candidates
    few = [nearest_neighbours(SAMPLES[:, 0], TRAIN[:, 0], 3), nearest_neighbours(SAMPLES[:, 0, :2], TRAIN[:, 0, :2], 3)]
    return [each for one in (found, again, *few) for each in (one.distances, one.indices)]


def of_measures() -> list[Any]:
    _, held_out = both = search_for(SAMPLES, TRAIN), left_out_search(np.arange(53), TRAIN, with_unit=True)
    scores = [measure.scores(each) for measure in (CalibratedDistance(), TiledDistance()) for each in both]
    nearest = [getattr(each.nearest, name) for each in both for name in ("distances", "units", "seconds")]
    return [*scores, *nearest, around.around_nearest(held_out, 5), held_out.index.spacing, held_out.index.n_units]


def of_clusters() -> list[Any]:
    train, samples = TRAIN + 30 * (np.arange(53) % 2)[:, None, None], SAMPLES + 30
    return [Clusters.find(index_of(train), rng()).of(samples)]


def of_whole_sets() -> list[Any]:
    sets = [rng().normal(size=(n, 4, 4)) for n in (50, 101, 100)]
    found = [DataCopyingTest(cells=2, fewest=2).result(*sets, rng()), FeatureLikelihood().result(*sets, rng())]
    return [number for each in found for number in (each.value, each.null, each.spread) if number is not None]


def of_approximate() -> list[Any]:
    pytest.importorskip("faiss", reason="needs the extra 'faiss'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(approximate, "FEWEST_ROWS", 50)
        search = approximate.ApproximateSearch()
        found = search(SAMPLES, TRAIN, 4, exclude=np.arange(31))
    return [found.distances, found.indices]


def of_references() -> list[Any]:
    return [references.blurred_shares(TRAIN, HOLDOUT, 2.0, 60, rng()), references._mean(TRAIN)]


def of_features(name: str) -> list[Any]:
    embedding = make_features(name).fit(Dataset(TRAIN, "train"))
    return [embedding.embed(Dataset(SAMPLES, "samples")).array]


STREAMED: dict[str, tuple[str, Callable[[Path], list[Any]]]] = {
    "posterior": ("scores/training_points", lambda _: of_posterior(None, 0.7)),
    "posterior of weighted points": ("scores/training_points", lambda _: of_posterior(WEIGHTS, 0.7)),
    "posterior at a small sigma": ("scores/training_points", lambda _: of_posterior(WEIGHTS, 0.05)),
    "posterior over a memory map": ("scores/training_points", lambda path: of_memory_map(path / "train.npy")),
    "Tikhonov": (
        "scores/training_points",
        lambda _: of_score(TikhonovScore(TRAIN, EDM(), 0.2, metric="covariance", weights=WEIGHTS)),
    ),
    "empirical Bayes": ("scores/training_points", lambda _: of_score(EmpiricalBayesScore(TRAIN, EDM(), 1e-3))),
    "tempered": ("scores/training_points", lambda _: of_score(TemperedScore(TRAIN, EDM(), 2.0))),
    "conditions": ("scores/conditional", lambda _: [condition_weights(TRAIN, torch.from_numpy(TRAIN[40]), 2.0)]),
    "nearest neighbours": (
        "neighbours/knn neighbours/exact neighbours/stream neighbours/tree",
        lambda _: of_neighbours(),
    ),
    "approximate neighbours": ("neighbours/approximate", lambda _: of_approximate()),
    "measures": ("auditing/measures/tiled", lambda _: of_measures()),
    "whole sets": ("auditing/measures/ct auditing/measures/fld", lambda _: of_whole_sets()),
    "clusters": ("auditing/clusters", lambda _: of_clusters()),
    "references": ("auditing/references", lambda _: of_references()),
    "repeats": ("auditing/repeats", lambda _: [Repeated(TRAIN).first, Repeated(TRAIN).multiplicity]),
    "pca": ("auditing/features/pca auditing/features/base", lambda _: of_features("pca:5")),
    "z-scores": ("auditing/features/z_scores", lambda _: of_features("z-scores")),
    "halves": ("monitoring/halves/agreement", lambda _: [mean_item(halves(Dataset(TRAIN, "train"), 3))]),
    "cosine": ("auditing/features/pixels", lambda _: of_features("cosine:pixels")),
    "checks": (
        "auditing/checks",
        lambda _: [checks._typical_range(TRAIN), checks._all_equal(TRAIN), checks._all_constant(TRAIN)],
    ),
    "finite": ("data/arrays", lambda _: [check_finite(TRAIN, "train")]),
}


@pytest.mark.parametrize("what", STREAMED)
def test_a_few_rows_at_a_time(
    what: str, tmp_path: Path, chunk_bytes: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, compute = STREAMED[what]
    whole = compute(tmp_path)
    chunk_bytes(3 * ROW)
    monkeypatch.setattr(single_precision, "_CHUNK_ROWS", 7)
    assert [len(rows) for _, rows in row_chunks(TRAIN)] == [3] * 17 + [2]
    for found, expected in zip(compute(tmp_path), whole, strict=True):
        found, expected = torch.as_tensor(found), torch.as_tensor(expected)
        single = expected.dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=1e-4 if single else 1e-9, atol=1e-5 if single else 1e-9)


def test_every_streamed_module_is_here() -> None:
    source = Path(checks.__file__).parents[1]
    reading = {
        str(path.relative_to(source).with_suffix(""))
        for path in source.rglob("*.py")
        if "row_chunks(" in path.read_text(encoding="utf-8")
    }
    assert reading == {module for modules, _ in STREAMED.values() for module in modules.split()}


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_map_reads_the_same_again_and_keeps_its_changes(tmp_path: Path, mode: str, chunk_bytes: Callable) -> None:
    """Pages that were read are given back to the system; those of a copy-on-write map hold what is nowhere else."""
    path = tmp_path / "x.npy"
    np.save(path, np.arange(20_000.0).reshape(5000, 4))
    mapped = np.load(path, mmap_mode=mode)
    if mode != "r":
        mapped[7] = -1
    expected = np.array(mapped)
    chunk_bytes(8 * 4 * 600)
    for _ in range(2):
        found = torch.cat([rows for _, rows in row_chunks(mapped)])
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(mapped, expected)


def test_a_gaussian_fitted_in_chunks_has_the_moments_of_its_items(chunk_bytes: Callable[[int], None]) -> None:
    """Its draws come in another order, so the law is compared: standard errors below 0.01."""
    train = RNG.normal(size=(60, 3)) * [1.0, 0.5, 0.2] + 4
    chunk_bytes(8 * 20_000 * 7)
    shrunk, likeliest = references.fitted_gaussians(train, 20_000, rng())
    for made in (shrunk, likeliest, references.gaussian_samples(train, 20_000, rng(), around=train)):
        np.testing.assert_allclose(made.mean(axis=0), train.mean(axis=0), atol=0.04)
    np.testing.assert_allclose(np.cov(likeliest.T), np.cov(train.T, bias=True), atol=0.04)
    moved = references.gaussian_samples(train, 20_000, rng(), around=train - 9)
    np.testing.assert_allclose(moved.mean(axis=0), train.mean(axis=0) - 9, atol=0.04)
