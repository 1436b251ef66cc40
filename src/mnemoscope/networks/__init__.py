"""Trainable scores: networks that predict the velocity, and the score that follows from it.

A network is a ``torch.nn.Module`` with ``forward(x, noise_level)``; ``noise_level`` is log(σ/α), one for each item, so
that one network serves every process. ``NetworkScore`` turns it into a score. Random-feature scores are models of one
time each, trained in closed form.
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
from mnemoscope.networks.score import NetworkScore
from mnemoscope.networks.two_layer import TwoLayer, TwoLayerBatch
from mnemoscope.networks.unet import UNet

__all__ = [
    "MLP",
    "GradientFlow",
    "Moments",
    "NetworkScore",
    "NetworkSpec",
    "RandomFeatureGrid",
    "RandomFeatureScore",
    "TwoLayer",
    "TwoLayerBatch",
    "UNet",
    "build_network",
    "collect_moments",
    "gradient_descent",
    "network_names",
    "ridge_readout",
    "stochastic_gradient_descent",
]
