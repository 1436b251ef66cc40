"""The closed-form scores by name, each with one strength."""

import math
from typing import Literal, TypeAlias

import torch

from mnemoscope.processes import Process
from mnemoscope.scores import (
    EmpiricalBayesScore,
    EmpiricalScore,
    KernelSmoothedScore,
    Score,
    TemperedScore,
    TikhonovScore,
)
from mnemoscope.sweeps.trial import Array

ClosedForm: TypeAlias = Literal[
    "empirical", "tikhonov", "tikhonov-covariance", "empirical-bayes", "tempered", "kernel-smoothed"
]


def closed_form(name: ClosedForm, strength: float, train: Array, process: Process, seed: int) -> Score:
    """A score of a training set.

    Args:
        name: which.
        strength: c, τ, the temperature or the bandwidth. In more dimensions than two, τ counts in units of e^{−d/2},
            the size of Σ_j N_j at a typical x_t.
        train: shape ``(n_samples, *event)``.
        process: the forward process.
        seed: of a kernel's draws.
    """
    if name == "empirical":
        return EmpiricalScore(train, process)
    if name in ("tikhonov", "tikhonov-covariance"):
        return TikhonovScore(train, process, strength, metric="identity" if name == "tikhonov" else "covariance")
    if name == "empirical-bayes":
        dim = math.prod(train.shape[1:])
        return EmpiricalBayesScore(train, process, strength * (math.exp(-dim / 2) if dim > 2 else 1.0))
    if name == "tempered":
        return TemperedScore(train, process, strength)
    generator = torch.Generator().manual_seed(seed)
    return KernelSmoothedScore(train, process, strength, generator=generator, n_draws=8)
