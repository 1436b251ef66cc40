"""What an auditor says of a case, and the auditors that need no other environment: ours, and the plain statistics."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import binomtest

import mnemoscope
from benchmarks.auditors.cases import Case
from mnemoscope.auditing.copies import calibrated
from mnemoscope.auditing.transformations import make_transformations
from mnemoscope.errors import MnemoscopeError

Array = np.ndarray

TRANSFORMATIONS = ("flips", "shifts:1", "crops:0.1", "affine")
"""What is searched in images."""
_LEVEL = 0.05


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
    """The audit of this package as it stands: the copy score, each axis of the verdict, and both together."""
    train, holdout, generated = numbers(case)
    try:
        report = mnemoscope.audit(generated, train, holdout=holdout)
    except MnemoscopeError as error:
        return {"ours": Finding(refused=str(error))}
    copies, drawn = report.evidence[0].p_values, report.closeness.p_drawn
    either = min(report.judgement.tests.values())
    return {
        "ours: d1/d2, listed": Finding(_ratio(*report.nearest.distances.T), accuses=report.copies.listed),
        "ours: copies": Finding(statistic=-min(copies.values()), accuses=report.memorizes),
        "ours: drawn": Finding(statistic=-drawn, accuses=bool(report.drawn)),
        "ours: either": Finding(statistic=-either, accuses=bool(report.memorizes or report.drawn)),
    }


def searched(case: Case) -> dict[str, Finding]:
    """The calibrated copy score of images under ``TRANSFORMATIONS``: the search alone, not the whole audit."""
    if case.is_table:
        return {}
    transformation = make_transformations(TRANSFORMATIONS)
    items = transformation.embed(np.concatenate([case.generated, case.holdout]))
    variants = (transformation.embed(each) for each in (case.train, *transformation.variants(case.train)))
    distances = reduce(np.minimum, (_distances(items, each) for each in variants))
    scores = _ratio(*np.sort(np.partition(distances, 1, axis=1)[:, :2], axis=1).T)
    scores, null = scores[: len(case.generated)], scores[len(case.generated) :]
    copies = calibrated("distance ratio", "held-out set", scores, null, np.random.default_rng(0))
    return {
        "ours, searched: d1/d2, listed": Finding(scores, accuses=copies.listed),
        "ours, searched: copies": Finding(statistic=-copies.p, accuses=bool(copies.p <= _LEVEL)),
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


def _distances(items: Array, others: Array) -> Array:
    """From the expanded square: near zero it is good to a thousandth of the norms, which a copy score does not mind."""
    x, y = (each.reshape(len(each), -1).astype(np.float32) for each in (items, others))
    squares = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1) - 2 * x @ y.T
    return np.sqrt(np.maximum(squares, 0))


def _neighbours(items: Array, reference: Array) -> Array:
    """The two smallest distances of each item; not from the expanded square, which loses exact zeros."""
    return np.sort(np.partition(cdist(items, reference), 1, axis=1)[:, :2], axis=1)


def _ratio(first: Array, second: Array) -> Array:
    """d1/d2, with 0/0 = 0: an exact copy."""
    return np.divide(first, second, out=np.zeros(len(first)), where=first > 0)
