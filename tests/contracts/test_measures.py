"""The measures satisfy their contract."""

from mnemoscope.auditing import AbsoluteDistance, DistanceRatio, Measure
from mnemoscope.testing import MeasureContract


class TestDistanceRatio(MeasureContract):
    def measure(self) -> Measure:
        return DistanceRatio()


class TestAbsoluteDistance(MeasureContract):
    scale_free = False

    def measure(self) -> Measure:
        return AbsoluteDistance()
