"""Clusters of the training items, and the items that are matched to the samples in each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from mnemoscope.auditing import audit
from mnemoscope.auditing.clusters import Clusters, information_criterion
from mnemoscope.auditing.matched import matched_samples
from mnemoscope.auditing.nearest import TrainingIndex
from mnemoscope.auditing.references import gaussian_samples


def an_index(train: np.ndarray) -> TrainingIndex:
    return TrainingIndex(train, np.arange(len(train)), np.random.default_rng(0))


def in_clusters(
    n: int, k: int, dim: int, rng: np.random.Generator, widths: np.ndarray | float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Items in k clusters of one size, far apart, and their clusters."""
    which = np.arange(n) % k
    noise = rng.normal(size=(n, dim)) * np.broadcast_to(widths, k)[which, None]
    return 20 * np.eye(k, dim)[which] + noise, which


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 12), st.integers(0, 20), st.floats(0.2, 1), st.floats(-9, 9), st.integers(0, 1000))
def test_clusters_that_lie_apart_are_found(k: int, more: int, narrowest: float, exponent: float, seed: int) -> None:
    """Of any number up to the limit, dimension, widths and scale."""
    train, which = in_clusters(40 * k, k, k + more, np.random.default_rng(seed), np.linspace(narrowest, 1, k))
    train *= 10**exponent
    found = Clusters.find(an_index(train), np.random.default_rng(seed))
    assert found is not None
    pairs = {(int(label), int(truth)) for label, truth in zip(found.labels, which[found.rows], strict=True)}
    assert len(pairs) == k == len(found.units)
    np.testing.assert_array_equal(found.of(train)[found.rows], found.labels)


@pytest.mark.parametrize("dim", [1, 2, 20, 100])
def test_one_gaussian_is_one_cluster(dim: int) -> None:
    """Of any shape: the criterion looks along principal components."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        train = rng.normal(size=(300, dim)) @ rng.normal(size=(dim, dim))
        assert Clusters.find(an_index(train), rng) is None


def test_items_that_are_the_same_where_they_are_compared_are_one_cluster() -> None:
    assert Clusters.find(an_index(np.ones((50, 3))), np.random.default_rng(0)) is None


def test_the_criterion_by_densities() -> None:
    """Differences between clusterings, by the likelihood written out; the least variance is small here."""
    rng = np.random.default_rng(0)
    places = rng.normal(size=(200, 3)) * [1, 2, 3]

    def slow(labels: np.ndarray) -> float:
        total = 0.0
        for each in range(labels.max() + 1):
            items = places[labels == each]
            law = multivariate_normal(items.mean(axis=0), np.diag(items.var(axis=0)))
            total += law.logpdf(items).sum() + len(items) * np.log(len(items) / 200)
        return -2 * total + (labels.max() + 1) * 7 * np.log(200)

    cuts = [np.zeros(200, dtype=int), (places[:, 2] > 0).astype(int), np.arange(200) % 3]
    values = [
        [criterion(labels) for labels in cuts] for criterion in (lambda x: information_criterion(places, x), slow)
    ]
    np.testing.assert_allclose(np.diff(values[0]), np.diff(values[1]), rtol=0.02)


def test_near_duplicates_are_one_item_and_no_cluster() -> None:
    """However many, and their copies are found."""
    rng = np.random.default_rng(0)
    train = np.concatenate([rng.normal(size=(300, 20)), 6 + 0.01 * rng.normal(size=(60, 20))])
    found = Clusters.find(an_index(train), rng)
    assert found is not None
    assert sorted(found.units.round(6)) == [1, 300]
    copies = np.concatenate([rng.normal(size=(150, 20)), 6 + 0.01 * rng.normal(size=(150, 20))])
    made = matched_samples(copies, copies, train, an_index(train), 500, rng)
    assert np.linalg.norm(made - 6, axis=1).min() > 1


def test_matched_items_have_the_moments_of_the_samples_about_the_means_of_the_clusters() -> None:
    rng = np.random.default_rng(0)
    train, _ = in_clusters(600, 3, 4, rng)
    shape = np.array([0.9, 0.1, 0.5, 0.3])
    which = np.repeat([0, 1], [900, 300])
    samples = 20 * np.eye(3, 4)[which] + 1 + shape * rng.normal(size=(1200, 4))
    made = matched_samples(samples, samples, train, an_index(train), 8000, rng)
    of = np.argmax(made[:, :3], axis=1)
    assert np.mean(of == 0) == pytest.approx(0.75, abs=0.02)
    for each in (0, 1):
        np.testing.assert_allclose(made[of == each].mean(axis=0), 20 * np.eye(3, 4)[each], atol=0.25)
        np.testing.assert_allclose(made[of == each].std(axis=0), shape, atol=0.1)
    assert not (of == 2).any()


def test_samples_of_too_small_a_cluster_are_matched_about_the_mean_of_all() -> None:
    rng = np.random.default_rng(0)
    train, which = in_clusters(400, 4, 6, rng)
    few = np.concatenate([train[which < 3], train[which == 3][:5]])
    samples = train[which == 3] + 0.1
    made = matched_samples(samples, samples, few, an_index(few), 2000, rng)
    np.testing.assert_allclose(made.mean(axis=0), few.mean(axis=0), atol=0.2)


def test_matched_items_follow_from_the_generator() -> None:
    train, _ = in_clusters(200, 4, 5, np.random.default_rng(0))
    made = [matched_samples(train, train, train, an_index(train), 50, np.random.default_rng(1)) for _ in range(2)]
    np.testing.assert_array_equal(*made)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("k", "dim", "widths", "narrow"),
    [
        (3, 5, np.array([0.3, 0.6, 1]), 0.4),
        (6, 12, np.ones(6), 0.3),
        (6, 12, np.ones(6), np.linspace(0.2, 1, 6)),
        (10, 10, np.geomspace(0.3, 1, 10), 0.5),
    ],
)
def test_generators_too_narrow_in_each_cluster_score_as_what_is_matched(
    k: int, dim: int, widths: np.ndarray, narrow: np.ndarray | float
) -> None:
    """One Gaussian for all has higher scores: of the honest samples more than a tenth are below its first tenth."""
    below: dict[str, list[float]] = {"clusters": [], "one": []}
    for seed in range(4):
        rng = np.random.default_rng(seed)
        train, _ = in_clusters(40 * k, k, dim, rng, widths)
        samples, _ = in_clusters(3000, k, dim, rng, widths * narrow)
        index = an_index(train)
        matched = matched_samples(samples, samples, train, index, 3000, rng)
        one = gaussian_samples(samples, 3000, rng, around=train)
        scores, *nulls = (np.divide(*index.nearest(items).distances.T) for items in (samples, matched, one))
        for name, null in zip(below, nulls, strict=True):
            below[name].append(float(np.mean(scores <= np.quantile(null, 0.1))))
    assert np.mean(below["clusters"]) < 0.13
    assert np.mean(below["one"]) > 0.14


def one_each(train: np.ndarray, which: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noisy copies of one item of each cluster."""
    firsts = np.unique(which, return_index=True)[1]
    return train[firsts][rng.integers(len(firsts), size=300)] + 0.2 * rng.normal(size=(300, train.shape[1]))


def three_of_one(train: np.ndarray, which: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Copies of three items of the smallest cluster, and nothing else."""
    return train[which == 0][rng.integers(3, size=300)] + 0.2 * rng.normal(size=(300, train.shape[1]))


def smoothed(train: np.ndarray, which: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Every training item, with noise of .7 of the clusters' standard deviation."""
    return train[rng.integers(len(train), size=300)] + 0.7 * rng.normal(size=(300, train.shape[1]))


def a_twentieth(train: np.ndarray, which: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A twentieth is copied, the others are too narrow."""
    samples = in_clusters(300, 6, train.shape[1], rng, 0.5)[0]
    samples[:15] = train[rng.integers(len(train), size=15)] + 0.05 * rng.normal(size=(15, train.shape[1]))
    return samples


@pytest.mark.slow
@pytest.mark.parametrize("copier", [one_each, three_of_one, smoothed, a_twentieth])
@pytest.mark.parametrize("size", [10, 50])
def test_copies_within_clusters_are_not_matched(copier, size: int) -> None:
    """Clusters as small as they may be, and larger ones."""
    rng = np.random.default_rng(0)
    train, which = in_clusters(6 * size, 6, 24, rng)
    found = Clusters.find(an_index(train), rng)
    assert found is not None
    assert len(found.units) == 6
    report = audit(copier(train, which, rng), train, holdout=in_clusters(300, 6, 24, rng)[0])
    assert report.copies.p < 0.002
    assert report.memorizes
