"""The U-Net half of the study: one network for all times, trained on a fixed table of noise draws.

George, Veiga & Macris (arXiv 2502.00336, Figure 4) repeat their count of copies with a U-Net in place of random
features: the width grows, the training images and the noise draws m of each stay the same. A network that never copies
may be one that generalizes or one that has learnt nothing, so its losses stand beside its copies. They are of the
predicted velocity, in units of the training images' variance: a network that predicts nothing has train loss 1.
"""

import math
from dataclasses import replace

import torch
from torch import Tensor

from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.processes import Process
from mnemoscope.sweeps import Result
from mnemoscope.training import TrainingSpec, denoising_loss, fit
from mnemoscope.training.draws import Draws

BATCH_SIZE = 16
LEARNING_RATE = 3e-3
EMA_DECAY = 0.99
LAST_STEPS = 100
"""Steps at the end of training over which its loss is averaged."""
FRESH_DRAWS = 2000
"""New draws on which a test loss is measured."""


def train_unet(
    items: Tensor,
    fresh: Tensor,
    process: Process,
    *,
    width: int,
    noise_draws: int,
    steps: int,
    seed: int,
) -> tuple[NetworkScore, Result]:
    """A U-Net on ``items``, and its size and losses.

    Args:
        items: training images of unit scale, shape ``(n_samples, height, width)``.
        fresh: images it is not trained on, at the same scale.
        process: the forward process.
        width: channels of the finest of two scales.
        noise_draws: m, each with a time of its own.
        steps: optimizer steps.
        seed: of weights and draws.

    Returns:
        The score, and ``n_parameters``; ``train_loss``, the mean batch loss of the last steps, on the very draws that
        are trained on; ``test_loss``, of the averaged weights on new draws of ``fresh``.
    """
    spec = TrainingSpec(
        steps=steps,
        batch_size=BATCH_SIZE,
        noise_draws=noise_draws,
        learning_rate=LEARNING_RATE,
        ema_decay=EMA_DECAY,
        seed=seed,
    )
    network = build_network(NetworkSpec("unet", tuple(items.shape[1:]), {"width": width}), seed)
    fitted = fit(network, items, process, spec)
    generator = torch.Generator().manual_seed(seed)
    unseen = Draws(fresh, process, replace(spec, noise_draws=math.inf, batch_size=FRESH_DRAWS), generator)
    with torch.no_grad():
        test_loss = denoising_loss(fitted.score.network, process, *unseen.batch(), spec.weighting)
    last = fitted.losses[-LAST_STEPS:]
    return fitted.score, {
        "n_parameters": sum(weights.numel() for weights in network.parameters()),
        "train_loss": math.fsum(last) / len(last),
        "test_loss": float(test_loss),
    }
