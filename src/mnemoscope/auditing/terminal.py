"""Audits as a table in the terminal."""

from collections.abc import Iterable

from rich.table import Table

from mnemoscope.auditing.measures import MeasureResult
from mnemoscope.auditing.result import AuditResult
from mnemoscope.pages import interval, percent

_PAIRS = 5


def rate_table(heading: str, rows: Iterable[tuple[str, MeasureResult, str]], last: str = "Rule") -> Table:
    """Rates, null and excess with their intervals, one row for each (label, result, remark)."""
    table = Table(heading, "Copies (95 %)", "Null (95 %)", "Excess (95 %)", last)
    for label, result, remark in rows:
        cells = (
            (result.rate.fraction, result.rate.interval),
            (result.null.fraction, result.null.interval),
            (result.excess, result.excess_interval),
        )
        table.add_row(label, *(f"{percent(value)}\n{interval(ends)}" for value, ends in cells), remark)
    return table


def pair_lines(report: AuditResult) -> list[str]:
    """The nearest of the flagged items, one line each, by name where they have one."""
    return [
        f"copy: generated {_shown(pair.generated_name, pair.generated)} of training "
        f"{_shown(pair.train_name, pair.train)} (distance {pair.distance:.3g}, d1/d2 {pair.ratio:.2f})"
        for pair in report.flagged[:_PAIRS]
    ]


def _shown(name: str | None, index: int) -> str:
    """A file's name may hold what a terminal would obey: it is shown as an escape."""
    return str(index) if name is None else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
