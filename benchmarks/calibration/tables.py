"""What the repetitions show, counted, with Clopper–Pearson intervals."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.calibration.laws import COPIES, HONEST, REPEATS
from benchmarks.calibration.simulate import NULLS, Line, Store
from mnemoscope.auditing.intervals import clopper_pearson

LEVEL_OF_TESTS = 0.05

Event = Callable[[Line], bool]

_EVENTS: dict[str, Event] = {
    "accused": lambda line: line["memorizes"] or bool(line["drawn"]),
    "memorizes": lambda line: line["memorizes"],
    "copies test": lambda line: line["p_copies"] <= LEVEL_OF_TESTS,
    "identical test": lambda line: line["p_identical"] <= LEVEL_OF_TESTS,
    "drawn test": lambda line: max(line.get("p_closeness", 1), line.get("p_reference", 1)) <= LEVEL_OF_TESTS,
    "permutation": lambda line: line.get("p_closeness", 1) <= LEVEL_OF_TESTS,
    "binomial": lambda line: line.get("p_binomial", 1) <= LEVEL_OF_TESTS,
    "any listed": lambda line: line["listed"] > 0,
    "bound above truth": lambda line: line["share_lower"] > line["truth"],
    "clear": lambda line: line["tone"] == "clear",
    "no verdict": lambda line: line["tone"] == "unclear",
}


def summary(store: Store, repetitions: int | None = None) -> dict[str, Any]:
    """For each case and null the events' counts and the means."""
    found: dict[str, Any] = {}
    for kind, cases in {"honest": HONEST, "repeats": REPEATS, "copies": COPIES}.items():
        found[kind] = {}
        for case in cases:
            lines = store.lines(case, repetitions)
            nulls = {null: [line for line in lines if line["null"] == null] for null in NULLS}
            found[kind][case] = {null: _counted(part) for null, part in nulls.items() if part}
    return found


def _counted(lines: Sequence[Line]) -> dict[str, Any]:
    audited = [line for line in lines if "refused" not in line]
    if not audited:
        return {"repetitions": len(lines), "refused": len(lines)}
    listed, falsely = (np.array([line[name] for line in audited]) for name in ("listed", "listed_falsely"))
    return {
        "repetitions": len(lines),
        "refused": len(lines) - len(audited),
        "events": {name: _rate([event(line) for line in audited]) for name, event in _EVENTS.items()},
        "false discoveries": float(np.mean(falsely / np.maximum(listed, 1))),
        "false discoveries sd": float(np.std(falsely / np.maximum(listed, 1)) / np.sqrt(len(audited))),
        "listed copies": _mean(line["listed"] - line["listed_falsely"] for line in audited),
        "share_lower": _mean(line["share_lower"] for line in audited),
        "truth": _mean(line["truth"] for line in audited),
        "listed by distance": _mean(line["listed_by_distance"] for line in audited),
        "share": _mean(line["share"] for line in audited) if "share" in audited[0] else None,
        "reference": _mean(line["reference"] for line in audited) if "share" in audited[0] else None,
        "seconds": _mean(line["seconds"] for line in audited),
    }


def _mean(values: Any) -> float:
    return float(np.mean(list(values)))


def _rate(happened: Sequence[bool]) -> dict[str, Any]:
    count, total = int(np.sum(happened)), len(happened)
    return {"count": count, "total": total, "rate": count / total, "interval": list(clopper_pearson(count, total))}
