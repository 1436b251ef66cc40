"""Trainable scores: networks that predict the velocity, and the score that follows from it.

A network is a ``torch.nn.Module`` with ``forward(x, noise_level)``; ``noise_level`` is log(σ/α), one for each item, so
that one network serves every process. ``NetworkScore`` turns it into a score.
"""

from mnemoscope.networks.build import NetworkSpec, build_network, network_names
from mnemoscope.networks.mlp import MLP
from mnemoscope.networks.residual import ResidualNetwork
from mnemoscope.networks.score import NetworkScore
from mnemoscope.networks.two_layer import TwoLayer
from mnemoscope.networks.unet import UNet

__all__ = [
    "MLP",
    "NetworkScore",
    "NetworkSpec",
    "ResidualNetwork",
    "TwoLayer",
    "UNet",
    "build_network",
    "network_names",
]
