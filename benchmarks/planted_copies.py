"""Which planted copies are found under which transformation, on Fashion-MNIST in pixels.

    python -m benchmarks planted_copies      (the table that docs/measures.md shows goes to standard error as it grows)

100 copies of each kind among 60,000 training images; 3,000 held-out images calibrate. A copy is found where its d1/d2
is at most the 1 % quantile of the held-out scores through the same search: p ≤ .01, as conformal p-values go.
"""

import sys

import numpy as np

from benchmarks.timing import FASHION, row
from mnemoscope.auditing.planted import STANDARD_KINDS, planted
from mnemoscope.auditing.transformations import Transformation, make_transformations
from mnemoscope.data import load
from mnemoscope.neighbours import nearest_neighbours

KINDS = (*STANDARD_KINDS, "rotation:4", "inversion")
N_COPIES, N_HELD_OUT, LEVEL, PROMISED = 100, 3000, 0.01, 0.95
SETTINGS = (
    "",
    "flips",
    "affine",
    "smoothing:2",
    "smoothing:2 affine",
    "blurs:1",
    "inversion",
    "rotations:5",
    "shifts:1",
    "crops:0.1",
)


def two_nearest(queries: np.ndarray, train: np.ndarray, transformation: Transformation) -> np.ndarray:
    """d1 and d2 to two training items, each at its smallest distance over the variants; shape ``(queries, 2)``."""
    embedded = transformation.embed(queries)
    distances, indices = np.empty((len(queries), 0)), np.empty((len(queries), 0), np.int64)
    for items in (train, *transformation.variants(train)):
        found = nearest_neighbours(embedded, transformation.embed(items), 2)
        distances = np.concatenate([distances, found.distances], axis=1)
        indices = np.concatenate([indices, found.indices], axis=1)
        order = np.argsort(distances, axis=1, kind="stable")
        distances, indices = (np.take_along_axis(one, order, 1) for one in (distances, indices))
        kept = np.stack([np.zeros(len(queries), np.int64), (indices != indices[:, :1]).argmax(axis=1)], axis=1)
        distances, indices = (np.take_along_axis(one, kept, 1) for one in (distances, indices))
    return distances


def hit_rates(words: str, train: np.ndarray, held_out: np.ndarray, copies: dict[str, np.ndarray]) -> dict[str, float]:
    """Of each kind the share of copies with p ≤ ``LEVEL``."""
    nearest = two_nearest(np.concatenate([held_out, *copies.values()]), train, make_transformations(words.split()))
    scores = np.where(nearest[:, 0] == 0, 0, nearest[:, 0] / np.maximum(nearest[:, 1], np.finfo(float).tiny))
    calibration = np.sort(scores[: len(held_out)])
    p_values = (1 + np.searchsorted(calibration, scores[len(held_out) :], side="right")) / (len(held_out) + 1)
    return dict(zip(copies, (p_values.reshape(len(copies), -1) <= LEVEL).mean(axis=1).tolist(), strict=True))


def rows() -> list[dict[str, object]]:
    """For each kind the best setting."""
    if not FASHION.is_dir():
        sys.exit(f"real Fashion-MNIST is not at {FASHION}: apt-get install dataset-fashion-mnist")
    train = load(FASHION / "train-images-idx3-ubyte.gz").array
    held_out = load(FASHION / "t10k-images-idx3-ubyte.gz").array[:N_HELD_OUT]
    rng = np.random.default_rng(0)
    originals = train[rng.choice(len(train), N_COPIES, replace=False)]
    copies = {kind: planted(kind, originals, rng, (0.0, 255.0)) for kind in KINDS}
    print("| searched |", " | ".join(f"`{kind}`" for kind in KINDS), "|", file=sys.stderr)
    print("|---" * (len(KINDS) + 1) + "|", file=sys.stderr)
    best = dict.fromkeys(KINDS, (-1.0, ""))
    for words in SETTINGS:
        rates = hit_rates(words, train, held_out, copies)
        shown = " + ".join(f"`{one}`" for one in words.split()) or "nothing"
        searches = 1 + make_transformations(words.split()).n_variants(train.shape[1:])
        line = " | ".join(f"{rate:.2f}".removeprefix("0") for rate in rates.values())
        print(f"| {shown} ({searches}) | {line} |", file=sys.stderr, flush=True)
        best = {kind: max(best[kind], (rate, shown), key=lambda one: one[0]) for kind, rate in rates.items()}
    return [
        row(f"share found of {kind}, searching {words}", rate, PROMISED, rate >= PROMISED)
        for kind, (rate, words) in best.items()
    ]
