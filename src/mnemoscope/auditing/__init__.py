"""Copy tests of generated samples against a null of honest items. Sees arrays, never the model that is audited."""

from mnemoscope.auditing.audit import audit
from mnemoscope.auditing.closeness import Closeness
from mnemoscope.auditing.compare import ReportComparison, compare
from mnemoscope.auditing.copies import Copies
from mnemoscope.auditing.discrepancy import mmd_squared
from mnemoscope.auditing.features import (
    PCA,
    Cached,
    Cosine,
    Embedding,
    FeatureSpace,
    NetworkFeatures,
    Pixels,
    load_torchscript,
    make_features,
)
from mnemoscope.auditing.flagged import Flagged
from mnemoscope.auditing.identical import Identical
from mnemoscope.auditing.intervals import Rate, clopper_pearson, difference_interval
from mnemoscope.auditing.measures import (
    MEASURES,
    WHOLE_SET_STATISTICS,
    AbsoluteDistance,
    Authenticity,
    CalibratedDistance,
    CalibratedDistanceFromTrain,
    CosineDistance,
    DataCopyingTest,
    DistanceRatio,
    FeatureLikelihood,
    Measure,
    MeasureResult,
    TiledDistance,
    WholeSetResult,
    WholeSetStatistic,
    make_measure,
    make_measures,
)
from mnemoscope.auditing.private import item_hashes
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.reports.record import report_schema
from mnemoscope.auditing.reports.report import Report
from mnemoscope.auditing.result import AuditResult

__all__ = [
    "MEASURES",
    "PCA",
    "WHOLE_SET_STATISTICS",
    "AbsoluteDistance",
    "AuditResult",
    "Authenticity",
    "Cached",
    "CalibratedDistance",
    "CalibratedDistanceFromTrain",
    "Closeness",
    "Copies",
    "Cosine",
    "CosineDistance",
    "DataCopyingTest",
    "DistanceRatio",
    "Embedding",
    "FeatureLikelihood",
    "FeatureSpace",
    "Flagged",
    "Identical",
    "Measure",
    "MeasureResult",
    "NetworkFeatures",
    "Pixels",
    "Rate",
    "Repeated",
    "Report",
    "ReportComparison",
    "TiledDistance",
    "WholeSetResult",
    "WholeSetStatistic",
    "audit",
    "clopper_pearson",
    "compare",
    "difference_interval",
    "item_hashes",
    "load_torchscript",
    "make_features",
    "make_measure",
    "make_measures",
    "mmd_squared",
    "report_schema",
]
