"""Audits as a table in the terminal."""

from collections.abc import Iterable

from rich.table import Table

from mnemoscope.auditing.result import MeasureResult
from mnemoscope.pages import interval, percent


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
