"""Two yardsticks for closeness: a Gaussian fitted to the training items, and training items that were blurred.

Every fitted model leans to its data. A Gaussian that knows no more than mean and covariance has samples nearer to its
training items than to others, the more so the fewer they are; and a training item plus noise of h typical distances
between neighbours is as near to train as a copier with that much smoothing.
"""

import numpy as np
import torch
from jaxtyping import Float
from sklearn.covariance import ledoit_wolf_shrinkage

from mnemoscope.data.arrays import CHUNK_BYTES, Array, row_chunks

BLURS = np.geomspace(1 / 16, 16, 17)
"""Blurs at which the share is measured, in typical distances between neighbouring training items."""

_SHRINKAGE_ITEMS = 2000


def gaussian_samples(
    train: Array, n: int, rng: np.random.Generator, *, around: Array | None = None, shrink: bool = True
) -> Array:
    """Samples of a Gaussian with mean and Ledoit–Wolf (2004) covariance of ``train``, shape ``(n, *event)``, float32.

    With the mean of ``around``, if it is given, and the covariance of maximum likelihood without ``shrink``.

    Drawn as mean + √((1 − a)/N) Σ ξ_i (x_i − mean) + √(a v) η, with ξ and η standard normal, a the shrinkage and v the
    mean variance: no covariance matrix is formed, and the training set is read in chunks. The shrinkage, which falls as
    1/N, is measured on up to 2,000 items.
    """
    dim = int(np.prod(train.shape[1:]))
    total, squares = np.zeros(dim), np.zeros(dim)
    origin = np.asarray(train[0], dtype=np.float64).ravel()  # about it rounding leaves no variance where there is none
    for _, rows in row_chunks(train):
        apart = rows.numpy() - origin
        total += apart.sum(axis=0)
        squares += (apart**2).sum(axis=0)
    mean = origin + total / len(train)
    variance = float(np.mean(np.maximum(squares / len(train) - (total / len(train)) ** 2, 0)))
    shrink = shrink and variance > 0
    some = np.sort(rng.permutation(len(train))[:_SHRINKAGE_ITEMS])
    measured = ledoit_wolf_shrinkage(train[some].reshape(len(some), -1).astype(np.float64)) if shrink else 0.0
    shrinkage = min(1.0, measured * len(some) / len(train))
    made = mean + np.sqrt(shrinkage * variance) * rng.standard_normal((n, dim))
    weight = np.sqrt((1 - shrinkage) / len(train))
    for _, rows in row_chunks(train, rows=max(1, CHUNK_BYTES // (8 * max(n, dim)))):
        made += weight * (rng.standard_normal((n, len(rows))) @ (rows.numpy() - mean))
    if around is not None:
        made += sum(rows.sum(dim=0).numpy() for _, rows in row_chunks(around)) / len(around) - mean
    return np.asarray(made.reshape(n, *train.shape[1:]), dtype=np.float32)


def blurred_shares(
    train: Array, holdout: Array, scale: float, n: int, rng: np.random.Generator
) -> Float[np.ndarray, " blurs"]:
    """For each of ``BLURS`` the share of n blurred training items that are nearer to train than to the held-out set.

    A training item x with noise hε is at ‖x − z‖² + 2h ε·(x − z) + h²‖ε‖² from z: two products serve all h. In single
    precision, which is enough for a share.

    Args:
        train: shape ``(n_train, *event)``.
        holdout: shape ``(n_holdout, *event)``.
        scale: the distance of h = 1, the typical length of the noise.
        n: how many blurred items.
        rng: chooses items and noise.
    """
    chosen = rng.integers(len(train), size=n)
    items = torch.from_numpy(train[chosen].reshape(n, -1).astype(np.float32))
    centre = items.mean(dim=0)
    items = items - centre
    noise = torch.from_numpy(rng.standard_normal(tuple(items.shape), dtype=np.float32))
    noise *= scale / items.shape[1] ** 0.5
    nearest = [_nearest_by_blur(items, noise, part, centre) for part in (train, holdout)]
    return (nearest[0] < nearest[1]).double().mean(dim=1).numpy()


def _nearest_by_blur(items: torch.Tensor, noise: torch.Tensor, data: Array, centre: torch.Tensor) -> torch.Tensor:
    """For each blur and item the smallest squared distance to the data, less what all data have in common."""
    best = torch.full((len(BLURS), len(items)), torch.inf, dtype=torch.float32, device="cpu")
    own = (noise * items).sum(dim=1)[:, None]
    for _, rows in row_chunks(data, rows=max(1, CHUNK_BYTES // (16 * len(items))), dtype=torch.float32):
        rows = rows - centre
        apart = (rows**2).sum(dim=1) - 2 * items @ rows.mT
        along = 2 * (own - noise @ rows.mT)
        for place, blur in enumerate(BLURS):
            best[place] = torch.minimum(best[place], torch.add(apart, along, alpha=float(blur)).amin(dim=1))
    return best
