"""Trainable scores: networks that predict the noise, ε̂(x_t, t), and the score they define.

A network is a ``torch.nn.Module`` with ``forward(x, noise_level)``; ``noise_level`` is log(σ/α), one for each item, so
that one network serves every process. ``NetworkScore`` turns it into a score.
"""

from mnemoscope.networks.build import NetworkSpec, build_network, network_names
from mnemoscope.networks.mlp import MLP
from mnemoscope.networks.score import NetworkScore
from mnemoscope.networks.unet import UNet

__all__ = ["MLP", "NetworkScore", "NetworkSpec", "UNet", "build_network", "network_names"]
