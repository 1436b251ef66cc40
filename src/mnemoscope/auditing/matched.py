"""Items with the spread of the samples that know no training item.

An honest generator need not have the law of the data. Too narrow or blurred, its samples lie where few training items
are nearest to all, and d1/d2 is lower there: by little, but of 300 samples in 20 dimensions with half the spread of the
data a third of the audits would find copies; of ten clusters, each with half its spread, too.

So they are matched: in each cluster of training items as many items as there are samples, Gaussian, with the covariance
of the samples there about the mean of the training items there. A cluster has at least ten training units and ten
samples; samples of none are matched as if all training items were one cluster, and so are all where they are.

What copies is not matched, since nothing but these moments is taken from the samples:

- copies of one item, or of few, are a narrow Gaussian about *its own* mean, which is moved to that of the training
  items: not to the copied one, of which no cluster is made, nor of near-duplicates, which are one unit;
- copies of all items of a cluster, with or without noise, have their covariance: the Gaussian is what an honest
  generator would be, and fills the space between the items. (About the cluster's mean in place of their own the
  covariance of copies of one item would be a line through it, and some matched items would lie there.)
"""

import numpy as np

from mnemoscope.auditing.clusters import Clusters
from mnemoscope.auditing.nearest import TrainingIndex
from mnemoscope.auditing.references import gaussian_samples
from mnemoscope.data.arrays import Array

FEWEST = 10
"""Training units and samples of a cluster, at least: fewer say little of its mean and covariance."""


def matched_samples(
    samples: Array, places: Array, train: Array, index: TrainingIndex, n: int, rng: np.random.Generator
) -> Array:
    """Items like the samples in weight and covariance of each cluster, shape ``(n, *event)``, float32.

    Args:
        samples: shape ``(n_samples, *event)``.
        places: of the samples where distances are taken, as those of ``index``.
        train: shape ``(n_train, *event)``.
        index: of the training items, where distances are taken.
        n: how many.
        rng: chooses them, and the training items that are clustered.
    """
    clusters = Clusters.find(index, rng)
    if clusters is None:
        return gaussian_samples(samples, n, rng, around=train)
    own = clusters.of(places)
    enough = (clusters.units >= FEWEST) & (np.bincount(own, minlength=len(clusters.units)) >= FEWEST)
    own[~enough[own]] = -1
    made = []
    for each, count in zip(*np.unique(own[rng.integers(len(own), size=n)], return_counts=True), strict=True):
        around = train if each < 0 else train[clusters.rows[clusters.labels == each]]
        made.append(gaussian_samples(samples[own == each], int(count), rng, around=around))
    return made[0] if len(made) == 1 else np.concatenate(made)
