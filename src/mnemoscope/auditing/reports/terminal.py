"""Audits as tables in the terminal: the two axes first. Whoever prints them takes no text for markup."""

from collections.abc import Iterable

from rich.table import Table

from mnemoscope.auditing.compare import ReportComparison
from mnemoscope.auditing.measures import MeasureResult
from mnemoscope.auditing.private import FEWEST
from mnemoscope.auditing.reports.axes import axes
from mnemoscope.auditing.reports.record import column_rows, extracted_by_class
from mnemoscope.auditing.result import AuditResult
from mnemoscope.pages import interval, percent
from mnemoscope.text import one_name

_PAIRS = 5
_MOST_GROUPS = 10
_MOST_COLUMNS = 30


def axis_table(result: AuditResult) -> Table:
    """Both axes with their numbers, one below the other."""
    table = Table("Axis", "Answer", "Numbers")
    for axis in axes(result):
        numbers = "\n".join(f"{label}: {value}" for label, value in axis.rows)
        table.add_row(axis.name, axis.state, numbers or axis.meaning, end_section=True)
    return table


def settle_lines(result: AuditResult) -> list[str]:
    """What would settle what is open, one line each."""
    return [f"{axis.name} would be settled by {what}" for axis in axes(result) for what in axis.settle]


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


def column_table(result: AuditResult) -> Table | None:
    """What the columns of a table were taken for, the first of them; None of what is no table."""
    rows = column_rows(result)
    if not rows:
        return None
    table = Table("Column", "Kind", "Scale", "Missing in train")
    for name, kind, scale, missing in rows[:_MOST_COLUMNS]:
        table.add_row(one_name(name), kind, scale, missing)
    if len(rows) > _MOST_COLUMNS:
        table.add_row(f"and {len(rows) - _MOST_COLUMNS:,} more", "", "in report.json", "")
    return table


def pair_lines(report: AuditResult) -> list[str]:
    """The nearest of the flagged items, one line each, by name where they have one; none of a private report."""
    if report.private:
        return []
    return [
        f"copy: generated {pair.shown[0]} of training {pair.shown[1]} (distance {pair.distance:.3g}, "
        f"d1/d2 {pair.ratio:.2f})"
        for pair in report.flagged[:_PAIRS]
    ]


def statistic_lines(result: AuditResult) -> list[str]:
    """The statistics of the whole set, and the training items copied of each class and group, one line each."""
    lines = [
        f"{one.name}: {one.value:.3g}, {one.null:.3g} from honest samples"
        + ("" if one.spread is None else f" (± {one.spread:.2g})")
        for one in result.statistics
    ]
    by_class = extracted_by_class(result) or {}
    lines += [
        f"class {one_name(name)}: {f'under {FEWEST}' if count is None else count} training items copied"
        for name, count in by_class.items()
        if count != 0
    ]
    if result.private or not (by_group := result.extracted_by_group):
        return lines
    most = list(by_group.items())[:_MOST_GROUPS]
    lines += [f"group {one_name(name)}: {count} training items copied" for name, count in most]
    return lines + ([f"and {len(by_group) - len(most):,} more groups"] if len(by_group) > len(most) else [])


def comparison_table(comparison: ReportComparison, first: str, second: str) -> Table:
    """The differences of two reports, by the names of their files."""
    table = Table("Share of samples", one_name(first), one_name(second), "Difference (95 %)", "p (McNemar)")
    for each in comparison.differences:
        difference = f"{percent(each.difference)}\n{interval(each.interval)}"
        p = "not paired" if each.p is None else f"{each.p:.2g}"
        table.add_row(each.what, percent(each.first), percent(each.second), difference, p)
    return table
