"""What an auditor says of a case, and the auditors that need no other environment: ours, and the plain statistics."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import shift, zoom
from scipy.spatial.distance import cdist
from scipy.stats import binomtest

import mnemoscope
from benchmarks.auditors.cases import Case
from mnemoscope.auditing.copies import calibrated
from mnemoscope.errors import MnemoscopeError

Array = np.ndarray


@dataclass(frozen=True)
class Finding:
    """One reading of one auditor.

    Attributes:
        scores: for each sample, smaller = more copy-like; None where it has none.
        statistic: of the set, larger = more like memorizing; None where it has none.
        accuses: at the tool's own threshold, the set (bool) or each sample (array); None where it states no threshold.
        refused: why it says nothing.
    """

    scores: Array | None = None
    statistic: float | None = None
    accuses: bool | Array | None = None
    refused: str | None = None

    @classmethod
    def read(cls, answer: dict[str, Any]) -> "Finding":
        """From a worker's answer."""
        return cls(**{**answer, "scores": np.array(answer["scores"]) if "scores" in answer else None})


def numbers(case: Case) -> tuple[Array, Array, Array]:
    """Train, held-out items and samples as arrays in which distances mean something.

    Columns of a table in standard deviations of train, categories as unit vectors over √2; images as they are.
    """
    sets = (case.train, case.holdout, case.generated)
    if not case.is_table:
        return sets
    numerical = [i for i in range(case.train.shape[1]) if i not in case.categorical]
    mean, scale = case.train[:, numerical].mean(axis=0), case.train[:, numerical].std(axis=0)
    levels = {i: np.unique(np.concatenate([rows[:, i] for rows in sets])) for i in case.categorical}

    def encoded(rows: Array) -> Array:
        ones = [(rows[:, [i]] == levels[i]) / np.sqrt(2) for i in case.categorical]
        return np.ascontiguousarray(np.hstack([(rows[:, numerical] - mean) / scale, *ones]))

    return tuple(encoded(rows) for rows in sets)


def ours(case: Case) -> dict[str, Finding]:
    """The audit of this package, as it stands: the copy score, each axis of the verdict, and both together."""
    train, holdout, generated = numbers(case)
    try:
        report = mnemoscope.audit(generated, train, holdout=holdout)
    except MnemoscopeError as error:
        return {"ours": Finding(refused=str(error))}
    tests = report.judgement.tests
    drawn = report.closeness.p_drawn
    return {
        "ours: d1/d2, listed": Finding(_ratio(*report.nearest.distances.T), accuses=report.copies.listed),
        "ours: copies": Finding(statistic=-min(report.evidence[0].p_values.values()), accuses=report.memorizes),
        "ours: drawn": Finding(statistic=-drawn, accuses=bool(report.drawn)),
        "ours: either": Finding(statistic=-min(tests.values()), accuses=bool(report.memorizes or report.drawn)),
    }


def searched(case: Case) -> dict[str, Finding]:
    """The copy score of images over flips, shifts by a pixel and crops of train, blind to brightness and contrast."""
    if case.is_table:
        return {}
    variants = [_embedded(each) for each in _variants(case.train)]
    samples, held_out = (_nearest_two(_embedded(items), variants) for items in (case.generated, case.holdout))
    scores, null = (_ratio(*two.T) for two in (samples, held_out))
    copies = calibrated("searched", "held-out set", scores, null, np.random.default_rng(0))
    return {
        "ours: d1/d2, searched": Finding(scores, accuses=copies.listed),
        "ours: copies, searched": Finding(statistic=-copies.p, accuses=bool(copies.p <= 0.05)),
    }


def plain(case: Case) -> dict[str, Finding]:
    """The statistics that everybody computes, as they are usually written down."""
    train, holdout, generated = (rows.reshape(len(rows), -1).astype(float) for rows in numbers(case))
    to_train = _neighbours(generated, train)
    (first, second), to_holdout = to_train.T, _neighbours(generated, holdout)[:, 0]
    ratio, between = _ratio(first, second), _neighbours(holdout, train)[:, 0]
    share = float(np.mean(first < to_holdout) + np.mean(first == to_holdout) / 2)
    low, reference = (np.quantile(distances, 0.05) for distances in (first, between))
    significant = binomtest(round(share * len(first)), len(first), alternative="greater").pvalue <= 0.05
    return {
        "plain: distance ratio < 1/3": Finding(ratio, float(np.mean(ratio < 1 / 3)), ratio < 1 / 3),
        "plain: DCR, 5th percentile": Finding(first, float(reference - low), bool(low < reference)),
        "plain: DCR share": Finding((first + 1e-12) / (to_holdout + 1e-12), share, bool(significant)),
    }


NATIVE: dict[str, Callable[[Case], dict[str, Finding]]] = {"ours": ours, "ours, searched": searched, "plain": plain}


def _variants(images: Array) -> Iterator[Array]:
    yield images
    yield images[:, :, ::-1]
    for down, right in itertools.product((-1, 0, 1), repeat=2):
        if down or right:
            yield shift(images, (0, down, right), order=0)
    height, width = images.shape[1:]
    for margin in (1, 2):
        part = images[:, margin:-margin, margin:-margin].astype(float)
        yield zoom(part, (1, height / part.shape[1], width / part.shape[2]), order=1)


def _embedded(images: Array) -> Array:
    """Unit vectors that a·x + b leaves alone; an even image is zero."""
    flat = images.reshape(len(images), -1).astype(float)
    flat -= flat.mean(axis=1, keepdims=True)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)


def _nearest_two(items: Array, variants: list[Array]) -> Array:
    squares = np.min([2 - 2 * items @ each.T for each in variants], axis=0)
    return np.sqrt(np.sort(np.partition(np.maximum(squares, 1e-12), 1, axis=1)[:, :2], axis=1))


def _neighbours(items: Array, reference: Array) -> Array:
    """The two smallest distances of each item; not from the expanded square, which loses exact zeros."""
    return np.sort(np.partition(cdist(items, reference), 1, axis=1)[:, :2], axis=1)


def _ratio(first: Array, second: Array) -> Array:
    """d1/d2, with 0/0 = 0: an exact copy."""
    return np.divide(first, second, out=np.zeros(len(first)), where=first > 0)
