"""mnemoscope: does a score-based diffusion model memorize its training data, why, and what would stop it?

import mnemoscope as mn

report = mn.audit(generated, train, holdout=test)
print(report.verdict)

Names and rooms are loaded on first use (PEP 562): the import itself costs neither torch nor a second.
"""

from typing import TYPE_CHECKING

from mnemoscope._version import __version__

if TYPE_CHECKING:
    from mnemoscope.auditing import AbsoluteDistance, DistanceRatio, Report, audit, compare
    from mnemoscope.data import Dataset, Gaussian, GaussianMixture, LinearManifold, halves, load
    from mnemoscope.errors import ConvergenceError, InputError, MnemoscopeError, OutputError
    from mnemoscope.monitoring import MemorizationMonitor, advise, compare_halves
    from mnemoscope.neighbours import nearest_neighbours
    from mnemoscope.networks import MLP, NetworkScore, NetworkSpec, UNet, build_network
    from mnemoscope.pipelines import audit_pipeline, from_diffusers, sample_pipeline
    from mnemoscope.processes import EDM, OrnsteinUhlenbeck, Process, VarianceExploding, VariancePreserving
    from mnemoscope.sampling import sample
    from mnemoscope.scores import EmpiricalBayesScore, EmpiricalScore, LawScore, Score, TikhonovScore
    from mnemoscope.theory import learning_curve, phase_diagram, predict, spectral_density, training_curve
    from mnemoscope.training import TrainingSpec, fit, load_run, train_run
else:  # hidden from type checkers, which would otherwise believe that every attribute exists
    from importlib import import_module

    _ROOMS = {
        "auditing": "AbsoluteDistance DistanceRatio Report audit compare",
        "data": "Dataset Gaussian GaussianMixture LinearManifold halves load",
        "errors": "ConvergenceError InputError MnemoscopeError OutputError",
        "metrics": "",  # by its room alone: where torchmetrics is installed it takes seconds to import
        "monitoring": "MemorizationMonitor advise compare_halves",
        "neighbours": "nearest_neighbours",
        "networks": "MLP NetworkScore NetworkSpec UNet build_network",
        "pipelines": "audit_pipeline from_diffusers sample_pipeline",
        "processes": "EDM OrnsteinUhlenbeck Process VarianceExploding VariancePreserving",
        "sampling": "sample",
        "scores": "EmpiricalBayesScore EmpiricalScore LawScore Score TikhonovScore",
        "theory": "learning_curve phase_diagram predict spectral_density training_curve",
        "training": "TrainingSpec fit load_run train_run",
    }
    _ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names.split()}

    def __getattr__(name: str) -> object:
        if name in _ROOMS:  # ``mn.scores`` without an import of its own
            return import_module(f"{__name__}.{name}")
        if name not in _ROOM_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_ROOM_OF[name]}"), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_ROOMS, *__all__})


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
    "advise",
    "audit",
    "audit_pipeline",
    "build_network",
    "compare",
    "compare_halves",
    "fit",
    "from_diffusers",
    "halves",
    "learning_curve",
    "load",
    "load_run",
    "nearest_neighbours",
    "phase_diagram",
    "predict",
    "sample",
    "sample_pipeline",
    "spectral_density",
    "train_run",
    "training_curve",
]
