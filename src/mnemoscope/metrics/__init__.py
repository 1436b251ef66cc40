"""The audit as a metric of torchmetrics: fed batch by batch, in one or several processes."""

from mnemoscope.metrics.memorization import MemorizationMetric

__all__ = ["MemorizationMetric"]
