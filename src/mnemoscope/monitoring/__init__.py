"""What watches a model while it trains: signals of memorization, a decision with its reason, and records of both."""

from mnemoscope.monitoring.callbacks import lightning_callback
from mnemoscope.monitoring.decision import Decision
from mnemoscope.monitoring.history import JsonLines
from mnemoscope.monitoring.levels import LevelSignals
from mnemoscope.monitoring.membership import Signal
from mnemoscope.monitoring.monitor import MemorizationMonitor
from mnemoscope.monitoring.record import MonitorRecord
from mnemoscope.monitoring.samples import SampleSignals

__all__ = [
    "Decision",
    "JsonLines",
    "LevelSignals",
    "MemorizationMonitor",
    "MonitorRecord",
    "SampleSignals",
    "Signal",
    "lightning_callback",
]
