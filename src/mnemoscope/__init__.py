"""mnemoscope: does a score-based diffusion model memorize its training data, why, and what would stop it?

import mnemoscope as mn

report = mn.audit(generated, train, holdout=test)
print(report.verdict)
"""

from mnemoscope._version import __version__
from mnemoscope.auditing import AbsoluteDistance, DistanceRatio, Report, audit
from mnemoscope.data import Dataset, Gaussian, GaussianMixture, LinearManifold, load
from mnemoscope.errors import ConvergenceError, InputError, MnemoscopeError, OutputError
from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.networks import MLP, NetworkScore, NetworkSpec, UNet, build_network
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, Process, VarianceExploding, VariancePreserving
from mnemoscope.sampling import sample
from mnemoscope.scores import EmpiricalBayesScore, EmpiricalScore, LawScore, Score, TikhonovScore
from mnemoscope.theory import learning_curve, phase_diagram, predict, spectral_density, training_curve
from mnemoscope.training import TrainingSpec, fit, load_run, train_run

__all__ = [
    "EDM",
    "MLP",
    "AbsoluteDistance",
    "ConvergenceError",
    "Dataset",
    "DistanceRatio",
    "EmpiricalBayesScore",
    "EmpiricalScore",
    "Gaussian",
    "GaussianMixture",
    "InputError",
    "LawScore",
    "LinearManifold",
    "MemorizationMonitor",
    "MnemoscopeError",
    "NetworkScore",
    "NetworkSpec",
    "OrnsteinUhlenbeck",
    "OutputError",
    "Process",
    "Report",
    "Score",
    "TikhonovScore",
    "TrainingSpec",
    "UNet",
    "VarianceExploding",
    "VariancePreserving",
    "__version__",
    "audit",
    "build_network",
    "fit",
    "learning_curve",
    "load",
    "load_run",
    "nearest_neighbours",
    "phase_diagram",
    "predict",
    "sample",
    "spectral_density",
    "train_run",
    "training_curve",
]
