"""Deep residual networks h + f(h, Z_k)/L, their neural ODEs, and how smooth their weights are along the depth.

Marion, Wu, Sander & Biau, "Implicit regularization of deep residual networks towards neural ODEs", ICLR 2024, arXiv
2309.01213. ``stack`` is the recurrence, ``initial`` its weights at the start; ``dense`` and
``convolutional`` are networks; ``layers``, ``smoothness`` and ``ode`` look at any residual stack; ``descent`` trains.
"""

from mnemoscope.residual.convolutional import ConvolutionalBlock, ResidualCNN
from mnemoscope.residual.dense import ResidualBranches, ResidualMLP
from mnemoscope.residual.descent import DescentStep, descend, gradient_flow, mean_square_loss, polyak_lojasiewicz
from mnemoscope.residual.initial import SmoothPath, initial_layers
from mnemoscope.residual.layers import layer_weights
from mnemoscope.residual.ode import NeuralODE, Resampled, neural_ode, ode_distance, resample_depth
from mnemoscope.residual.smoothness import Smoothness, smoothness, successive_distances
from mnemoscope.residual.stack import residual_stack

__all__ = [
    "ConvolutionalBlock",
    "DescentStep",
    "NeuralODE",
    "Resampled",
    "ResidualBranches",
    "ResidualCNN",
    "ResidualMLP",
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
