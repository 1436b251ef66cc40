"""Deep residual networks h + f(h, Z_k)/L, their neural ODEs, and how smooth their weights are along the depth.

Marion, Wu, Sander & Biau, "Implicit regularization of deep residual networks towards neural ODEs", ICLR 2024, arXiv
2309.01213. ``stack`` is the recurrence, ``initial`` its weights at the start; ``dense``, ``convolutional`` and
``score`` are networks; ``layers``, ``smoothness`` and ``ode`` look at any residual stack; ``descent`` trains.
"""

from mnemoscope.networks.residual.convolutional import ConvolutionalBlock, ResidualCNN
from mnemoscope.networks.residual.dense import ResidualBranches, ResidualMLP
from mnemoscope.networks.residual.descent import (
    DescentStep,
    descend,
    gradient_flow,
    mean_square_loss,
    polyak_lojasiewicz,
)
from mnemoscope.networks.residual.initial import SmoothPath, initial_layers
from mnemoscope.networks.residual.layers import layer_weights
from mnemoscope.networks.residual.ode import NeuralODE, Resampled, neural_ode, ode_distance, resample_depth
from mnemoscope.networks.residual.score import ResidualNetwork
from mnemoscope.networks.residual.smoothness import Smoothness, smoothness, successive_distances
from mnemoscope.networks.residual.stack import residual_stack

__all__ = [
    "ConvolutionalBlock",
    "DescentStep",
    "NeuralODE",
    "Resampled",
    "ResidualBranches",
    "ResidualCNN",
    "ResidualMLP",
    "ResidualNetwork",
    "SmoothPath",
    "Smoothness",
    "descend",
    "gradient_flow",
    "initial_layers",
    "layer_weights",
    "mean_square_loss",
    "neural_ode",
    "ode_distance",
    "polyak_lojasiewicz",
    "resample_depth",
    "residual_stack",
    "smoothness",
    "successive_distances",
]
