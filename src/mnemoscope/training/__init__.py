"""Denoising score matching: draws, the fit loop, checkpoints that resume exactly, and the sharpness of a minimum."""

from mnemoscope.training.description import RANDOM_FEATURES
from mnemoscope.training.fit import FitResult, denoising_loss, fit
from mnemoscope.training.run import (
    TrainedRun,
    load_run,
    run_paths,
    train_random_features,
    train_run,
)
from mnemoscope.training.sharpness import hessian_product, sharpness, stability_ratio
from mnemoscope.training.spec import TrainingSpec

__all__ = [
    "RANDOM_FEATURES",
    "FitResult",
    "TrainedRun",
    "TrainingSpec",
    "denoising_loss",
    "fit",
    "hessian_product",
    "load_run",
    "run_paths",
    "sharpness",
    "stability_ratio",
    "train_random_features",
    "train_run",
]
