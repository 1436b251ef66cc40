"""Denoising score matching: draws, the fit loop, checkpoints that resume exactly, and a monitor of memorization."""

from mnemoscope.training.fit import FitResult, denoising_loss, fit
from mnemoscope.training.monitor import MemorizationMonitor, MonitorRecord
from mnemoscope.training.run import TrainedRun, load_run, train_run
from mnemoscope.training.spec import TrainingSpec

__all__ = [
    "FitResult",
    "MemorizationMonitor",
    "MonitorRecord",
    "TrainedRun",
    "TrainingSpec",
    "denoising_loss",
    "fit",
    "load_run",
    "train_run",
]
