"""Two checkpoints, or two models, against one training set: by how much do the axes differ?

Reports are compared as they were made, in Python or as ``report.json``. The differences are the second's value less the
first's: of the share of samples that are copies (listed, or identical to a training item), that are identical, and that
are nearer to train than to held-out items. Each has an interval at 95 %:

- independent samples: square-and-add (``intervals``), of Clopper–Pearson intervals;
- paired samples, the i-th of both from one noise: the same with the correlation r of the two indicators (Zou & Donner
  2008, as Newcombe's 1998 method 10 for paired data), 2 r (p₁ − l₁)(u₂ − p₂) less under the root, and McNemar's exact
  test on the samples in which the two differ.

Shared noise makes r large where two checkpoints send it to the same places, and the interval short.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest

from mnemoscope.auditing.intervals import Rate, difference_interval, paired_difference_interval
from mnemoscope.auditing.result import AuditResult
from mnemoscope.errors import InputError
from mnemoscope.pages import interval, percent
from mnemoscope.text import one_name

COPIES, IDENTICAL, NEARER = "copies", "identical", "nearer to train"

_SETTINGS = ("features", "transformations")
"""Where distances were taken: reports that differ in these tell two models apart only in part."""


@dataclass(frozen=True)
class Difference:
    """One share in the first and the second report.

    Attributes:
        what: the share.
        first: in the first report.
        second: in the second.
        interval: 95 %, of second − first.
        p: McNemar's exact test, two-sided; None where samples are not paired.
    """

    what: str
    first: float
    second: float
    interval: tuple[float, float]
    p: float | None

    @property
    def difference(self) -> float:
        """Second − first."""
        return self.second - self.first

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "first": self.first,
            "second": self.second,
            "difference": self.difference,
            "interval": list(self.interval),
            "p": self.p,
        }


@dataclass(frozen=True)
class ReportComparison:
    """A report beside another one.

    Attributes:
        names: what the generated sets are called.
        paired: whether the i-th samples of both share their noise.
        differences: of each share that both reports have.
        both: rows of the training items that both copied.
        first_only: those that the first copied alone.
        second_only: those that the second copied alone.
        notes: what could not be compared, and why.
    """

    names: tuple[str, str]
    paired: bool
    differences: tuple[Difference, ...]
    both: tuple[int, ...]
    first_only: tuple[int, ...]
    second_only: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What differs beyond chance, and which items were copied by both."""
        parts = [
            f"{each.what}: {percent(each.first)} → {percent(each.second)} (difference {percent(each.difference)}, 95 % "
            f"interval {interval(each.interval)})"
            for each in self.differences
        ]
        return "; ".join([*parts, self.copied])

    @property
    def copied(self) -> str:
        """How many training items were copied by both, and by one."""
        first, second = self.names
        return (
            f"training items copied by both: {len(self.both):,}, by {first} alone: {len(self.first_only):,}, by "
            f"{second} alone: {len(self.second_only):,}"
        )

    def __repr__(self) -> str:
        return f"ReportComparison({self.sentence})"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "names": list(self.names),
            "paired": self.paired,
            "differences": {each.what: each.to_dict() for each in self.differences},
            "copied": {
                "both": list(self.both),
                "first_only": list(self.first_only),
                "second_only": list(self.second_only),
            },
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class _Side:
    """What a comparison reads of a report: indicators, one a sample, and rows of training items that were copied."""

    name: str
    sets: dict[str, str]
    n: int
    settings: dict[str, Any]
    shares: dict[str, Float[np.ndarray, " samples"]]
    extracted: frozenset[int]


def compare(
    first: AuditResult | Mapping[str, Any], second: AuditResult | Mapping[str, Any], *, paired: bool = False
) -> ReportComparison:
    """Compare two audits of different samples against one training set.

    Args:
        first: a report, or the content of its ``report.json``.
        second: another one.
        paired: whether the i-th samples of both share their noise.

    Raises:
        InputError: reports on different training sets, a private report as JSON, something that is no report, or
            paired samples that are not equally many.
    """
    sides = [_from_result(each) if isinstance(each, AuditResult) else _from_json(each) for each in (first, second)]
    one, other = sides
    if one.sets["train"] != other.sets["train"]:
        raise InputError(
            f"{one.name} and {other.name} were audited against different training sets: compare like to like"
        )
    if paired and one.n != other.n:
        raise InputError(f"paired: {one.name} has {one.n} samples, {other.name} {other.n} samples")
    notes = []
    if one.sets.get("holdout") != other.sets.get("holdout"):
        notes.append("the held-out sets differ: closeness is not compared, and copies were listed by different nulls")
    elif NEARER not in one.shares:
        notes.append("closeness is not compared: it needs a held-out set")
    whats = [COPIES, IDENTICAL] if notes else [COPIES, IDENTICAL, NEARER]
    notes += [
        f"{setting} differ: {' and '.join(one_name(each.settings[setting] or 'none') for each in sides)}"
        for setting in _SETTINGS
        if one.settings[setting] != other.settings[setting]
    ]
    return ReportComparison(
        (one.name, other.name) if one.name != other.name else ("the first", "the second"),
        paired,
        tuple(_difference(what, one.shares[what], other.shares[what], paired) for what in whats),
        tuple(sorted(one.extracted & other.extracted)),
        tuple(sorted(one.extracted - other.extracted)),
        tuple(sorted(other.extracted - one.extracted)),
        tuple(notes),
    )


def _difference(
    what: str, first: Float[np.ndarray, " samples"], second: Float[np.ndarray, " others"], paired: bool
) -> Difference:
    shares = float(first.mean()), float(second.mean())
    if paired:
        only_first, only_second = int(np.sum(first > second)), int(np.sum(second > first))
        differ = only_first + only_second
        p = float(binomtest(only_first, differ).pvalue) if differ else 1.0
        return Difference(what, *shares, paired_difference_interval(second, first), p)
    # Votes that were shared in a tie are halves and thirds: the interval is that of the nearest whole count.
    rates = [Rate(round(float(values.sum())), len(values)) for values in (second, first)]
    return Difference(what, *shares, difference_interval(*rates), None)


def _from_result(result: AuditResult) -> _Side:
    shares = {
        COPIES: result.copied.astype(float),
        IDENTICAL: (result.nearest.distances[:, 0] == 0).astype(float),
    }
    if result.closeness is not None:
        shares[NEARER] = result.closeness.nearer_to_train
    sets = {part: data.fingerprint for part, data in result.sets.items()}
    extracted = frozenset(row for row, _ in result.extracted)
    settings = {setting: result.provenance[setting] for setting in _SETTINGS}
    return _Side(result.label("generated"), sets, result.generated.n_samples, settings, shares, extracted)


def _from_json(report: Mapping[str, Any]) -> _Side:
    """``flagged`` names every sample that is listed, identical or flagged by a rule."""
    try:
        if report["private"]:
            raise InputError("a private report holds no items to compare: compare the reports in Python")
        data, n = report["provenance"]["data"], report["n_generated"]
        flagged: Sequence[Mapping[str, Any]] = report["flagged"]
        rows = {
            COPIES: [pair["generated"] for pair in flagged if pair["listed"] or pair["distance"] == 0],
            IDENTICAL: [pair["generated"] for pair in flagged if pair["distance"] == 0],
        }
        shares = {what: _indicator(where, n) for what, where in rows.items()}
        if report["closeness"] is not None:
            shares[NEARER] = np.array(report["closeness"]["nearer_to_train"], dtype=float)
        extracted = frozenset(item["train"] for item in report["extracted"]["items"])
        sets = {part: each["fingerprint"] for part, each in data.items()}
        settings = {setting: report["provenance"][setting] for setting in _SETTINGS}
        return _Side(one_name(data["generated"]["name"]), sets, n, settings, shares, extracted)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"this is no report.json of an audit ({type(error).__name__}: {error})") from None


def _indicator(rows: list[int], n: int) -> Float[np.ndarray, " samples"]:
    values = np.zeros(n)
    values[rows] = 1
    return values
