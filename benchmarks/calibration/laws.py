"""What is simulated: in each case a training set, a held-out set of the same law, and samples whose copies are known.

A law maps (size, generator) to items. Honest samples are fresh draws of it, or of something that knows no training
item: too narrow, too wide, blurred, one mode of ten. Of a dishonest generator the copies are marked.
"""

import io
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from PIL import Image
from sklearn.covariance import LedoitWolf

from mnemoscope.data import load_digits

Law = Callable[[int, np.random.Generator], np.ndarray]

N = 300
"""Training items, held-out items and samples, unless a case says otherwise."""

MANY = 1000
"""The same where power is measured: 1 % are ten copies."""


class Draw(NamedTuple):
    """One repetition: three sets, and which samples are copies."""

    train: np.ndarray
    holdout: np.ndarray
    samples: np.ndarray
    copies: np.ndarray


Case = Callable[[np.random.Generator], Draw]


def gaussian(n: int, rng: np.random.Generator, dim: int) -> np.ndarray:
    return rng.standard_normal((n, dim)).astype(np.float32)


def student(n: int, rng: np.random.Generator) -> np.ndarray:
    """t with three degrees of freedom in ten dimensions."""
    return (rng.standard_normal((n, 10)) / np.sqrt(rng.chisquare(3, (n, 1)) / 3)).astype(np.float32)


def clusters(
    n: int,
    rng: np.random.Generator,
    weights: np.ndarray | None = None,
    width: float | np.ndarray = 1.0,
    of: int = 10,
    dim: int = 10,
) -> np.ndarray:
    """Ten clusters in ten dimensions, with weights 1 to 10 and standard deviations from a tenth to one, times width."""
    sizes = np.arange(1, of + 1) / (of * (of + 1) / 2) if weights is None else weights
    which = rng.choice(of, n, p=sizes)
    noise = rng.standard_normal((n, dim)) * (width * np.geomspace(0.1, 1, of))[which, None]
    return (6 * np.eye(of, dim)[which] + noise).astype(np.float32)


def groups(n: int, rng: np.random.Generator, of: int = 4) -> np.ndarray:
    """Patients of whom there are four items each: ten dimensions, correlation .8 within a patient."""
    patients = np.repeat(rng.standard_normal((-(-n // of), 10)), of, axis=0)[:n]
    return (np.sqrt(0.8) * patients + np.sqrt(0.2) * rng.standard_normal((n, 10))).astype(np.float32)


def blurred(n: int, rng: np.random.Generator) -> np.ndarray:
    """Means of three fresh items."""
    return gaussian(3 * n, rng, 20).reshape(n, 3, 20).mean(axis=1)


def integers(n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.poisson(3.0, (n, 4)).astype(np.float32)


def rounded(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.round(rng.standard_normal((n, 2)), 1).astype(np.float32)


def categorical(n: int, rng: np.random.Generator) -> np.ndarray:
    """Six columns of two to seven values, one-hot."""
    columns = [
        np.eye(size)[rng.choice(size, n, p=np.arange(1, size + 1) / (size * (size + 1) / 2))] for size in range(2, 8)
    ]
    return np.concatenate(columns, axis=1).astype(np.float32)


def blank_frames(n: int, rng: np.random.Generator) -> np.ndarray:
    """Pictures of 8 × 8 of which 1 % are blank."""
    pictures = rng.standard_normal((n, 8, 8)) @ np.diag(np.linspace(0.2, 2, 8))
    pictures[rng.random(n) < 0.01] = 0
    return pictures.astype(np.float32)


@cache
def _digits() -> np.ndarray:
    return np.asarray(load_digits().array, dtype=np.float32)


def digits_again(n: int, rng: np.random.Generator) -> np.ndarray:
    """Digits drawn with replacement from a pool of 600, the same for all sets of a repetition."""
    return _digits()[:600][rng.integers(600, size=n)]


def jpeg(pictures: np.ndarray, quality: int = 75) -> np.ndarray:
    """Digits after compression, on their own scale of 0 to 16; enlarged, since JPEG works on 8 × 8 blocks."""
    back = []
    for picture in pictures.reshape(-1, 8, 8):
        large = Image.fromarray(np.uint8(np.clip(picture * 15, 0, 255))).resize((32, 32), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        large.save(buffer, "jpeg", quality=quality)
        back.append(np.asarray(Image.open(buffer).resize((8, 8), Image.Resampling.BOX), dtype=np.float32) / 15)
    return np.stack(back).reshape(pictures.shape)


def honest(
    rng: np.random.Generator, law: Law, samples: Law | None = None, n: int = N, m: int = N, size: int = N
) -> Draw:
    """Train and held-out items of one law, and samples that know neither."""
    return Draw(law(n, rng), law(m, rng), (samples or law)(size, rng), np.zeros(size, dtype=bool))


def planted(
    rng: np.random.Generator, law: Law, share: float, noise: float = 0.0, n: int = N, training: Law | None = None
) -> Draw:
    """A share of the samples are training items, plus noise; the others are honest."""
    train, samples = (training or law)(n, rng), law(n, rng)
    copies = np.arange(n) < round(share * n)
    chosen = train[rng.integers(n, size=int(copies.sum()))]
    samples[copies] = chosen + noise * rng.standard_normal(chosen.shape)
    return Draw(train, law(n, rng), samples, copies)


def fitted(rng: np.random.Generator, dim: int, shrunk: bool) -> Draw:
    """A Gaussian fitted to the training items: maximum likelihood, or with a shrunk covariance."""
    train = gaussian(N, rng, dim)
    covariance = LedoitWolf().fit(train).covariance_ if shrunk else np.cov(train.T, bias=True)
    samples = rng.multivariate_normal(train.mean(axis=0), covariance, N).astype(np.float32)
    return Draw(train, gaussian(N, rng, dim), samples, np.zeros(N, dtype=bool))


def split_digits(rng: np.random.Generator) -> Draw:
    """Real digits in three parts."""
    parts = _digits()[rng.permutation(1797)[: 3 * N]].reshape(3, N, 8, 8)
    return Draw(*parts, np.zeros(N, dtype=bool))


def digits_and_versions(rng: np.random.Generator, share: float) -> Draw:
    """Every training digit twice, as it is and after JPEG; held-out digits and samples once."""
    parts = _digits()[rng.permutation(1797)[: 5 * N // 2]]
    train, holdout, samples = np.split(parts, [N // 2, N // 2 + N])
    train = np.concatenate([train, jpeg(train)])
    copies = np.arange(N) < round(share * N)
    samples = samples.copy()
    samples[copies] = train[rng.integers(N, size=int(copies.sum()))]
    return Draw(train, holdout, samples, copies)


def and_noisy_versions(n: int, rng: np.random.Generator, dim: int = 20) -> np.ndarray:
    """Items and a version of each with noise of .02."""
    items = gaussian(n // 2, rng, dim)
    return np.concatenate([items, items + 0.02 * gaussian(n // 2, rng, dim)])


def _gaussian(dim: int) -> Law:
    return partial(gaussian, dim=dim)


def _scaled(scale: float, dim: int) -> Law:
    return lambda n, rng: scale * gaussian(n, rng, dim)


_ONE_MODE = np.eye(10)[4]
_EQUAL = 1 / np.geomspace(0.1, 1, 10)

HONEST: dict[str, Case] = {
    **{f"Gaussian, d = {dim}": partial(honest, law=_gaussian(dim)) for dim in (1, 2, 5, 20, 100)},
    "Student t₃, d = 10": partial(honest, law=student),
    "ten clusters, d = 10": partial(honest, law=clusters),
    "1/2 as many train as held out, d = 5": partial(honest, law=_gaussian(5), n=N // 2),
    "1/2 as many held out as train, d = 5": partial(honest, law=_gaussian(5), m=N // 2),
    "groups of four, d = 10": partial(honest, law=groups),
    "digits": split_digits,
    "too narrow (1/2), d = 20": partial(honest, law=_gaussian(20), samples=_scaled(0.5, 20)),
    "too wide (2), d = 10": partial(honest, law=_gaussian(10), samples=_scaled(2.0, 10)),
    "blurred (means of three), d = 20": partial(honest, law=_gaussian(20), samples=blurred),
    "too narrow in each cluster (1/2), d = 10": partial(honest, law=clusters, samples=partial(clusters, width=0.5)),
    "too narrow in each of three clusters (.4), d = 5": partial(
        honest, law=partial(clusters, of=3, dim=5), samples=partial(clusters, of=3, dim=5, width=0.4)
    ),
    "too narrow by .3 to 1 in each of ten equal clusters": partial(
        honest, law=partial(clusters, width=_EQUAL), samples=partial(clusters, width=_EQUAL * np.linspace(0.3, 1, 10))
    ),
    "one mode of ten, d = 10": partial(honest, law=clusters, samples=partial(clusters, weights=_ONE_MODE)),
    "fitted Gaussian, shrunk, d = 20": partial(fitted, dim=20, shrunk=True),
    "fitted Gaussian, maximum likelihood, d = 20": partial(fitted, dim=20, shrunk=False),
}
"""Generators that copy nothing, in continuous data without near-duplicates."""

REPEATS: dict[str, Case] = {
    "integers, d = 4": partial(honest, law=integers),
    "rounded to .1, d = 2": partial(honest, law=rounded),
    "six categorical columns": partial(honest, law=categorical),
    "1 % blank frames": partial(honest, law=blank_frames),
    "digits with replacement from 600": partial(honest, law=digits_again),
    "items and noisy versions, held out too": partial(honest, law=and_noisy_versions, samples=_gaussian(20)),
    "items and noisy versions, in train alone": partial(
        planted, law=_gaussian(20), training=and_noisy_versions, share=0
    ),
    "digits and JPEG versions, in train alone": partial(digits_and_versions, share=0),
}
"""Honest generators where the training set repeats itself, by law or by hand."""

COPIES: dict[str, Case] = {
    **{
        f"{share:.0%} exact copies, d = {dim}": partial(planted, law=_gaussian(dim), share=share, n=MANY)
        for dim in (2, 20)
        for share in (0.01, 0.02, 0.05)
    },
    **{
        f"{share:.0%} copies with noise of .2, d = 20": partial(
            planted, law=_gaussian(20), share=share, noise=0.2, n=MANY
        )
        for share in (0.01, 0.02, 0.05)
    },
    "5% copies with noise of .5, d = 100": partial(planted, law=_gaussian(100), share=0.05, noise=0.5, n=MANY),
    **{
        f"smoothed copier, noise of {noise:g}, d = 24": partial(
            planted, law=_gaussian(24), share=1, noise=noise, n=MANY
        )
        for noise in (0.5, 0.7, 1.0)
    },
    "2% exact copies, ten clusters": partial(planted, law=clusters, share=0.02, n=MANY),
    "smoothed copier, noise of 0.5, ten equal clusters": partial(
        planted, law=partial(clusters, width=_EQUAL), share=1, noise=0.5, n=MANY
    ),
    "half are copies, items and noisy versions": partial(
        planted, law=_gaussian(20), training=and_noisy_versions, share=0.5
    ),
    "half are copies, digits and JPEG versions": partial(digits_and_versions, share=0.5),
}
"""Generators that copy."""

CASES = {**HONEST, **REPEATS, **COPIES}
