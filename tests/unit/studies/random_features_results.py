"""Results of the study random-features that nobody computed: as the theory and the source have them."""

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import xarray as xr

from mnemoscope.studies import Claim, Experiment
from mnemoscope.studies.random_features.copies import Copies
from mnemoscope.studies.random_features.curve import Curve
from mnemoscope.studies.random_features.curve_limit import CurveLimit
from mnemoscope.studies.random_features.digits import SAMPLES
from mnemoscope.studies.random_features.image_theory import ImageTheory
from mnemoscope.studies.random_features.model import SETTING
from mnemoscope.studies.random_features.size import Size
from mnemoscope.studies.random_features.spectrum import Spectrum
from mnemoscope.studies.random_features.training_time import TRAINING_TIMES, TrainingTime
from mnemoscope.studies.random_features.unet import UNet
from mnemoscope.sweeps import grid
from mnemoscope.sweeps.table import tabulate
from mnemoscope.sweeps.trial import check_result
from mnemoscope.theory import learning_curve

MODEL: dict[str, Any] = {"activation": "tanh", "psi_n": 3.0, "psi_p": 2.0, "noise_draws": 2, "time": 0.1, "seed": 0}
TINY: dict[type[Experiment], dict[str, Any]] = {
    Curve: MODEL | {"dim": 12, "ridge": 1e-2},
    CurveLimit: MODEL | {"dim": 12, "ridge": 1e-2},
    Size: MODEL | {"dim": 12, "ridge": 1e-2},
    TrainingTime: MODEL | {"dim": 12},
    Spectrum: MODEL | {"dim": 12},
    ImageTheory: MODEL | {"data": "digits", "whitened": True, "ridge": 1e-2},
    Copies: {
        "activation": "tanh",
        "n_samples": 16,
        "n_features": 256,
        "noise_draws": 2,
        "time": 0.01,
        "ridge": 1e-2,
        "seed": 0,
    },
    UNet: {"n_samples": 8, "width": 8, "steps": 2, "noise_draws": 2, "time": 0.01, "seed": 0},
}
"""One valid spec of each experiment, cheap to run."""


def few_trials(kind: type[Experiment]) -> list[Experiment]:
    """Trials that differ in what the experiment's figures tell apart; of ``Spectrum`` one, as both presets have."""
    several = {
        Curve: {"psi_p": [1.5, 3.0, 6.0], "noise_draws": [1, 4, math.inf], "seed": range(2)},
        CurveLimit: {"psi_p": [1.5, 3.0], "noise_draws": [1, math.inf], "dim": [50, 100], "seed": range(2)},
        Size: {"activation": ["tanh", "relu"], "dim": [50, 100], "seed": range(2)},
        TrainingTime: {"noise_draws": [1, 4], "seed": range(2)},
        Spectrum: {},
        ImageTheory: {"psi_p": [2.0, 8.0], "data": ["digits", "fashion-mnist"], "whitened": [True, False]},
        Copies: {"n_features": [16, 64], "noise_draws": [1, 10], "seed": range(2)},
        UNet: {"width": [8, 32], "noise_draws": [1, 10], "seed": range(2)},
    }
    return grid(kind, **TINY[kind] | several[kind])


def made_up(trial: Experiment) -> dict[str, Any]:
    """What the trial should give."""
    if isinstance(trial, TrainingTime):
        path = 1 / (1 + TRAINING_TIMES)
        return {
            "training_time": ("training_time", TRAINING_TIMES),
            "test_path": ("training_time", path + 0.1 * trial.seed),
            "train_path": ("training_time", path),
        }
    if isinstance(trial, Spectrum):
        return {"eigenvalue": ("mode", np.geomspace(1e-10, 3.0, 24))}
    if isinstance(trial, Copies):
        copies = 0.1 * math.log10(trial.noise_draws * trial.n_features)
        return {"copies": copies, "null": 0.01, "excess_low": copies - 0.05, "excess_high": copies + 0.05}
    if isinstance(trial, ImageTheory):
        return near_theory(trial) | {"fourth_cumulant": 0.5}
    return like_the_source(trial) if isinstance(trial, UNet) else near_theory(trial)


def near_theory(trial: Any) -> dict[str, Any]:
    """A simulation whose test gap is exactly 2/d and whose train gap is half of that."""
    test, train, bayes = theory_losses(*(getattr(trial, name) for name in SETTING))
    dim = getattr(trial, "dim", 64)
    return {
        "test_loss": test * (1 + 2 / dim),
        "train_loss": train * (1 - 1 / dim),
        "test_theory": test,
        "train_theory": train,
        "bayes_loss": bayes,
    }


@cache
def theory_losses(*setting: Any) -> tuple[float, float, float]:
    """Test, train and Bayes loss; many trials differ in their seeds and dimensions only."""
    theory = learning_curve(**dict(zip(SETTING, setting, strict=True)))
    return float(theory.test_loss), float(theory.train_loss), float(theory.bayes_loss)


def like_the_source(trial: UNet) -> dict[str, Any]:
    """Copies that grow with width and m, and smaller train losses for fewer draws."""
    copies = 0.08 * math.log10(trial.noise_draws) * math.log2(trial.width / 4)
    return {
        "copies": round(SAMPLES * copies) / SAMPLES,
        "null": 0.0,
        "excess_low": copies - 0.05,
        "excess_high": copies + 0.05,
        "n_parameters": 700 * trial.width**2,
        "train_loss": 0.1 * math.log10(10 * trial.noise_draws),
        "test_loss": 1.2,
    }


Made: TypeAlias = Sequence[tuple[Experiment, dict[str, Any]]]
Change: TypeAlias = Callable[[Any, dict[str, Any]], dict[str, Any]]


def table(trials: Sequence[Experiment], made: Made) -> xr.Dataset:
    """The results of an experiment of which ``trials`` are planned and those in ``made`` are finished."""
    return tabulate(trials, {trial.key: check_result(trial, result) for trial, result in made})


def checked(made: Made, change: Change = lambda *_: {}) -> dict[str, Claim]:
    """The claims of one experiment by name, after ``change``, which returns what differs in a result."""
    kind = type(made[0][0])
    results = table([trial for trial, _ in made], [(trial, result | change(trial, result)) for trial, result in made])
    return {claim.name: claim for claim in kind.claims(results)}


def failing(made: Made, change: Change) -> set[str]:
    return {name for name, claim in checked(made, change).items() if not claim.holds}


def shifted(factor: float, name: str = "test_loss", **where: Any) -> Change:
    """``name`` times ``factor`` where fields have the values of ``where``."""

    def change(trial: Experiment, result: dict[str, Any]) -> dict[str, Any]:
        hit = all(getattr(trial, field) == value for field, value in where.items())
        return {name: factor * result[name]} if hit else {}

    return change
