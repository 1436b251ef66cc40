"""Networks on a few real images: are copies rare because the step is large, or because training was short?

Every network is trained with several learning rates for the same number of steps, and for the same η · steps. Were a
large step alone what prevents copies, both would show it. Digits are 8×8 as bundled; Fashion-MNIST is averaged to
14×14.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from mnemoscope.auditing import audit
from mnemoscope.data import Dataset, from_model
from mnemoscope.errors import ConvergenceError, DivergenceError, InputError
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.sampling import sample
from mnemoscope.studies.images import load_images
from mnemoscope.sweeps import Result
from mnemoscope.training import TrainingSpec, denoising_loss, fit, sharpness, stability_ratio

if TYPE_CHECKING:
    from mnemoscope.studies.large_steps.trials import Experiment

PROCESS = OrnsteinUhlenbeck(t_min=0.01, t_max=3.0)
SAMPLES = 300
POOL = 10_000
"""Training and held-out images are taken from the first so many."""

_SAMPLER_STEPS = 16
_TABLE = 512
"""Fixed draws on which the sharpness of the training loss is taken."""


def result(trial: "Experiment") -> Result:
    """Train, generate, audit against held-out images; for SGD on an MLP also the stability ratio η λ_max/2."""
    if trial.data == "gaussian":
        raise InputError("data: images are digits or fashion-mnist, got 'gaussian'")
    images = load_images(trial.data)
    order = np.random.default_rng(trial.seed).permutation(min(images.n_samples, POOL))
    train, holdout = images.take(order[: trial.n_samples]), images.take(order[trial.n_samples :])
    options = {"width": trial.width} | ({"depth": 2} if trial.network == "mlp" else {})
    network = build_network(NetworkSpec(trial.network, images.event_shape, options), trial.seed)
    spec = TrainingSpec(
        steps=trial.steps,
        batch_size=trial.batch,
        optimizer=trial.optimizer,
        learning_rate=trial.learning_rate,
        ema_decay=0.0,
        seed=trial.seed,
    )
    names = ["train_loss", "copies", "null", "excess_low", "excess_high", "stability_ratio"]
    try:
        trained = fit(network, train.to_model(), PROCESS, spec)
        samples = _generate(trained.score, images, trial.seed)
    except DivergenceError as error:
        return {"diverged": error.step} | dict.fromkeys(names, math.nan)
    found = audit(samples, train, holdout=holdout, measures=["distance-ratio"], seed=trial.seed).results[0]
    return {
        "diverged": 0,
        "train_loss": float(np.mean(trained.losses[-200:])),
        "copies": found.rate.fraction,
        "null": found.null.fraction,
        "excess_low": found.excess_interval[0],
        "excess_high": found.excess_interval[1],
        "stability_ratio": _ratio(trial, network, train.to_model()),
    }


def _generate(score: NetworkScore, images: Dataset, seed: int) -> Dataset:
    """Samples in grey values, clipped to their range as image files are."""
    generator = torch.Generator().manual_seed(seed)
    drawn = sample(score, PROCESS, SAMPLES, generator=generator, n_steps=_SAMPLER_STEPS)
    return Dataset(from_model(drawn, images.value_range), "samples", images.value_range)


def _ratio(trial: "Experiment", network: nn.Module, items: Tensor) -> float:
    """η λ_max/2 of the training loss on a fixed table of draws; NaN for Adam, whose steps have another scale."""
    if trial.optimizer != "sgd" or trial.network != "mlp":
        return math.nan
    generator = torch.Generator().manual_seed(trial.seed)
    x0 = items[torch.randint(len(items), (_TABLE,), generator=generator)]
    noise = torch.randn(x0.shape, generator=generator)
    low, high = PROCESS.ratio(torch.tensor([PROCESS.t_min, PROCESS.t_max])).log()
    times = PROCESS.time_of(torch.lerp(low, high, torch.rand(_TABLE, generator=generator)).exp())
    loss = _Loss(network, x0, times, noise)
    try:
        largest = sharpness(lambda p: torch.func.functional_call(loss, p, ()), dict(loss.named_parameters()))
    except ConvergenceError:
        return math.nan
    return stability_ratio(trial.learning_rate, 1, largest)


class _Loss(nn.Module):
    """The training loss on fixed draws, as a function of the parameters alone."""

    def __init__(self, network: nn.Module, x0: Tensor, times: Tensor, noise: Tensor) -> None:
        super().__init__()
        self.network, self.draws = network, (x0, times, noise)

    def forward(self) -> Tensor:
        return denoising_loss(self.network, PROCESS, *self.draws, "velocity")
