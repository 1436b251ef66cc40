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

_SHRINKAGE_ITEMS, _NEGLIGIBLE = 2000, 0.01


def gaussian_samples(train: Array, n: int, rng: np.random.Generator, *, around: Array | None = None) -> Array:
    """Samples of a Gaussian with mean and Ledoit–Wolf (2004) covariance of ``train``, shape ``(n, *event)``, float32.

    With the mean of ``around``, if it is given.
    """
    shrunk = fitted_gaussians(train, n, rng)[0]
    if around is None:
        return shrunk
    return np.asarray(shrunk + (_mean(around) - _mean(train)).reshape(train.shape[1:]), dtype=np.float32)


def fitted_gaussians(train: Array, n: int, rng: np.random.Generator) -> list[Array]:
    """Samples of Gaussians fitted to ``train``, each of shape ``(n, *event)``, float32.

    One with the Ledoit–Wolf (2004) covariance and, where there are more items than values and it is another one, one
    with that of maximum likelihood. Drawn as mean + √((1 − a)/N) Σ ξ_i (x_i − mean) + √(a v) η, with ξ and η standard
    normal, a the shrinkage (zero for the second) and v the mean variance: no covariance matrix is formed, and the
    training set is read in chunks. The shrinkage, which falls as 1/N, is measured on up to 2,000 items.
    """
    dim, mean = int(np.prod(train.shape[1:])), _mean(train)
    some = np.sort(rng.permutation(len(train))[:_SHRINKAGE_ITEMS])
    items = train[some].reshape(len(some), dim).astype(np.float64)
    variance = float(items.var(axis=0).mean())
    measured = ledoit_wolf_shrinkage(items) * len(some) / len(train) if np.ptp(items, axis=0).any() else 0.0
    shrinkage = float(np.clip(measured, 0, 1))
    likeliest = np.zeros((n, dim))
    for _, rows in row_chunks(train, rows=max(1, CHUNK_BYTES // (8 * max(n, dim)))):
        apart = (rows.numpy() - mean).astype(np.float32)
        likeliest += rng.standard_normal((n, len(rows)), dtype=np.float32) @ apart
    likeliest /= np.sqrt(len(train))
    noise = rng.standard_normal((n, dim))
    made = [mean + np.sqrt(1 - shrinkage) * likeliest + np.sqrt(shrinkage * variance) * noise]
    if len(train) > dim and shrinkage > _NEGLIGIBLE:
        made.append(mean + likeliest)
    return [np.asarray(each.reshape(n, *train.shape[1:]), dtype=np.float32) for each in made]


def _mean(array: Array) -> Float[np.ndarray, " dim"]:
    """Of the items, about the first of them: where there is no variance rounding makes none."""
    origin = np.asarray(array[0], dtype=np.float64).ravel()
    total = sum(((rows.numpy() - origin).sum(axis=0) for _, rows in row_chunks(array)), np.zeros(len(origin)))
    return np.asarray(origin + total / len(array))


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
