"""Residual score networks on a few digits: does depth, or the start along the depth, change what they memorize?

Networks are compared at equal loss, not at equal steps: along training the loss is measured on the same draws of
(item, time, noise) for every network, and at the same moments samples are drawn and audited against held-out digits.
Digits are averaged to 4×4, so that networks of this size come to memorize within minutes.
"""

import numpy as np
import torch
from torch import Tensor, nn

from mnemoscope.data import Dataset, load_digits
from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.networks import NetworkScore, ResidualNetwork
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.sweeps import Result
from mnemoscope.training import TrainingSpec, fit
from mnemoscope.training.draws import Draws
from mnemoscope.training.fit import denoising_loss

WIDTH, BATCH, LEARNING_RATE, EMA_DECAY = 64, 128, 3e-2, 0.99
LOOKS = 8
SAMPLES, SAMPLER_STEPS = 200, 20
LOSS_DRAWS = 4096
CONTRAST = 1.3


def train_score(depth: int, initialization: str, n_samples: int, steps: int, seed: int) -> Result:
    """The loss, and the share of copies with its null and the interval of the excess, at ``LOOKS`` moments."""
    digits = load_digits()
    train, holdout = (_pool(part) for part in digits.split(n_holdout=digits.n_samples - n_samples, seed=seed))
    process = OrnsteinUhlenbeck(t_min=1e-3, t_max=2.5)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # the network's linear layers draw from torch's own generator
        network = ResidualNetwork(tuple(train.shape[1:]), width=WIDTH, depth=depth, initialization=initialization)
    spec = TrainingSpec(steps=steps, batch_size=BATCH, learning_rate=LEARNING_RATE, ema_decay=EMA_DECAY, seed=seed)
    draws = Draws(train, process, TrainingSpec(batch_size=LOSS_DRAWS), torch.Generator().manual_seed(seed)).batch()
    monitor = MemorizationMonitor(train, holdout, process, n_samples=SAMPLES, n_steps=SAMPLER_STEPS, seed=seed)
    rows = []

    def watch(score: NetworkScore, step: int) -> None:
        with torch.no_grad():
            loss = float(denoising_loss(score.network, process, *draws, spec.weighting))
        found = monitor.update(score, step).result
        rows.append((loss, found.rate.fraction, found.null.fraction, *found.excess_interval))

    fit(network, train, process, spec, watch=watch, watch_every=max(steps // LOOKS, 1))
    loss, copies, null, low, high = np.array(rows[:LOOKS]).T
    return {
        "look": ("look", np.arange(1, LOOKS + 1)),
        "score_loss": ("look", loss),
        "copies": ("look", copies),
        "null": ("look", null),
        "excess_low": ("look", low),
        "excess_high": ("look", high),
    }


def _pool(digits: Dataset) -> Tensor:
    """Digits averaged to 4×4, flattened, and brought back to about unit scale."""
    return CONTRAST * nn.functional.avg_pool2d(digits.to_model()[:, None], 2).flatten(1)
