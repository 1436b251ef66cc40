"""Copy tests of generated samples against a null of honest items. Sees arrays, never the model that is audited."""

from mnemoscope.auditing.audit import audit
from mnemoscope.auditing.closeness import Closeness
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
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.report import Report
from mnemoscope.auditing.result import AuditResult, Flagged

__all__ = [
    "MEASURES",
    "PCA",
    "AbsoluteDistance",
    "AuditResult",
    "Cached",
    "Closeness",
    "Copies",
    "Cosine",
    "DistanceRatio",
    "Embedding",
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
    "audit",
    "clopper_pearson",
    "difference_interval",
    "load_torchscript",
    "make_features",
    "make_measure",
    "mmd_squared",
]
