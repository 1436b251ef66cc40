"""Trainable scores: networks that predict the velocity, or whatever ``Prediction`` says, and the score that follows.

A network is a ``torch.nn.Module`` with ``forward(x, noise_level)``; ``noise_level`` is log(σ/α), one for each item, so
that one network serves every process. One of several classes takes ``labels`` as well. ``NetworkScore`` turns it into a
score.
"""

from mnemoscope.networks.build import NetworkSpec, build_network, network_names
from mnemoscope.networks.dit import DiT
from mnemoscope.networks.mlp import MLP
from mnemoscope.networks.predictions import Prediction
from mnemoscope.networks.residual import ResidualNetwork
from mnemoscope.networks.score import NetworkScore
from mnemoscope.networks.two_layer import TwoLayer
from mnemoscope.networks.unet import UNet

__all__ = [
    "MLP",
    "DiT",
    "NetworkScore",
    "NetworkSpec",
    "Prediction",
    "ResidualNetwork",
    "TwoLayer",
    "UNet",
    "build_network",
    "network_names",
]
