"""The source's setting in the plane: a few points, two processes, and the probability flow back to the points.

The flow runs in s = −log r with r = σ/α, in which its limit is approached like e^{−s}: there y = x/α obeys
dy/d log r = r ε̂(α y). Everything is in double precision, down to the t_min of ``PROCESSES``, where σ is below 1e-4.
"""

import math
from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from mnemoscope.processes import Process, VarianceExploding, VariancePreserving
from mnemoscope.scores import Score
from mnemoscope.sweeps.trial import Array
from mnemoscope.torch_state import ode_solver

PAPER = "Baptista, Dasgupta, Kovachki, Oberai & Stuart, arXiv 2501.15785"
FIGURES = f"{PAPER}, read off a figure"
"""Published shares are of 1000 samples, read to two or three digits."""

PointsName: TypeAlias = Literal["points", "pair", "square"]
ProcessName: TypeAlias = Literal["variance-exploding", "variance-preserving"]

_SIGMA_MIN = (2 * math.log(10)) ** -0.5
PROCESSES: Mapping[ProcessName, Process] = {
    "variance-exploding": VarianceExploding(t_min=1e-8, t_max=1.0, sigma_min=_SIGMA_MIN, sigma_max=10 * _SIGMA_MIN),
    "variance-preserving": VariancePreserving(t_min=1e-8, t_max=1.0, beta_min=0.001, beta_max=3.0),
}
"""The source's: g = 10^t, and β from 0.001 to 3."""

FLOW_STAGES = 241
FLOW_TOLERANCE = 1e-9


def training_points(name: PointsName = "points") -> Array:
    """The source's 20 points, or 2 or 4 symmetric ones; shape ``(n_samples, 2)``."""
    if name == "points":
        return np.random.RandomState(1).randn(20, 2)
    if name == "pair":
        return np.array([[1.0, 0.0], [-1.0, 0.0]])
    return np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])


def distances(x: Tensor, name: PointsName = "points") -> Tensor:
    """The distance of each sample to its nearest training point, in double precision."""
    return torch.cdist(x.double(), torch.from_numpy(training_points(name))).amin(dim=1)


def follow(score: Score, process: Process, x: Tensor) -> tuple[Tensor, Tensor]:
    """The probability flow from x at t_max: times, evenly spaced in log r, and positions, shape ``(stages, *x)``."""
    ends = process.ratio(torch.tensor([process.t_max, process.t_min], dtype=torch.float64)).log()
    log_ratio = torch.lerp(ends[0], ends[1], torch.linspace(0, 1, FLOW_STAGES, dtype=torch.float64))

    def slope(at: Tensor, y: Tensor) -> Tensor:
        t = process.time_of(at.exp())
        return at.exp() * score.noise(process.alpha(t) * y, t)

    start = x / process.alpha(process.t_max)
    odeint = ode_solver()
    y = odeint(slope, start, log_ratio, rtol=FLOW_TOLERANCE, atol=1e-12, method="dopri5")
    times = process.time_of(log_ratio.exp())
    return times, process.alpha(times)[:, None, None] * y
