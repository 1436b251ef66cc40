"""An inverse problem on images with two possible answers: a picture of a small square, or of a slightly larger one.

Of two 64×64 pictures, with a square of 12² and of 14² pixels in the middle, one is to be found from a blurred and noisy
measurement, the means of its 16×16 blocks. The exact score returns one of the two pictures, each with the posterior
probability that Bayes' rule gives it: 1/2 without a measurement, and the weights of ``condition_weights`` given one.
``squares-network`` trains a U-Net on the two pictures, a quarter of the size in both directions to be affordable.
"""

import numpy as np
import torch
from torch import Tensor

from mnemoscope.networks.build import NetworkSpec, build_network
from mnemoscope.processes import EDM
from mnemoscope.sampling import sample
from mnemoscope.scores import EmpiricalScore, ScoreFunction, condition_weights
from mnemoscope.studies.regularization.trials import Experiment
from mnemoscope.sweeps import Result
from mnemoscope.training import TrainingSpec, fit

SIDE, SMALL, LARGE, BLOCK = 64, 12, 14, 16
SHRINK = 4
"""The U-Net's pictures are 16×16, with squares of 3² and 4² pixels."""

PROCESS = EDM()
SAMPLER_STEPS = 40
SAMPLES = 1000
MEASUREMENT_NOISE = 0.15

NETWORK_SAMPLES = 32
LOOK_EVERY = 250
BATCH_SIZE = 16


def picture(side: int, square: int) -> Tensor:
    """White (1) in the middle, black (−1) around it, shape ``(side, side)``."""
    image = torch.full((side, side), -1.0)
    start = (side - square) // 2
    image[start : start + square, start : start + square] = 1.0
    return image


def closed_form(trial: Experiment) -> Result:
    """How often each picture is found, without a measurement and given one of the large square, and how exactly."""
    train = torch.stack([picture(SIDE, SMALL), picture(SIDE, LARGE)])
    generator = torch.Generator().manual_seed(trial.seed)
    blocks = SIDE // BLOCK
    measured = train.reshape(2, blocks, BLOCK, blocks, BLOCK).mean(dim=(2, 4))
    noise = torch.randn(measured.shape[1:], generator=generator)
    weights = condition_weights(measured, measured[1] + MEASUREMENT_NOISE * noise, MEASUREMENT_NOISE)
    found: dict[str, float] = {}
    for name, prior in (("prior", torch.ones(2)), ("posterior", weights)):
        score = EmpiricalScore(train, PROCESS, prior)
        latents = PROCESS.t_max * torch.randn(SAMPLES, SIDE, SIDE, generator=generator, dtype=torch.float64)
        # In batches that stay in the cache: fresh memory for every large temporary would cost more than the arithmetic.
        x = sample(score, PROCESS, SAMPLES, generator=generator, n_steps=SAMPLER_STEPS, initial=latents, batch_size=32)
        apart = torch.cdist(x.flatten(1), train.double().flatten(1))
        found[f"{name}_large"] = int((apart.argmin(dim=1) == 1).sum())
        found[f"{name}_expected"] = float(prior[1] / prior.sum())
        found[f"{name}_distance"] = float(apart.amin(dim=1).max())
    return {**found, "pictures": SAMPLES}


def trained(trial: Experiment) -> Result:
    """Distance of a U-Net's samples to the nearer picture, in units of the pictures' distance, along its training."""
    side = SIDE // SHRINK
    train = torch.stack([picture(side, SMALL // SHRINK), picture(side, 4)])
    between = float((train[0] - train[1]).norm())
    generator = torch.Generator().manual_seed(trial.seed)
    latents = PROCESS.t_max * torch.randn(NETWORK_SAMPLES, side, side, generator=generator)
    looks: list[int] = []
    nearest: list[Tensor] = []
    pictures: list[Tensor] = []

    def watch(score: ScoreFunction, step: int) -> None:
        x = sample(score, PROCESS, NETWORK_SAMPLES, generator=generator, n_steps=SAMPLER_STEPS, initial=latents)
        looks.append(step)
        nearest.append(torch.cdist(x.flatten(1), train.flatten(1)).amin(dim=1) / between)
        pictures.append(x[:4])

    options = {"width": trial.width, "scales": 2, "blocks": 1}
    network = build_network(NetworkSpec("unet", (side, side), options), trial.seed)
    spec = TrainingSpec(steps=trial.steps, batch_size=BATCH_SIZE, seed=trial.seed)
    fit(network, train, PROCESS, spec, watch=watch, watch_every=LOOK_EVERY)
    return {
        "look": ("look", np.array(looks)),
        "to_picture": (("look", "picture"), torch.stack(nearest).numpy()),
        "shown": (("look", "example", "row", "column"), torch.stack(pictures).numpy()),
    }
