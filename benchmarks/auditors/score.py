"""From findings to rates: hits at one false-alarm rate for all, and the real size at each tool's own threshold.

Tools differ in where they put their thresholds, so none is compared at its own: each gets the threshold at which it
would accuse 1 % of what is honest *in the same setting*. With N honest values a value v is called where
(1 + #{honest values at least as accusing}) / (N + 1) ≤ 1 %; ties count against the tool, as they would for a user.
Scores of samples are compared with all honest samples, statistics of sets with the honest sets; these must be 99 at
least for 1 %, and with fewer the level is 1 / (N + 1).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from benchmarks.auditors.cases import HONEST, Spec
from benchmarks.auditors.tools import Finding
from mnemoscope.auditing import Rate, difference_interval

Array = np.ndarray

LEVEL = 0.01
OURS = "ours"


@dataclass(frozen=True)
class Outcome:
    """All findings in one case, and the seconds that each auditor took."""

    spec: Spec
    is_copy: Array
    findings: dict[str, Finding]
    seconds: dict[str, float] = field(default_factory=dict)


Told: TypeAlias = tuple[Outcome, Finding]


def called(honest: Array, values: Array, level: float) -> Array:
    """Which values are called copies; smaller = more accusing."""
    at_most = np.searchsorted(np.sort(honest), values, side="right")
    return (1 + at_most) / (len(honest) + 1) <= max(level, 1 / (len(honest) + 1)) * (1 + 1e-9)


def level_of_sets(outcomes: Iterable[Outcome]) -> float:
    """The false-alarm rate that the honest sets are enough for."""
    counts = defaultdict(int)
    for outcome in outcomes:
        counts[outcome.spec.setting] += outcome.spec.kind is None and outcome.spec.generator == HONEST
    return max(LEVEL, *(1 / (count + 1) for count in counts.values()))


def rows(outcomes: list[Outcome]) -> Iterator[dict[str, Any]]:
    """A row for each setting, reading and case: ``calls`` at the common false-alarm rate, ``own`` at the tool's own.

    Both are [count, total] or None. ``of`` says of what: samples or sets. Planted copies have a ``kind``: of samples,
    the copies in all shares are counted; of sets, those of one ``share``.
    """
    grouped: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        for reading in outcome.findings:
            grouped[outcome.spec.setting, reading].append(outcome)
    for (setting, reading), group in grouped.items():
        findings = [outcome.findings[reading] for outcome in group]
        refused = next((found.refused for found in findings if found.refused), None)
        for of, values in (("samples", _scores), ("sets", _statistics)):
            told = [(outcome, found) for outcome, found in zip(group, findings, strict=True) if _tells(found, of)]
            honest = [values(found) for outcome, found in told if _is_honest(outcome.spec)]
            reference = np.concatenate(honest) if honest and honest[0] is not None else None
            for key, part in _cases(told, of):
                spec = dict(zip(("generator", "kind", "share"), key, strict=True))
                counts = _counts(part, of, values, reference)
                yield {"setting": setting, "reading": reading, "of": of, **spec, **counts}
        if refused:
            n = sum(found.refused is not None for found in findings)
            yield {"setting": setting, "reading": reading, "of": "refusals", "cases": n, "why": refused}


def beaten(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where the best reading of another tool finds more than the best of ours, beyond chance (95 %)."""
    best: dict[tuple[Any, ...], dict[bool, dict[str, Any]]] = defaultdict(dict)
    for row in found:
        if row.get("kind") and row["calls"]:
            key, mine = (row["setting"], row["of"], row["kind"], row["share"]), row["reading"].startswith(OURS)
            if mine not in best[key] or row["calls"][0] > best[key][mine]["calls"][0]:
                best[key][mine] = row
    lost = []
    for sides in best.values():
        other, mine = sides.get(False), sides.get(True)
        if other is None:
            continue
        calls = mine["calls"] if mine else [0, other["calls"][1]]
        if difference_interval(Rate(*other["calls"]), Rate(*calls))[0] > 0:
            lost.append({**other, "ours": calls, "our_reading": mine["reading"] if mine else None})
    return lost


def _scores(finding: Finding) -> Array | None:
    return None if finding.scores is None else _finite(finding.scores)


def _statistics(finding: Finding) -> Array | None:
    return None if finding.statistic is None else _finite(np.array([-finding.statistic]))


def _finite(values: Array) -> Array:
    """What is no number accuses nobody."""
    return np.where(np.isnan(values), np.inf, values)


def _tells(finding: Finding, of: str) -> bool:
    per_sample = isinstance(finding.accuses, np.ndarray)
    if of == "samples":
        return finding.scores is not None or per_sample
    return finding.statistic is not None or isinstance(finding.accuses, bool)


def _is_honest(spec: Spec) -> bool:
    return spec.kind is None and spec.generator == HONEST


def _cases(told: list[Told], of: str) -> Iterator[tuple[tuple[Any, ...], list[Told]]]:
    parts = defaultdict(list)
    for outcome, finding in told:
        spec = outcome.spec
        share = spec.share if spec.kind is not None and of == "sets" else None
        parts[spec.generator, spec.kind, share].append((outcome, finding))
    yield from parts.items()


def _counts(
    part: list[Told], of: str, values: Callable[[Finding], Array | None], reference: Array | None
) -> dict[str, list[int] | None]:
    """Over the copies of a planted case, or over all samples of one without; or over its sets."""

    def kept(outcome: Outcome, flags: Array) -> Array:
        return flags[outcome.is_copy] if of == "samples" and outcome.spec.kind is not None else flags

    own = [
        kept(outcome, np.atleast_1d(finding.accuses))
        for outcome, finding in part
        if isinstance(finding.accuses, np.ndarray if of == "samples" else bool)
    ]
    calls = []
    # Honest cases are the reference itself: their rate is the level by construction.
    if reference is not None and not _is_honest(part[0][0].spec):
        calls = [kept(outcome, called(reference, values(finding), LEVEL)) for outcome, finding in part]
    return {"calls": _count(calls), "own": _count(own)}


def _count(flags: list[Array]) -> list[int] | None:
    if not flags:
        return None
    together = np.concatenate(flags)
    return [int(together.sum()), len(together)]
