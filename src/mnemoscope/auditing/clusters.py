"""Clusters of the training items, found without a look at the samples.

Ward's tree of up to a thousand distinct items, in up to 20 principal components, is cut into the number of clusters, at
most 16, with the best Bayesian information criterion (Schwarz 1978) for Gaussians with a variance for each component. A
few steps of k-means then make each item's cluster that of the nearest centre, so that samples can be told theirs.

A repeated image with its near-duplicates is no cluster but one item, whatever their number: items count as parts of
their unit.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from mnemoscope.auditing.nearest import TrainingIndex
from mnemoscope.data.arrays import CHUNK_BYTES, Array, row_chunks

_ITEMS, _COMPONENTS, _MOST = 1000, 20, 16
_BYTES = 4 * CHUNK_BYTES
_FEWEST = 20
"""Items of which clusters are made."""

_LEAST_VARIANCE = 1e-3
"""In units of the mean variance: rounded values have directions without any."""


@dataclass(frozen=True)
class Clusters:
    """Clusters of training items, where distances are taken.

    Attributes:
        rows: of the training set, those that were clustered.
        labels: the cluster of each of these.
        units: how many units each cluster has, of these.
    """

    rows: Int[np.ndarray, " some"]
    labels: Int[np.ndarray, " some"]
    units: Float[np.ndarray, " clusters"]
    _axes: PCA = field(repr=False)
    _means: KMeans = field(repr=False)

    @classmethod
    def find(cls, index: TrainingIndex, rng: np.random.Generator) -> "Clusters | None":
        """Of the distinct items of a training set; None where they are one."""
        most = min(_ITEMS, max(_FEWEST, _BYTES // (8 * index.train[0].size)))
        rows = np.sort(rng.permutation(index.distinct)[:most])
        items = index.train[rows].reshape(len(rows), -1).astype(np.float64)
        if len(items) < _FEWEST or not np.ptp(items, axis=0).any():
            return None
        seed = int(rng.integers(2**31))
        axes = PCA(min(_COMPONENTS, *items.shape), svd_solver="randomized", random_state=seed)
        places = axes.fit_transform(items)
        tree = linkage(places, "ward")
        cuts = [fcluster(tree, k, "maxclust") - 1 for k in range(1, _MOST + 1)]
        best = min(cuts, key=lambda labels: information_criterion(places, labels))
        if not best.any():
            return None
        centres = np.stack([places[best == each].mean(axis=0) for each in np.unique(best)])
        means = KMeans(len(centres), init=centres, n_init=1, random_state=seed).fit(places)
        units = np.bincount(means.labels_, weights=_parts(items, index), minlength=len(centres))
        return cls(rows, means.labels_.astype(np.int64), units, axes, means)

    def of(self, items: Array) -> Int[np.ndarray, " items"]:
        """The cluster of each item from elsewhere, that of the nearest centre."""
        found = [self._means.predict(self._axes.transform(rows.numpy())) for _, rows in row_chunks(items)]
        return np.concatenate(found).astype(np.int64)


def information_criterion(places: Float[np.ndarray, "items dim"], labels: Int[np.ndarray, " items"]) -> float:
    """−2 log likelihood + log n · parameters, but for what all clusterings of these items share; smaller is better.

    Of Gaussians with diagonal covariances, each item in its own cluster: 2 dim + 1 parameters each.
    """
    n, dim = places.shape
    least = _LEAST_VARIANCE * float(places.var(axis=0).mean())
    clusters = [places[labels == each] for each in np.unique(labels)]
    fit = sum(len(each) * (np.log(len(each) / n) - np.log(each.var(axis=0) + least).sum() / 2) for each in clusters)
    return float(-2 * fit + len(clusters) * (2 * dim + 1) * np.log(n))


def _parts(items: Float[np.ndarray, "items dim"], index: TrainingIndex) -> Float[np.ndarray, " items"]:
    """What part of its unit each item is: one, if it has no near-duplicates among these."""
    # By one product, at most a thousand square: what is lost beside the mean is small even beside near-duplicates.
    centred = torch.from_numpy(items - items.mean(axis=0))
    others = np.sort(torch.cdist(centred, centred).numpy(), axis=1)[:, 1:]
    return np.asarray(1 / (1 + np.sum(others <= index.unit_radius(others)[:, None], axis=1)))
