"""Denoising score matching: draws, losses, regularisers, the fit loop, checkpoints that resume exactly, sharpness."""

from mnemoscope.training.description import RANDOM_FEATURES
from mnemoscope.training.fit import FitResult, fit
from mnemoscope.training.loading import TrainedRun, load_run, run_paths
from mnemoscope.training.loss import WEIGHTINGS, denoising_loss, loss_weight
from mnemoscope.training.regularizers import REGULARIZERS, Regularizer
from mnemoscope.training.run import train_random_features, train_run
from mnemoscope.training.sharpness import hessian_product, sharpness, stability_ratio
from mnemoscope.training.spec import TrainingSpec

__all__ = [
    "RANDOM_FEATURES",
    "REGULARIZERS",
    "WEIGHTINGS",
    "FitResult",
    "Regularizer",
    "TrainedRun",
    "TrainingSpec",
    "denoising_loss",
    "fit",
    "hessian_product",
    "load_run",
    "loss_weight",
    "run_paths",
    "sharpness",
    "stability_ratio",
    "train_random_features",
    "train_run",
]
