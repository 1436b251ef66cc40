"""mnemoscope: does a score-based diffusion model memorize its training data, why, and what would stop it?

import mnemoscope as mn

report = mn.audit(generated, train, holdout=test)
print(report.verdict)
"""

from mnemoscope._version import __version__
from mnemoscope.auditing import AbsoluteDistance, DistanceRatio, Report, audit
from mnemoscope.data import Dataset, Gaussian, GaussianMixture, LinearManifold, load
from mnemoscope.errors import InputError, MnemoscopeError, NumericalWarning, OutputError
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.networks import MLP, NetworkScore, NetworkSpec, UNet, build_network
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, Process, VarianceExploding, VariancePreserving
from mnemoscope.sampling import sample
from mnemoscope.scores import EmpiricalScore, LawScore, Score
from mnemoscope.training import MemorizationMonitor, TrainingSpec, fit, load_run, train_run

__all__ = [
    "EDM",
    "MLP",
    "AbsoluteDistance",
    "Dataset",
    "DistanceRatio",
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
    "NumericalWarning",
    "OrnsteinUhlenbeck",
    "OutputError",
    "Process",
    "Report",
    "Score",
    "TrainingSpec",
    "UNet",
    "VarianceExploding",
    "VariancePreserving",
    "__version__",
    "audit",
    "build_network",
    "fit",
    "load",
    "load_run",
    "nearest_neighbours",
    "sample",
    "train_run",
]
