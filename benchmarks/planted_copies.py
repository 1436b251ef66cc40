"""Which planted copies are found by which setting of the audit, on Fashion-MNIST, at a measured rate of false alarms.

    python -m benchmarks planted_copies      (the tables of docs/measures.md go to standard error as they grow)

100 copies of each kind, 5 % of 2,000 samples, of Fashion-MNIST's 60,000 training images. The audit's own comparison
(its features, transformations, units of near-duplicates) gives each item a d1/d2. Half of the held-out images
calibrate: a copy is found where its conformal p-value is at most ``LEVEL``. The other half are honest samples, and what
is found of them is the rate of false alarms. ``LEVEL`` lies below the 1 % that this measured rate must not reach.
"""

import sys
import time

import numpy as np
from jaxtyping import Bool

from benchmarks.timing import FASHION, row
from mnemoscope.auditing.comparison import Comparison
from mnemoscope.auditing.copies import conformal_p_values
from mnemoscope.auditing.features import make_features
from mnemoscope.auditing.intervals import Rate
from mnemoscope.auditing.measures import DistanceRatio
from mnemoscope.auditing.planted import STANDARD_KINDS, planted
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.transformations import make_transformations
from mnemoscope.data import Dataset, load

KINDS = (*STANDARD_KINDS, "rotation:4", "inversion")
N_COPIES, N_HELD_OUT, LEVEL, PROMISED, ALLOWED = 100, 4000, 0.0075, 0.95, 0.01

SETTINGS = (
    ("pixels", ""),
    ("pca:96", ""),
    ("pca:96", "affine"),
    ("pca:96", "flips affine"),
    ("pca:96", "blurs:1 affine"),
    ("pca:96", "inversion affine"),
    ("pca:96", "rotations:5 affine"),
    ("pca:96", "shifts:1 affine"),
    ("pca:96", "crops:0.1 affine"),
)
"""Features and transformations. The first that finds a kind is the one that is named for it, and else the best."""


def found(
    setting: tuple[str, str], train: Dataset, first: np.ndarray, held_out: np.ndarray, copies: np.ndarray
) -> tuple[Bool[np.ndarray, " copies"], Rate]:
    """Which copies are found, and the rate of false alarms among the second half of the held-out items.

    Args:
        setting: features, and transformations by their names.
        train: the training set.
        first: for each training item the row of its first identical item.
        held_out: shape ``(items, *event)``; the first half calibrates.
        copies: shape ``(copies, *event)``.
    """
    features, words = setting
    comparison = Comparison(
        train,
        first,
        np.random.default_rng(0),
        space=make_features(features),
        transformation=make_transformations(words.split()),
    )
    items = Dataset(np.concatenate([held_out, copies]), "planted", train.value_range)
    scores = DistanceRatio().scores(comparison.search(items))
    half = len(held_out) // 2
    flags = conformal_p_values(scores[half:], scores[:half]) <= LEVEL
    honest = flags[: len(held_out) - half]
    return flags[len(honest) :], Rate(int(honest.sum()), len(honest))


def rows() -> list[dict[str, object]]:
    """For each kind the share found by the setting named for it, and that setting's rate of false alarms."""
    if not FASHION.is_dir():
        sys.exit(f"real Fashion-MNIST is not at {FASHION}: apt-get install dataset-fashion-mnist")
    train, test = load(FASHION / "train-images-idx3-ubyte.gz"), load(FASHION / "t10k-images-idx3-ubyte.gz").array
    rng = np.random.default_rng(0)
    originals = train.array[rng.choice(len(train), N_COPIES, replace=False)]
    copies = np.concatenate([planted(kind, originals, rng, (0.0, 255.0)) for kind in KINDS])
    first = Repeated(train.array).first
    _say("| setting |", " | ".join(f"`{kind}`" for kind in KINDS), "| false alarms |")
    _say("|---" * (len(KINDS) + 2) + "|")
    best: dict[str, tuple[Rate, str, Rate]] = {}
    for features, words in SETTINGS:
        start = time.perf_counter()
        searches = 1 + make_transformations(words.split()).n_variants(train.event_shape)
        held_out = test[:N_HELD_OUT]
        flags, alarms = found((features, words), train, first, held_out, copies)
        rates = [Rate(int(each.sum()), N_COPIES) for each in np.split(flags, len(KINDS))]
        shown = " + ".join(f"`{one}`" for one in (features, *words.split()))
        cells = " | ".join(f"{rate.fraction:.2f}".removeprefix("0") for rate in rates)
        _say(f"| {shown} ({searches}) | {cells} | {_percent(alarms)} | <!-- {time.perf_counter() - start:.0f} s -->")
        for kind, rate in zip(KINDS, rates, strict=True):
            if kind not in best or best[kind][0].fraction < min(PROMISED, rate.fraction):
                best[kind] = (rate, shown, alarms)
    _say("\n| kind | setting | found (95 % interval) | false alarms |\n|---|---|---|---|")
    for kind, (rate, shown, alarms) in best.items():
        _say(f"| `{kind}` | {shown} | {_percent(rate)} | {_percent(alarms)} |")
    return [
        line
        for kind, (rate, shown, alarms) in best.items()
        for line in (
            row(f"share found of {kind}, by {shown}", rate.fraction, PROMISED, rate.fraction >= PROMISED),
            row("    its false alarms", alarms.fraction, ALLOWED, alarms.fraction < ALLOWED),
        )
    ]


def _percent(rate: Rate) -> str:
    low, high = (100 * end for end in rate.interval)
    return f"{100 * rate.fraction:.3g} % ({low:.2g} to {high:.3g})"


def _say(*words: str) -> None:
    print(*words, file=sys.stderr, flush=True)
