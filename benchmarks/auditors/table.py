"""The tables, for machines (``summarize``) and for people (``render``)."""

import os
import platform
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from benchmarks.auditors.cases import HONEST, SETTINGS, SHARES, shares_of
from benchmarks.auditors.run import Repetitions
from benchmarks.auditors.score import OURS, Outcome, beaten, level_of_sets, rows
from benchmarks.auditors.tools import TRANSFORMATIONS
from mnemoscope.auditing import Rate

Rows = list[dict[str, Any]]
_OVERVIEW_SHARE = 0.05
_MINE = ("mnemoscope", "numpy", "scipy")

_HEAD = """# The test of the tests: planted cases through every auditor

`python -m benchmarks auditors`: {size} training items, {size} held-out items and {size} samples a case; {honest} honest
cases, {wrong} of each wrong generator and {planted} of each planted kind and share in each setting; {cases} cases in
{minutes:.0f} minutes on {jobs} processes, {cpu:.0f} of CPU time ({machine}). Versions: {versions}. {missing}

**How to read it.** Tools put their thresholds where they like, so hits are compared at one false-alarm rate: each
reading gets the threshold at which it would accuse 1 % of what is honest *in the same setting* ({level:.2g} for sets:
none of the honest sets passes it). *Samples*: the share of the planted copies that the reading's score picks out, in
all shares together. *Sets*: how often the whole set is called memorizing when 1, 2, 5 and 20 % of its samples are
copies. The best of a column is bold. *Real size*: how often honest samples or sets are accused at the tool's own
threshold, with the 95 % interval. A dash: the tool has no such reading, or states no threshold.

*Ours, searched*: the calibrated copy score under {transformations}, without the rest of the audit.
Tools that read tables get images as the means of blocks of 4 × 4 pixels. `mostlyai-qa` is its own encoding and
distances, called without the report around them; its only threshold is in words ("should not be significantly larger
than 50 %"), read here as a one-sided binomial test at 5 %. `sdmetrics`: accused is a score below 1, the only value that
it calls not overfitted; images only by a subsample of 100 rows, since all rows take seconds; its NewRowSynthesis is
left out (half a minute a case). `dataxid-syntheval`: the thresholds of its sentences. `anonymeter`: a risk above 0 with
its 95 % interval; tables only. `syntheval` states no thresholds. Of each tool that has many readings the best one was
chosen after the fact, which flatters it.
"""


def summarize(
    outcomes: list[Outcome],
    repetitions: Repetitions,
    size: int,
    versions: dict[str, str | None],
    effort: dict[str, float],
) -> dict[str, Any]:
    """All that ``render`` needs, as JSON holds it."""
    found = list(rows(outcomes))
    spent: dict[str, list[float]] = defaultdict(list)
    for outcome in outcomes:
        for tool, taken in outcome.seconds.items():
            spent[tool].append(taken)
    return {
        "size": size,
        "repetitions": asdict(repetitions),
        "cases": len(outcomes),
        "level_of_sets": level_of_sets(outcomes),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _MINE}, **versions},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, no GPU",
        **effort,
        "seconds_a_case": {tool: sum(taken) / len(taken) for tool, taken in spent.items()},
        "rows": found,
        "beaten": beaten(found),
    }


def render(summary: dict[str, Any]) -> str:
    """The page."""
    found, versions = summary["rows"], summary["versions"]
    absent = [f"{tool}: not installed." for tool, it in versions.items() if it is None]
    told = ", ".join(f"{name} {it}" for name, it in versions.items() if it is not None)
    head = _HEAD.format(
        **summary["repetitions"],
        size=summary["size"],
        cases=summary["cases"],
        minutes=summary["seconds"] / 60,
        jobs=summary["jobs"],
        transformations=", ".join(TRANSFORMATIONS),
        cpu=summary["cpu_seconds"] / 60,
        machine=summary["machine"],
        versions=told,
        missing=" ".join(absent),
        level=summary["level_of_sets"],
    )
    parts = [head, _overview(found), _lost(summary["beaten"])]
    for name, setting in SETTINGS.items():
        here = [row for row in found if row["setting"] == name]
        if here:
            parts += [f"## {name}: {setting.words}\n", _hits(here, "samples", setting.kinds)]
            parts += [_hits(here, "sets", setting.kinds), _refusals(here)]
    parts += ["## Honest cases: the real size at the tool's own threshold\n", _sizes(found), _wrong(found)]
    spent = [[tool, f"{seconds:.2f}"] for tool, seconds in summary["seconds_a_case"].items()]
    parts += ["## Seconds a case\n", _table(["auditor", "s"], spent)]
    return "\n".join(part for part in parts if part)


def _overview(found: Rows) -> str:
    """Tools × settings: the mean over all planted kinds, of each tool's best reading."""
    hits: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        if row.get("kind") and row["calls"] and row["share"] in (None, _OVERVIEW_SHARE):
            hits[row["reading"].split(":")[0], row["setting"], row["of"]][row["reading"]].append(
                _fraction(row["calls"])
            )

    def cell(tool: str, setting: str, of: str) -> str:
        readings = hits.get((tool, setting, of), {}).values()
        return _short(max(sum(each) / len(each) for each in readings)) if readings else "–"

    settings = [name for name in SETTINGS if any(key[1] == name for key in hits)]
    lines = [
        [tool, *(f"{cell(tool, each, 'samples')} / {cell(tool, each, 'sets')}" for each in settings)]
        for tool in dict.fromkeys(key[0] for key in hits)
    ]
    note = "Copies found / sets of 5 % copies called: mean over the planted kinds, by the best reading of each tool."
    return f"## In short\n\n{note}\n\n{_table(['', *settings], lines)}"


def _lost(lost: Rows) -> str:
    head = "## Where another tool finds more than ours, beyond chance\n\nThe best of all readings on either side.\n"
    if not lost:
        return head + "Nowhere in this table.\n"
    lines = [
        [
            row["setting"],
            row["of"],
            row["kind"] + ("" if row["share"] is None else f", {100 * row['share']:g} %"),
            f"{row['reading']}: {_share(row['calls'])}",
            f"{row['our_reading'] or OURS}: {_share(row['ours'])}",
        ]
        for row in lost
    ]
    return f"{head}\n{_table(['setting', 'of', 'planted', 'best of the others', 'best of ours'], lines)}"


def _hits(here: Rows, of: str, kinds: Iterable[str]) -> str:
    """Readings × kinds; of sets, a cell has the shares in turn."""
    planted = {
        (row["reading"], row["kind"], row["share"]): row["calls"]
        for row in here
        if row["of"] == of and row.get("kind") and row["calls"] is not None
    }
    readings = list(dict.fromkeys(reading for reading, _, _ in planted))
    if not readings:
        return ""
    columns = [(kind, [None] if of == "samples" else list(shares_of(kind))) for kind in kinds]
    best = {
        (kind, share): max((_fraction(planted.get((reading, kind, share))) for reading in readings), default=0)
        for kind, shares in columns
        for share in shares
    }

    def cell(reading: str, kind: str, share: float | None) -> str:
        calls = planted.get((reading, kind, share))
        text = "–" if calls is None else _share(calls)
        return f"**{text}**" if calls and _fraction(calls) == best[kind, share] > 0 else text

    def line(reading: str) -> list[str]:
        return [reading, *(" ".join(cell(reading, kind, share) for share in shares) for kind, shares in columns)]

    title = "samples" if of == "samples" else f"sets: {', '.join(f'{100 * share:g}' for share in SHARES)} % copies"
    return _table([title, *(kind for kind, _ in columns)], [line(reading) for reading in readings])


def _sizes(found: Rows) -> str:
    """Readings with a threshold of their own × settings."""

    def cell(row: dict[str, Any]) -> str:
        rate = Rate(*row["own"])
        return "{} [{}, {}]".format(_share(row["own"]), *(_short(end) for end in rate.interval))

    honest = [row for row in found if row.get("own") and not row["kind"] and row["generator"] == HONEST]
    return _crossed(honest, lambda row: row["setting"], cell)


def _wrong(found: Rows) -> str:
    """Readings × generators that are wrong and know no training item: accused at 1 %, and at the own threshold."""

    def cell(row: dict[str, Any]) -> str:
        return " / ".join("–" if row[which] is None else _share(row[which]) for which in ("calls", "own"))

    wrong = [row for row in found if row.get("generator", HONEST) != HONEST]
    title = "## Generators that are wrong but know no training item"
    note = "Accused at the threshold of 1 % / at its own."
    return f"{title}\n\n{note}\n\n" + _crossed(wrong, lambda row: f"{row['setting']}, {row['generator']}", cell)


def _crossed(found: Rows, column: Callable[[dict[str, Any]], str], cell: Callable[[dict[str, Any]], str]) -> str:
    cells = {(row["reading"], row["of"], column(row)): cell(row) for row in found}
    columns = list(dict.fromkeys(key[2] for key in cells))
    lines = [
        [f"{reading} ({of})", *(cells.get((reading, of, each), "–") for each in columns)]
        for reading, of in dict.fromkeys(key[:2] for key in cells)
    ]
    return _table(["reading", *columns], lines)


def _refusals(here: Rows) -> str:
    told = [row for row in here if row["of"] == "refusals"]
    return "".join(f"- {row['reading']}: says nothing in {row['cases']} cases ({row['why']})\n" for row in told)


def _table(head: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] * len(head)
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines]) + "\n"


def _fraction(calls: list[int] | None) -> float:
    return -1.0 if calls is None else calls[0] / calls[1]


def _share(calls: list[int]) -> str:
    return _short(_fraction(calls))


def _short(value: float) -> str:
    text = f"{value:.2f}" if value >= 0.095 or value == 0 else f"{value:.3f}"
    return {"0.00": "0", "1.00": "1"}.get(text, text.removeprefix("0"))
