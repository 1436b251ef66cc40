"""The laws that the cases are drawn from."""

import functools

import numpy as np
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from benchmarks.timing import FASHION
from mnemoscope.data import load

Array = np.ndarray

CATEGORIES = (5, 6, 7)
"""The columns of ``mixed`` that hold categories, and the decimals to which its columns are rounded."""
DECIMALS = (0, 0, -2, 3, 1, 0, 0, 0)


IMAGES = "Fashion-MNIST" if FASHION.is_dir() else "scikit-learn's digits, three times as large"


def gaussian(n: int, rng: np.random.Generator) -> Array:
    return rng.standard_normal((n, 10))


def clusters(n: int, rng: np.random.Generator) -> Array:
    centres = 3 * np.random.default_rng(0).standard_normal((8, 10))
    weights = np.arange(1, 9) / 36
    return centres[rng.choice(8, n, p=weights)] + rng.standard_t(3, (n, 10))


def mixed(n: int, rng: np.random.Generator) -> Array:
    """Age, hours, income, a score, a height, and the codes of a sex, a region and a trade."""
    means = rng.standard_normal(n)
    age = np.clip(np.round(44 + 8 * means + 12 * rng.standard_normal(n)), 18, 95)
    hours = np.where(rng.random(n) < 0.5, 40, np.clip(np.round(rng.normal(36, 10, n)), 1, 80))
    income = np.round(np.exp(10 + 0.6 * means + 0.4 * rng.standard_normal(n)), -2)
    score = np.round(0.7 * means + 0.7 * rng.standard_normal(n), 3)
    sex = rng.integers(0, 2, n)
    height = np.round(rng.normal(166 + 12 * sex, 7), 1)
    region = rng.choice(6, n, p=np.arange(1, 7) / 21)
    trade = np.clip(np.round(5 + 2 * means + rng.standard_normal(n)), 0, 11)
    return np.stack([age, hours, income, score, height, sex, region, trade], axis=1)


def tied(n: int, rng: np.random.Generator) -> Array:
    common = rng.standard_normal((n, 1))
    return np.round(common + rng.standard_normal((n, 4)))


def images(n: int, rng: np.random.Generator) -> Array:
    """Distinct items of the pool, uint8; fewer than ``n`` where it has no more."""
    pool = _pool()
    return pool[rng.permutation(len(pool))[:n]]


@functools.cache
def _pool() -> Array:
    """Fashion-MNIST where its files are, or else scikit-learn's digits at three times their size."""
    if FASHION.is_dir():
        parts = [np.asarray(load(path).array) for path in (FASHION, FASHION / "t10k-images-idx3-ubyte.gz")]
        return np.concatenate(parts).reshape(-1, 28, 28)
    digits = load_digits().images * (255 / 16)
    return np.rint(zoom(digits, (1, 3, 3), order=1)).astype(np.uint8)
