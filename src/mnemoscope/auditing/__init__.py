"""Copy tests of generated samples against a held-out null. Sees arrays, never the model that is audited."""

from mnemoscope.auditing.audit import audit
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
from mnemoscope.auditing.identical import Duplicates, Identical
from mnemoscope.auditing.intervals import Rate, clopper_pearson, difference_interval
from mnemoscope.auditing.measures import (
    MEASURES,
    AbsoluteDistance,
    DistanceRatio,
    Measure,
    MeasureResult,
    make_measure,
)
from mnemoscope.auditing.report import Report
from mnemoscope.auditing.result import AuditResult, Flagged

__all__ = [
    "MEASURES",
    "PCA",
    "AbsoluteDistance",
    "AuditResult",
    "Cached",
    "Cosine",
    "DistanceRatio",
    "Duplicates",
    "Embedding",
    "FeatureSpace",
    "Flagged",
    "Identical",
    "Measure",
    "MeasureResult",
    "NetworkFeatures",
    "Pixels",
    "Rate",
    "Report",
    "audit",
    "clopper_pearson",
    "difference_interval",
    "load_torchscript",
    "make_features",
    "make_measure",
    "mmd_squared",
]
