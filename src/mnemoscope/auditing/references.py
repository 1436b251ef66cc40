"""Two yardsticks for closeness: a Gaussian fitted to the training items, and training items that were blurred.

Every fitted model leans to its data. A Gaussian that knows no more than mean and covariance has samples nearer to its
training items than to others, the more so the fewer they are; and a training item plus noise of h typical distances
between neighbours is as near to train as a copier with that much smoothing.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from sklearn.covariance import ledoit_wolf_shrinkage

from mnemoscope.data.arrays import CHUNK_BYTES, Array, row_chunks
from mnemoscope.data.stored import read_stored

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
    moved = (_mean(around) - _mean(train)).reshape(train.shape[1:])
    np.add(shrunk, moved, out=shrunk, casting="same_kind")
    return shrunk


def fitted_gaussians(train: Array, n: int, rng: np.random.Generator) -> list[Array]:
    """Samples of Gaussians fitted to ``train``, each of shape ``(n, *event)``, float32.

    One with the Ledoit–Wolf (2004) covariance and, where there are more items than values and it is another one, one
    with that of maximum likelihood. Drawn as mean + √((1 − a)/N) Σ ξ_i (x_i − mean) + √(a v) η, with ξ and η standard
    normal, a the shrinkage (zero for the second) and v the mean variance: no covariance matrix is formed, and the
    training set is read in chunks. The shrinkage, which falls as 1/N, is measured on up to 2,000 items.
    """
    dim, mean = int(np.prod(train.shape[1:])), _mean(train)
    some = np.sort(rng.permutation(len(train))[:_SHRINKAGE_ITEMS])
    measured, variance = _shrinkage(train, some, mean)
    shrinkage = float(np.clip(measured * len(some) / len(train), 0, 1))
    likeliest = np.zeros((n, dim), dtype=np.float32)
    for _, rows in row_chunks(train, rows=max(1, CHUNK_BYTES // (8 * max(n, dim)))):
        apart = (rows.numpy() - mean).astype(np.float32)
        likeliest += rng.standard_normal((n, len(rows)), dtype=np.float32) @ apart
    likeliest /= np.sqrt(len(train))
    both = len(train) > dim and shrinkage > _NEGLIGIBLE
    shrunk = np.empty_like(likeliest) if both else likeliest
    for start in range(0, n, size := max(1, CHUNK_BYTES // (8 * dim))):
        part = likeliest[start : start + size]
        noise = rng.standard_normal(part.shape)
        shrunk[start : start + size] = mean + np.sqrt(1 - shrinkage) * part + np.sqrt(shrinkage * variance) * noise
    if both:
        np.add(likeliest, mean, out=likeliest, casting="same_kind")
    return [each.reshape(n, *train.shape[1:]) for each in ([shrunk, likeliest] if both else [shrunk])]


def _shrinkage(train: Array, rows: Int[np.ndarray, " some"], about: Float[np.ndarray, " dim"]) -> tuple[float, float]:
    """The shrinkage of Ledoit and Wolf (2004, Lemmas 3.2 to 3.4) for some items, and the mean variance of a value.

    With fewer values than items as scikit-learn has it. Otherwise the same by the items' products G = X Xᵀ, X centred:
    the covariance XᵀX/N has trace tr G/N and squared norm ‖G‖²/N², and its rounding by chance is told by Σ G_ii²/N.
    The columns are read part by part.
    """
    n, dim = len(rows), len(about)
    if dim <= n:
        items = train[rows].reshape(n, dim).astype(np.float64)
        variance = float(items.var(axis=0).mean())
        return (ledoit_wolf_shrinkage(items) if np.ptp(items, axis=0).any() else 0.0), variance
    products = np.zeros((n, n))
    for start in range(0, dim, size := max(1, CHUNK_BYTES // (8 * n))):
        part = _columns(train, rows, slice(start, start + size)) - about[start : start + size]
        part -= part.mean(axis=0)
        products += part @ part.T
    total, squared, chance = np.trace(products) / n, float((products**2).sum()) / n**2, np.diag(products) ** 2
    spread = squared - total**2 / dim
    error = (chance.sum() / n - squared) / n
    return (min(error, spread) / spread if spread > 0 and error > 0 else 0.0), float(total / dim)


def _columns(train: Array, rows: Int[np.ndarray, " some"], columns: slice) -> Float[np.ndarray, "some columns"]:
    """Some values of some items, in double precision: of a stored array no more is read."""
    if not train.flags.c_contiguous:
        return np.asarray(train[rows].reshape(len(rows), -1)[:, columns], dtype=np.float64)
    flat = train.reshape(len(train), -1)
    parts = [read_stored(flat[row : row + 1, columns]).astype(np.float64) for row in rows]
    return np.asarray(np.concatenate(parts))


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
    dim = int(np.prod(train.shape[1:]))
    size = max(1, 2 * CHUNK_BYTES // (4 * dim))
    centre = torch.from_numpy(train[chosen[:size]].reshape(-1, dim).astype(np.float32)).mean(dim=0)
    nearer = np.zeros(len(BLURS))
    for start in range(0, n, size):
        items = torch.from_numpy(train[chosen[start : start + size]].reshape(-1, dim).astype(np.float32)).sub_(centre)
        noise = torch.from_numpy(rng.standard_normal(tuple(items.shape), dtype=np.float32))
        noise *= scale / dim**0.5
        nearest = [_nearest_by_blur(items, noise, part, centre) for part in (train, holdout)]
        nearer += (nearest[0] < nearest[1]).double().sum(dim=1).numpy()
    return np.asarray(nearer / n)


def _nearest_by_blur(items: torch.Tensor, noise: torch.Tensor, data: Array, centre: torch.Tensor) -> torch.Tensor:
    """For each blur and item the smallest squared distance to the data, less what all data have in common."""
    best = torch.full((len(BLURS), len(items)), torch.inf, dtype=torch.float32, device="cpu")
    own = (noise * items).sum(dim=1)[:, None]
    for _, rows in row_chunks(
        data, rows=max(1, CHUNK_BYTES // (16 * max(len(items), items.shape[1]))), dtype=torch.float32
    ):
        rows = rows - centre
        apart = (rows**2).sum(dim=1) - 2 * items @ rows.mT
        along = 2 * (own - noise @ rows.mT)
        for place, blur in enumerate(BLURS):
            best[place] = torch.minimum(best[place], torch.add(apart, along, alpha=float(blur)).amin(dim=1))
    return best
