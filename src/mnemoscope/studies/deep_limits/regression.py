"""The regression problem on which rates are measured, and how a rate is fitted, told and drawn.

The theory's text and its authors' code differ in Figure 2: the code leaves out 1/√q and 1/√width and averages the loss
over n·d. ``LongRun`` follows the code, because with the text's factors the loss falls more than ten times more slowly;
``Depth`` follows the text, where factors do not change a slope.
"""

import math
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from mnemoscope.errors import InputError
from mnemoscope.residual import ResidualBranches, ResidualMLP
from mnemoscope.theory import power_law

PAPER = "Marion, Wu, Sander & Biau, arXiv 2309.01213"
NEW = "this study"

DIM = 16
"""q = d = d'; A and B are the identity and stay."""
SEGMENT = 256
"""Layers between checkpoints: what stays in the cache is cheaper to compute twice than to write and read back."""


def regression(
    depth: int, width: int, n_samples: int, *, normalized: bool, generator: torch.Generator
) -> tuple[ResidualMLP, Tensor, Tensor]:
    """A GELU network with a tied start whose ends stay, and standard normal data, which do not depend on the depth.

    In double precision: in single, the distance to the deepest network levels off after ten iterations, and steps of
    the long run become smaller than the spacing of the weights.
    """
    branches = ResidualBranches(
        DIM, width, depth, normalized=normalized, segment=SEGMENT, generator=generator, dtype=torch.float64
    )
    network = ResidualMLP(DIM, DIM, branches)
    for end in (network.lift, network.project):
        end.requires_grad_(False)
    x, y = torch.randn(2, n_samples, DIM, generator=generator, dtype=torch.float64)
    return network, x, y


def slope(x: Any, y: Any) -> tuple[float, str]:
    """The exponent by least squares in the logarithms, and its 95 % interval from the scatter around the line."""
    try:
        found = power_law(x, y)
    except InputError:  # a distance of zero has no logarithm, and no rate either
        return math.nan, ""
    return found.value, f"; 95 % interval {found.interval[0]:.3f} to {found.interval[1]:.3f}"


def draw_power(axes: Axes, x: Any, start: float, exponent: float, label: str) -> None:
    """A thick line of the theory's slope."""
    x = np.asarray(x, dtype=float)
    axes.plot(x, start * (x / x[0]) ** exponent, color="C3", linestyle="-", linewidth=3, alpha=0.4, label=label)
