"""Closed-form scores on a few points in the plane."""

import numpy as np
import torch
from torch import Tensor

from mnemoscope.runs.trial import Array


def training_points(name: str) -> Array:
    """The source's 20 points, or 2 or 4 symmetric ones; shape ``(n_samples, 2)``."""
    if name == "points":
        return np.random.RandomState(1).randn(20, 2)
    corners = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
    return np.array([[1.0, 0.0], [-1.0, 0.0]]) if name == "pair" else corners


def distances(x: Tensor, name: str) -> Tensor:
    """Distance of each sample to its nearest training point, in double precision."""
    return torch.cdist(x.double(), torch.from_numpy(training_points(name))).amin(dim=1)
