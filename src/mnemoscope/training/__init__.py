"""Denoising score matching: draws, the fit loop, checkpoints that resume exactly, and a monitor of memorization."""

from mnemoscope.training.fit import FitResult, denoising_loss, fit
from mnemoscope.training.mean_field import Descent, denoising_draws, full_batch_descent, stochastic_descent
from mnemoscope.training.monitor import MemorizationMonitor, MonitorRecord
from mnemoscope.training.run import TrainedRun, load_run, train_run
from mnemoscope.training.sharpness import hessian_product, sharpness, stability_ratio
from mnemoscope.training.spec import TrainingSpec

__all__ = [
    "Descent",
    "FitResult",
    "MemorizationMonitor",
    "MonitorRecord",
    "TrainedRun",
    "TrainingSpec",
    "denoising_draws",
    "denoising_loss",
    "fit",
    "full_batch_descent",
    "hessian_product",
    "load_run",
    "sharpness",
    "stability_ratio",
    "stochastic_descent",
    "train_run",
]
