"""The content of ``report.json``, as its schema ``report.schema.json`` has it."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np

from mnemoscope.auditing.evidence import Evidence
from mnemoscope.auditing.private import FEWEST, item_hashes, keyed
from mnemoscope.auditing.reports.axes import axes
from mnemoscope.auditing.result import AuditResult

SCHEMA = "mnemoscope.audit/2"
"""Name and version of what ``report.json`` holds."""


def report_schema() -> dict[str, Any]:
    """The JSON Schema of ``report.json``."""
    text = files("mnemoscope.auditing").joinpath("report.schema.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def payload(result: AuditResult) -> dict[str, Any]:
    """What a report holds for machines; of a private one only what may be shared."""
    copies, closeness = axes(result)
    first = result.evidence[0]
    return {
        "schema": SCHEMA,
        "verdict": result.verdict,
        "tone": result.tone,
        "memorizes": result.memorizes,
        "drawn": result.drawn,
        "private": result.private,
        "tests": result.judgement.tests,
        "meaning": {"copies": copies.meaning, "closeness": closeness.meaning},
        "settle": {"copies": list(copies.settle), "closeness": list(closeness.settle)},
        "n_generated": result.generated.n_samples,
        "n_train": result.train.n_samples,
        "n_holdout": None if result.holdout is None else result.holdout.n_samples,
        "intrinsic_dimension": result.intrinsic_dimension,
        "identical": result.identical.to_dict(),
        "copies": result.copies.to_dict(),
        "closeness": _closeness(result),
        "measures": _measures(first),
        "readings": [
            {"repeats": one.null.repeats, "identical": one.identical.to_dict(), "copies": one.copies.to_dict()}
            for one in result.evidence
            if one.null.repeats is not None
        ],
        "sight": result.sight.to_dict(),
        "statistics": {one.name: one.to_dict() for one in result.statistics},
        "duplicates": {"clusters": result.repeated.clusters, "items": result.repeated.items},
        "extracted": {
            "distinct": len(result.extracted),
            "items": _extracted(result),
            "classes": extracted_by_class(result),
            "groups": None if result.private else result.extracted_by_group,
        },
        "flagged": _flagged(result),
        "warnings": result.warnings,
        "limits": result.limits,
        "provenance": {**result.provenance, "data": _data(result)},
    }


def _closeness(result: AuditResult) -> dict[str, Any] | None:
    if result.closeness is None:
        return None
    votes = None if result.private else [round(float(vote), 6) for vote in result.closeness.nearer_to_train]
    return {**result.closeness.to_dict(), "nearer_to_train": votes}


def _measures(evidence: Evidence) -> dict[str, Any]:
    """By their own thresholds, and calibrated where that may be."""
    calibrated = {each.score: each.to_dict() for each in (evidence.copies, *evidence.further)}
    return {
        result.name: {**result.to_dict(), "calibrated": calibrated.get(result.name) if result.calibrates else None}
        for result in evidence.results
    }


def _extracted(result: AuditResult) -> list[dict[str, Any]]:
    items = result.extracted
    if result.key is None:
        return [{"train": row, "train_name": result.train.label_of(row), "count": count} for row, count in items]
    hashes = item_hashes(result.train.array[[row for row, _ in items]], result.key) if items else []
    hashed = sorted(zip((-count for _, count in items), hashes, strict=True))
    return [{"train": name, "count": -count} for count, name in hashed]


def extracted_by_class(result: AuditResult) -> dict[str, int | None] | None:
    """Of each class how many distinct training items were copied; a private report leaves out counts of one to nine."""
    counts = result.extracted_by_class
    if counts is None:
        return None
    return {name: None if result.private and 0 < count < FEWEST else count for name, count in counts.items()}


def _flagged(result: AuditResult) -> list[dict[str, Any]]:
    return flagged_hashes(result) if result.private else [pair._asdict() for pair in result.flagged]


def flagged_hashes(result: AuditResult) -> list[dict[str, Any]]:
    """What a private report says of flagged samples: hashes, of them and of their nearest training items."""
    if result.key is None:
        return []
    rows = np.flatnonzero(result.evidence[0].flagged)
    if not len(rows):
        return []
    generated = item_hashes(result.generated.array[rows], result.key)
    train = item_hashes(result.train.array[result.nearest.indices[rows]], result.key)
    # In the order of the hashes: that of the rows, or of the distances, would tell of both.
    return [{"generated": one, "train": other} for one, other in sorted(zip(generated, train, strict=True))]


def _data(result: AuditResult) -> dict[str, Any]:
    return {
        part: {
            "name": result.label(part),
            "fingerprint": data.fingerprint if result.key is None else keyed(data.fingerprint, result.key),
            "source": None if data.source is None else _source(result, data.source),
        }
        for part, data in result.sets.items()
    }


def _source(result: AuditResult, source: Mapping[str, Any]) -> dict[str, Any]:
    """As it is; a private report leaves out levels, which are contents, and counts of one to nine missing cells."""
    columns = source.get("columns")
    if columns is None or not result.private:
        return dict(source)
    shared = {
        name: {
            key: None if key == "missing" and 0 < value < FEWEST else value
            for key, value in column.items()
            if key != "levels"
        }
        for name, column in columns.items()
    }
    return {**source, "columns": shared}


def column_rows(result: AuditResult) -> list[tuple[str, str, str, str]]:
    """Of a table each column's name, kind, scale and how many of its cells are missing in the training set."""
    if result.train.source is None:
        return []
    columns = _source(result, result.train.source).get("columns", {})
    rows = []
    for name, column in columns.items():
        kind = column["kind"] if column["inferred"] else f"{column['kind']} (declared)"
        missing = column.get("missing", 0)
        rows.append((name, kind, column["scale"], f"under {FEWEST}" if missing is None else f"{missing:,}"))
    return rows
