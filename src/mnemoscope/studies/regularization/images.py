"""Real images: what each regularization does to the share of copies and to the quality of the samples, side by side.

A model knows ``TRAIN`` images; all others are held out. Closed-form scores are followed back by the fixed-grid sampler;
a network (an MLP by ``mnemoscope.fit``) is looked at several times along its training. Every model is measured alike:

    copies, null     shares of copies among its samples and among held-out images (``mnemoscope.audit``, d1/d2 < 1/3)
    denoising_loss   E ‖E[x_0|x_t] − x_0‖²/d on held-out images, at each of ``NOISE_LEVELS``
    mmd              √max(0, MMD²) between samples and held-out images: Gaussian kernel, its bandwidth the median
                     distance of held-out images, unbiased (Gretton et al. 2012, eq. 3)
"""

import math

import numpy as np
import torch
from torch import Tensor

from mnemoscope.auditing import audit, mmd_squared
from mnemoscope.data import Dataset, from_model
from mnemoscope.networks.build import NetworkSpec, build_network
from mnemoscope.processes import EDM
from mnemoscope.sampling import sample
from mnemoscope.scores import Score
from mnemoscope.studies.images import load_images
from mnemoscope.studies.regularization.closed_form import make_score
from mnemoscope.studies.regularization.trials import Experiment
from mnemoscope.sweeps import Result
from mnemoscope.training import TrainingSpec, fit

TRAIN = 16
HELD_OUT = 1000
SAMPLES = 500
SAMPLER_STEPS = 40

PROCESS = EDM(t_min=0.02, t_max=20.0)
"""On images in [−1, 1]."""
NOISE_LEVELS = (0.1, 0.2, 0.5, 1.0)
"""σ at which the denoising loss is measured, α = 1."""

LOOKS = (250, 500, 1000, 2000, 4000, 8000, 16000)
"""Steps of training after which a network is looked at."""
BATCH_SIZE = 64
LEARNING_RATE = 2e-3


def images(trial: Experiment) -> Result:
    """Copies and quality of one model; along its training, for a network."""
    data = load_images(trial.data)
    order = np.random.default_rng(trial.seed).permutation(data.n_samples)
    train, held_out = data.take(order[:TRAIN]), data.take(order[TRAIN : TRAIN + HELD_OUT])
    if trial.score != "network":
        found = [_measure(make_score(trial, train.to_model().numpy(), PROCESS), train, held_out, trial.seed)]
        return _gather([0], found)

    looks = [step for step in LOOKS if step <= trial.steps]
    found = []

    def watch(score: Score, step: int) -> None:
        if step in looks:
            found.append(_measure(score, train, held_out, trial.seed))

    network = build_network(NetworkSpec("mlp", data.event_shape, {"width": trial.width}), trial.seed)
    spec = TrainingSpec(steps=looks[-1], batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE, seed=trial.seed)
    fit(network, train.to_model(), PROCESS, spec, watch=watch, watch_every=LOOKS[0])
    return _gather(looks, found)


def _gather(looks: list[int], found: list[dict[str, float | list[float]]]) -> Result:
    table = {name: ("look", np.array([one[name] for one in found])) for name in found[0] if name != "denoising_loss"}
    losses = np.array([one["denoising_loss"] for one in found])
    return {
        "look": ("look", np.array(looks)),
        "noise_level": ("noise_level", np.array(NOISE_LEVELS)),
        "denoising_loss": (("look", "noise_level"), losses),
        **table,
    }


def _measure(score: Score, train: Dataset, held_out: Dataset, seed: int) -> dict[str, float | list[float]]:
    """The same draws for every model of one seed."""
    generator = torch.Generator().manual_seed(seed)
    x0 = held_out.to_model()
    losses = [_denoising_loss(score, x0, level, generator) for level in NOISE_LEVELS]
    drawn = sample(score, PROCESS, SAMPLES, generator=generator, n_steps=SAMPLER_STEPS)
    samples = Dataset(from_model(drawn, train.value_range), "samples", train.value_range)
    found = audit(samples, train, holdout=held_out, measures=["distance-ratio"], seed=seed).results[0]
    squared = mmd_squared(samples.to_model().flatten(1), x0.flatten(1))
    return {
        "copies": found.rate.fraction,
        "copies_low": found.rate.interval[0],
        "copies_high": found.rate.interval[1],
        "null": found.null.fraction,
        "excess_low": found.excess_interval[0],
        "mmd": math.sqrt(max(0.0, squared)),
        "denoising_loss": losses,
    }


@torch.no_grad()
def _denoising_loss(score: Score, x0: Tensor, level: float, generator: torch.Generator) -> float:
    t = PROCESS.time_of(level)
    return float((score.denoiser(PROCESS.forward(x0, t, generator), t) - x0).square().mean())
