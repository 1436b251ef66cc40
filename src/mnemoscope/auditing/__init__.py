"""Copy tests of generated samples against a null of honest items. Sees arrays, never models."""

from mnemoscope.auditing.audit import audit
from mnemoscope.auditing.closeness import Closeness
from mnemoscope.auditing.compare import ReportComparison, compare
from mnemoscope.auditing.copies import Copies
from mnemoscope.auditing.discrepancy import mmd_squared
from mnemoscope.auditing.identical import Identical
from mnemoscope.auditing.intervals import Rate, clopper_pearson, difference_interval
from mnemoscope.auditing.measures import (
    MEASURES,
    AbsoluteDistance,
    DistanceRatio,
    Measure,
    MeasureResult,
    make_measure,
)
from mnemoscope.auditing.private import item_hashes
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.reports.record import report_schema
from mnemoscope.auditing.reports.report import Report
from mnemoscope.auditing.result import AuditResult, Flagged

__all__ = [
    "MEASURES",
    "AbsoluteDistance",
    "AuditResult",
    "Closeness",
    "Copies",
    "DistanceRatio",
    "Flagged",
    "Identical",
    "Measure",
    "MeasureResult",
    "Rate",
    "Repeated",
    "Report",
    "ReportComparison",
    "audit",
    "clopper_pearson",
    "compare",
    "difference_interval",
    "item_hashes",
    "make_measure",
    "mmd_squared",
    "report_schema",
]
