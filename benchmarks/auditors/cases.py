"""Cases whose truth is known: a training set, a held-out set, and samples of which we know which are copies.

A *setting* is a law and the way a training set is made from it. In every setting the samples are fresh draws (honest),
draws of a generator that is wrong but knows no training item (too narrow, too wide, blurred, selective), or fresh draws
among which a share was replaced by altered training items. All follows from the fields of a ``Spec``.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.auditors.altered import COPIER, IMAGE_KINDS, TABLE_NOISE, alter_images, alter_rows
from benchmarks.auditors.laws import CATEGORIES, DECIMALS, IMAGES, clusters, gaussian, images, mixed, tied

Array = np.ndarray

SHARES = (0.01, 0.02, 0.05, 0.2)
HONEST = "honest"
GENERATORS = ("narrow", "wide", "blurred", "selective")
"""Wrong, but not memorizing. The spread is .5 and 1.5 times that of the law (images: the contrast .6 and 1.4 times);
blurred samples are means of three fresh items (images: a Gaussian of one pixel); selective ones are the fifth of fresh
items with the largest mean."""
_FRESH = {"blurred": 3, "selective": 5}


@dataclass(frozen=True)
class Spec:
    """What a case is made from; ``kind`` is None where nothing is planted."""

    setting: str
    generator: str = HONEST
    kind: str | None = None
    share: float = 0.0
    seed: int = 0

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(repr(self).encode()))


@dataclass(frozen=True)
class Case:
    """Three sets of shape ``(items, *event)``, and which of the samples are copies.

    Attributes:
        categorical: columns that hold codes of categories.
    """

    train: Array
    holdout: Array
    generated: Array
    is_copy: Array
    categorical: tuple[int, ...] = ()

    @property
    def is_table(self) -> bool:
        return self.train.ndim == 2


@dataclass(frozen=True)
class Setting:
    """A law, ``draw(n, rng)``, and what is made of it.

    Attributes:
        words: for the reader of the table.
        generators: the wrong generators that are tried.
        kinds: the copies that are planted.
        repeats: how often each training item stands in the training set.
    """

    words: str
    draw: Callable[[int, np.random.Generator], Array]
    kinds: tuple[str, ...]
    generators: tuple[str, ...] = ()
    repeats: int = 1
    categorical: tuple[int, ...] = ()
    decimals: tuple[int, ...] | None = None


SETTINGS: dict[str, Setting] = {
    "gaussian": Setting("10 independent normal columns", gaussian, tuple(TABLE_NOISE), GENERATORS),
    "clusters": Setting(
        "8 clusters of unequal weight with heavy tails (t₃), 10 columns", clusters, tuple(TABLE_NOISE), ("selective",)
    ),
    "mixed": Setting(
        "5 numerical columns (ages, hours, incomes, ...) and 3 of categories",
        mixed,
        tuple(TABLE_NOISE),
        categorical=CATEGORIES,
        decimals=DECIMALS,
    ),
    "tied": Setting("4 small integers: whole rows recur in the law", tied, ("exact",), decimals=(0,) * 4),
    "duplicated": Setting("gaussian, but every training row stands twice in train", gaussian, ("exact",), repeats=2),
    "images": Setting(f"{IMAGES}, 8 bits", images, tuple(IMAGE_KINDS), GENERATORS),
}


def shares_of(kind: str) -> tuple[float, ...]:
    """The shares of the samples at which a kind of copy is planted."""
    return (1.0,) if kind == COPIER else SHARES


def make(spec: Spec, size: int) -> Case:
    """The case of a spec, with ``size`` training items, held-out items and samples."""
    setting, rng = SETTINGS[spec.setting], spec.rng()
    distinct = size // setting.repeats
    pool = setting.draw(distinct + size * (1 + _FRESH.get(spec.generator, 1)), rng)
    train = np.repeat(pool[:distinct], setting.repeats, axis=0)
    holdout, fresh = pool[distinct : distinct + size], pool[distinct + size :]
    generated = _generate(spec.generator, fresh, train, size)
    is_copy = np.zeros(len(generated), dtype=bool)
    if spec.kind is not None:
        is_copy[: round(spec.share * size)] = True
        rng.shuffle(is_copy)
        items = train[rng.choice(size, is_copy.sum(), replace=False)]
        generated[is_copy] = _alter(spec.kind, items, train, setting, rng)
    return Case(train, holdout, generated, is_copy, setting.categorical)


def _generate(generator: str, fresh: Array, train: Array, size: int) -> Array:
    """Samples that know nothing of the training items but the mean of all of them."""
    image = train.ndim > 2
    if generator == "selective":
        return fresh[np.argsort(-fresh.mean(axis=tuple(range(1, fresh.ndim))), kind="stable")[:size]].copy()
    if generator == "blurred":
        return (
            alter_images("blurred", fresh[:size], np.random.default_rng(0))
            if image
            else fresh.reshape(3, size, -1).mean(axis=0)
        )
    if generator == HONEST:
        return fresh.copy()
    factor = {"narrow": 0.6, "wide": 1.4} if image else {"narrow": 0.5, "wide": 1.5}
    centre = fresh.mean(axis=(1, 2), keepdims=True) if image else fresh.mean(axis=0)
    changed = centre + factor[generator] * (fresh - centre)
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8) if image else changed


def _alter(kind: str, items: Array, train: Array, setting: Setting, rng: np.random.Generator) -> Array:
    if train.ndim > 2:
        return alter_images(kind, items, rng)
    spread = train.std(axis=0)
    spread[list(setting.categorical)] = 0
    altered = alter_rows(kind, items, spread, rng)
    if setting.decimals is None:
        return altered
    columns = [np.round(column, places) for column, places in zip(altered.T, setting.decimals, strict=True)]
    return np.stack(columns, axis=1)
