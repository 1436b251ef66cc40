"""What watches a model while it trains: signals of memorization, a decision with its reason, and records of both."""

from mnemoscope.monitoring.advice.advise import Advice, advise
from mnemoscope.monitoring.callbacks import lightning_callback
from mnemoscope.monitoring.decision import Decision
from mnemoscope.monitoring.halves.compare import HalvesReport, compare_halves
from mnemoscope.monitoring.halves.runs import compare_runs
from mnemoscope.monitoring.history import JsonLines
from mnemoscope.monitoring.levels import LevelSignals
from mnemoscope.monitoring.membership import Signal
from mnemoscope.monitoring.monitor import MemorizationMonitor
from mnemoscope.monitoring.record import MonitorRecord
from mnemoscope.monitoring.samples import SampleSignals

__all__ = [
    "Advice",
    "Decision",
    "HalvesReport",
    "JsonLines",
    "LevelSignals",
    "MemorizationMonitor",
    "MonitorRecord",
    "SampleSignals",
    "Signal",
    "advise",
    "compare_halves",
    "compare_runs",
    "lightning_callback",
]
