"""Closed-form scores on a few points in the plane, followed back to where they end.

The probability flow runs in s = −log r with r = σ/α, in which its limit is approached like e^{−s}: there y = x/α obeys
dy/d log r = r ε̂(α y). Everything is in double precision, down to the t_min of ``PROCESSES``, where σ is below 1e-4.
"""

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.processes import Process, VarianceExploding, VariancePreserving
from mnemoscope.sampling import sample
from mnemoscope.scores import (
    EmpiricalBayesScore,
    EmpiricalScore,
    KernelSmoothedScore,
    Score,
    TemperedScore,
    TikhonovScore,
    collapse_time,
)
from mnemoscope.studies.regularization.trials import Experiment
from mnemoscope.sweeps import Result
from mnemoscope.sweeps.trial import Array

_SIGMA_MIN = (2 * math.log(10)) ** -0.5
PROCESSES: Mapping[str, Process] = {
    "variance-exploding": VarianceExploding(t_min=1e-8, t_max=1.0, sigma_min=_SIGMA_MIN, sigma_max=10 * _SIGMA_MIN),
    "variance-preserving": VariancePreserving(t_min=1e-8, t_max=1.0, beta_min=0.001, beta_max=3.0),
}
"""The source's: g = 10^t, and β from 0.001 to 3."""

LATENTS = 1000
COPY_DISTANCE = 1e-2
"""A sample this near to a training point is a copy of it."""
TOLERANCE = {"empirical": 1e-6, "empirical-bayes": 1e-6}
"""Of the ODE solver, as in the source; 1e-5 for the other scores."""

TRAJECTORIES = 100
PATH_POINTS = 241
PATH_TOLERANCE = 1e-9


def training_points(name: str) -> Array:
    """The source's 20 points, or 2 or 4 symmetric ones; shape ``(n_samples, 2)``."""
    if name == "points":
        return np.random.RandomState(1).randn(20, 2)
    if name == "pair":
        return np.array([[1.0, 0.0], [-1.0, 0.0]])
    return np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])


def distances(x: Tensor, name: str) -> Tensor:
    """The distance of each sample to its nearest training point, in double precision."""
    return torch.cdist(x.double(), torch.from_numpy(training_points(name))).amin(dim=1)


def make_score(trial: Experiment, train: Array, process: Process) -> Score:
    """The closed-form score that a trial names.

    In more dimensions than two, τ counts in units of e^{−d/2}, the size of Σ_j N_j at a typical x_t.

    Raises:
        InputError: the score is a network.
    """
    strength, dim = trial.strength, math.prod(train.shape[1:])
    if trial.score == "empirical":
        return EmpiricalScore(train, process)
    if trial.score in ("tikhonov", "tikhonov-covariance"):
        metric = "identity" if trial.score == "tikhonov" else "covariance"
        return TikhonovScore(train, process, strength, metric=metric)
    if trial.score == "empirical-bayes":
        return EmpiricalBayesScore(train, process, strength * (math.exp(-dim / 2) if dim > 2 else 1.0))
    if trial.score == "tempered":
        return TemperedScore(train, process, strength)
    if trial.score == "kernel-smoothed":
        generator = torch.Generator().manual_seed(trial.seed)
        return KernelSmoothedScore(train, process, strength, generator=generator, n_draws=8)
    raise InputError(f"score: {trial.score} has no closed form")


def collapse(trial: Experiment) -> Result:
    """How many of 1000 samples end within 1e-2 of a training point, by the adaptive solver."""
    process = PROCESSES[trial.process]
    generator = torch.Generator().manual_seed(trial.seed)
    initial = process.sigma(process.t_max) * torch.randn(LATENTS, 2, generator=generator, dtype=torch.float64)
    x = sample(
        make_score(trial, training_points(trial.data), process),
        process,
        LATENTS,
        generator=generator,
        solver="adaptive",
        tolerance=TOLERANCE.get(trial.score, 1e-5),
        denoise=False,
        initial=initial,
    )
    return {"collapsed": int((distances(x, trial.data) < COPY_DISTANCE).sum()), "latents": LATENTS}


def path(trial: Experiment) -> Result:
    """Trajectories of the exact score, the posterior weights along the first, and the distance to the limit."""
    process, points = PROCESSES[trial.process], training_points(trial.data)
    score = EmpiricalScore(points, process)
    generator = torch.Generator().manual_seed(trial.seed)
    latents = torch.randn(TRAJECTORIES, 2, generator=generator, dtype=torch.float64)
    times, x = follow(score, process, process.sigma(process.t_max) * latents)
    limit = torch.from_numpy(points)[torch.cdist(x[-1], torch.from_numpy(points)).argmin(dim=1)]
    return {
        "point": ("point", np.arange(len(points))),
        "position": (("stage", "trajectory", "axis"), x.numpy()),
        "time": ("stage", times.numpy()),
        "sigma": ("stage", process.sigma(times).numpy()),
        "to_limit": (("stage", "trajectory"), (x - limit).norm(dim=2).numpy()),
        "weight": (("stage", "point"), score.weights(x[:, 0], times).numpy()),
        "collapse_time": float(collapse_time(score, generator=generator)),
    }


def symmetric(trial: Experiment) -> Result:
    """Starts on the vertical symmetry line, and others, and where they end.

    ``on_boundary`` says which starts are as far from the points on the left as from those on the right. They stay so
    in floating point, too: in the order of the points, the terms of the left cancel those of the right exactly.
    """
    process, points = PROCESSES[trial.process], training_points(trial.data)
    special = [(0.0, height) for height in (-6.0, -2.0, 0.0, 2.0, 6.0)]
    generator = torch.Generator().manual_seed(trial.seed)
    others = 3 * torch.randn(12, 2, generator=generator, dtype=torch.float64)
    starts = torch.cat([torch.tensor(special, dtype=torch.float64), others])
    _, x = follow(EmpiricalScore(points, process), process, starts)
    middles = (points[:, None] + points[None, :]).reshape(-1, 2) / 2
    return {
        "start": ("start", np.arange(len(starts))),
        "on_boundary": ("start", np.arange(len(starts)) < len(special)),
        "track": (("stage", "start", "axis"), x.numpy()),
        "to_point": ("start", distances(x[-1], trial.data).numpy()),
        "to_middle": ("start", torch.cdist(x[-1], torch.from_numpy(middles)).amin(dim=1).numpy()),
    }


def follow(score: Score, process: Process, x: Tensor) -> tuple[Tensor, Tensor]:
    """The probability flow from x at t_max: times, evenly spaced in log r, and positions, shape ``(stages, *x)``."""
    ends = process.ratio(torch.tensor([process.t_max, process.t_min], dtype=torch.float64)).log()
    log_ratio = torch.lerp(ends[0], ends[1], torch.linspace(0, 1, PATH_POINTS, dtype=torch.float64))

    def slope(at: Tensor, y: Tensor) -> Tensor:
        t = process.time_of(at.exp())
        return at.exp() * score.noise(process.alpha(t) * y, t)

    start = x / process.alpha(process.t_max)
    y = optional("torchdiffeq", "train").odeint(
        slope, start, log_ratio, rtol=PATH_TOLERANCE, atol=1e-12, method="dopri5"
    )
    times = process.time_of(log_ratio.exp())
    return times, process.alpha(times)[:, None, None] * y
