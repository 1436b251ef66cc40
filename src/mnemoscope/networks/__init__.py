"""Trainable scores: networks that predict the velocity, and the score that follows from it.

A network is a ``torch.nn.Module`` with ``forward(x, noise_level)``; ``noise_level`` is log(σ/α), one for each item, so
that one network serves every process. ``NetworkScore`` turns it into a score. Random-feature scores are models of one
time each, trained in closed form. ``residual`` holds deep residual networks and what can be asked of any of them.
"""

from mnemoscope.networks.build import NetworkSpec, build_network, network_names
from mnemoscope.networks.closed_form import (
    GradientFlow,
    Moments,
    collect_moments,
    gradient_descent,
    ridge_readout,
    stochastic_gradient_descent,
)
from mnemoscope.networks.mlp import MLP
from mnemoscope.networks.random_features import RandomFeatureGrid, RandomFeatureScore
from mnemoscope.networks.residual import (
    ConvolutionalBlock,
    DescentStep,
    NeuralODE,
    Resampled,
    ResidualBranches,
    ResidualCNN,
    ResidualMLP,
    ResidualNetwork,
    Smoothness,
    SmoothPath,
    descend,
    gradient_flow,
    initial_layers,
    layer_weights,
    mean_square_loss,
    neural_ode,
    ode_distance,
    polyak_lojasiewicz,
    resample_depth,
    residual_stack,
    smoothness,
    successive_distances,
)
from mnemoscope.networks.score import NetworkScore
from mnemoscope.networks.two_layer import TwoLayer, TwoLayerBatch
from mnemoscope.networks.unet import UNet

__all__ = [
    "MLP",
    "ConvolutionalBlock",
    "DescentStep",
    "GradientFlow",
    "Moments",
    "NetworkScore",
    "NetworkSpec",
    "NeuralODE",
    "RandomFeatureGrid",
    "RandomFeatureScore",
    "Resampled",
    "ResidualBranches",
    "ResidualCNN",
    "ResidualMLP",
    "ResidualNetwork",
    "SmoothPath",
    "Smoothness",
    "TwoLayer",
    "TwoLayerBatch",
    "UNet",
    "build_network",
    "collect_moments",
    "descend",
    "gradient_descent",
    "gradient_flow",
    "initial_layers",
    "layer_weights",
    "mean_square_loss",
    "network_names",
    "neural_ode",
    "ode_distance",
    "polyak_lojasiewicz",
    "resample_depth",
    "residual_stack",
    "ridge_readout",
    "smoothness",
    "stochastic_gradient_descent",
    "successive_distances",
]
