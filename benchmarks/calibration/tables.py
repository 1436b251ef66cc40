"""What the repetitions show, counted, with Clopper–Pearson intervals, as a dictionary and as Markdown."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.calibration.laws import COPIES, HONEST, REPEATS
from benchmarks.calibration.simulate import NULLS, Line, Store
from mnemoscope.auditing.intervals import clopper_pearson

LEVEL = 0.05

Counts = dict[str, Any]

EVENTS: dict[str, Callable[[Line], bool]] = {
    "accused": lambda line: line["memorizes"] or bool(line["drawn"]),
    "memorizes": lambda line: line["memorizes"],
    "drawn": lambda line: bool(line["drawn"]),
    "copies": lambda line: line["p_copies"] <= LEVEL,
    "identical": lambda line: line["p_identical"] <= LEVEL,
    "permutation": lambda line: line["p_closeness"] <= LEVEL,
    "binomial": lambda line: line["p_binomial"] <= LEVEL,
    "above the truth": lambda line: line["share_lower"] > line["truth"],
    "clear": lambda line: line["tone"] == "clear",
    "no verdict": lambda line: line["tone"] == "unclear",
}
MEANS = ("truth", "share_lower", "found", "false_share", "listed_by_distance", "share", "seconds")
KINDS = {"honest": HONEST, "repeats": REPEATS, "copies": COPIES}

_COLUMNS = {
    "honest": ("accused", "copies", "above the truth", "permutation", "binomial", "no verdict"),
    "repeats": ("memorizes", "identical", "copies", "permutation", "binomial", "no verdict"),
    "copies": ("memorizes", "copies", "drawn", "above the truth"),
}
_MEANS = {
    "honest": ("false_share", "listed_by_distance"),
    "repeats": ("false_share",),
    "copies": ("truth", "share_lower", "found", "false_share"),
}
_HEADINGS = {
    "false_share": "false share of the list",
    "listed_by_distance": "listed by d1 alone",
    "truth": "copies",
    "share_lower": "lower bound",
    "found": "copies listed",
    "above the truth": "bound above the truth",
}


def summary(store: Store, repetitions: int | None = None) -> dict[str, dict[str, dict[str, Counts]]]:
    """For each kind, case and null how often what happened, and means."""
    found: dict[str, dict[str, dict[str, Counts]]] = {}
    for kind, cases in KINDS.items():
        found[kind] = {}
        for case in cases:
            lines = store.lines(case, repetitions)
            parts = {null: [line for line in lines if line["null"] == null] for null in NULLS}
            if lines:
                found[kind][case] = {null: _counted(part) for null, part in parts.items()}
    return found


def _counted(lines: Sequence[Line]) -> Counts:
    audited = [_with_shares(line) for line in lines if "refused" not in line]
    counts: Counts = {"repetitions": len(lines), "refused": len(lines) - len(audited), "events": {}, "means": {}}
    for name, event in EVENTS.items():
        try:
            counts["events"][name] = _rate([event(line) for line in audited])
        except KeyError:  # closeness is not tested without a held-out set
            continue
    for name in MEANS:
        values = [line[name] for line in audited if name in line]
        if values:
            error = float(np.std(values) / np.sqrt(len(values)))
            counts["means"][name] = {"mean": float(np.mean(values)), "standard_error": error}
    return counts


def _with_shares(line: Line) -> Line:
    """The share of the copies that is in the list, and of the list that is no copy, which is none of an empty one."""
    hits = line["listed"] - line["listed_falsely"]
    found = {"found": hits / line["copies"]} if line["copies"] else {}
    return line | found | {"false_share": line["listed_falsely"] / max(1, line["listed"])}


def _rate(happened: Sequence[bool]) -> Counts:
    count, total = int(np.sum(happened)), len(happened)
    if not total:
        raise KeyError
    return {"count": count, "total": total, "rate": count / total, "interval": list(clopper_pearson(count, total))}


def markdown(found: dict[str, dict[str, dict[str, Counts]]], kind: str) -> Iterator[str]:
    """One table, line by line: rates and their 95 % intervals in per cent."""
    events, means = _COLUMNS[kind], _MEANS[kind]
    heads = ["case", "null", "runs", *(_HEADINGS.get(name, name) for name in (*events, *means))]
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for case, nulls in found[kind].items():
        for null, counts in nulls.items():
            cells = [_shown(counts["events"].get(name)) for name in events]
            cells += [_mean(counts["means"].get(name)) for name in means]
            refused = f" ({counts['refused']} refused)" if counts["refused"] else ""
            yield f"| {case} | {null} | {counts['repetitions']}{refused} | {' | '.join(cells)} |"


def _shown(rate: Counts | None) -> str:
    if rate is None:
        return "–"
    low, high = rate["interval"]
    # A promise of 5 % that the interval excludes is set in bold.
    shown = f"{100 * rate['rate']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    return f"**{shown}**" if low > LEVEL else shown


def _mean(value: Counts | None) -> str:
    return "–" if value is None else f"{100 * value['mean']:.1f}"
