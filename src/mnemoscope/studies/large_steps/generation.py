"""A two-layer network with the time as an input, and what it generates (Fig. 3 and 4 of the paper).

The data are n draws of N(0, 4I). The network predicts the noise from (x_t, t), t on a grid of [0.01, 1] with
probability ∝ σ(t) (the paper's text; its code has 1/σ). Samples follow the backward equation from N(0, I) at t = 1 to
t = 0.01. Two distances are unbiased MMD² with the kernel e^{−‖·‖²/2}: to samples of the optimal score, which are copies
of the data, and to the Gaussian fitted to the data. Copies are counted against fresh draws of N(0, 4I).

The loss is averaged over dimensions (η/d): with the sum, the published η = 2 diverges within ten steps.
"""

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.auditing import audit, mmd_squared
from mnemoscope.data import Dataset, Gaussian
from mnemoscope.mean_field import TwoLayerBatch, stochastic_descent
from mnemoscope.processes import OrnsteinUhlenbeck, Time
from mnemoscope.processes.base import as_time
from mnemoscope.sampling import sample
from mnemoscope.scores import EmpiricalScore, Score, ScoreFunction
from mnemoscope.sweeps import Result

if TYPE_CHECKING:
    from mnemoscope.studies.large_steps.trials import Experiment

PROCESS = OrnsteinUhlenbeck(t_min=0.01, t_max=1.0)
TIMES = np.linspace(PROCESS.t_min, PROCESS.t_max, 100)
SAMPLES = 1000
SHOWN = 300
"""Samples kept for the figure, of two-dimensional data."""
SETS = ("samples", "training data", "fresh draws")

_SAMPLER_STEPS = 100


def result(trial: "Experiment") -> Result:
    """Train, generate, and hold the samples against the optimal score's, the fitted Gaussian and the data."""
    generator = torch.Generator().manual_seed(trial.seed)
    data = 2 * torch.randn(trial.n_samples, trial.dim, generator=generator)
    networks = TwoLayerBatch.draw(trial.dim + 1, trial.dim, trial.width, [generator])
    course = stochastic_descent(
        networks,
        lambda _, n_steps: noise_draws(data, trial.batch, n_steps, generator),
        learning_rates=[trial.learning_rate / trial.dim],
        steps=[trial.steps],
    )
    found = {"diverged": int(course.diverged[0]), "train_loss": float(course.losses[0])}
    names = ["mmd_optimal", "mmd_gaussian", "copies", "null", "excess_low", "excess_high"]
    if course.diverged[0]:
        return found | dict.fromkeys(names, math.nan)

    samples = _generate(_Learned(networks, trial.dim), trial, generator)
    optimal = _generate(EmpiricalScore(data, PROCESS), trial, generator)
    gaussian = Gaussian.fit(data.double()).sample(SAMPLES, generator).float()
    fresh = 2 * torch.randn(SAMPLES, trial.dim, generator=generator)
    # All three are on one scale, whatever extremes they happen to reach; the rule does not look at it.
    sets = [Dataset(items.numpy(), name, (-1.0, 1.0)) for name, items in zip(SETS, (samples, data, fresh), strict=True)]
    audited = audit(sets[0], sets[1], holdout=sets[2], measures=["distance-ratio"], seed=trial.seed).results[0]
    found |= {
        "mmd_optimal": mmd_squared(samples, optimal, bandwidth=1.0),
        "mmd_gaussian": mmd_squared(samples, gaussian, bandwidth=1.0),
        "copies": audited.rate.fraction,
        "null": audited.null.fraction,
        "excess_low": audited.excess_interval[0],
        "excess_high": audited.excess_interval[1],
    }
    if trial.dim != 2:
        return found
    return found | {
        "generated": (("item", "axis"), samples[:SHOWN].numpy()),
        "training": (("training_item", "axis"), data.numpy()),
    }


class _Learned(Score):
    """A single network as a score: a ``Score``, so that the solver's times reach α and σ in double precision."""

    def __init__(self, networks: TwoLayerBatch, dim: int) -> None:
        self.networks, self.process, self.event_shape = networks, PROCESS, (dim,)

    def __call__(self, x: Tensor, t: Time) -> Tensor:
        times = as_time(t).to(x).reshape(-1, 1).expand(len(x), 1)
        return PROCESS.score_from_noise(self.networks(torch.cat([x, times], dim=1)[None])[0], t)


def noise_draws(
    data: Float[Tensor, "n_samples dim"], batch: int, n_steps: int, generator: torch.Generator
) -> tuple[Float[Tensor, "n_steps batch inputs"], Float[Tensor, "n_steps batch dim"]]:
    """Inputs (x_t, t) and the noise in them, for so many steps."""
    grid = torch.from_numpy(TIMES)
    at = torch.multinomial(PROCESS.sigma(grid), n_steps * batch, replacement=True, generator=generator)
    which = torch.randint(len(data), (n_steps * batch,), generator=generator)
    noise = torch.randn(n_steps * batch, data.shape[1], generator=generator)
    noised = PROCESS.perturb(data[which], grid[at], noise)
    inputs = torch.cat([noised, grid[at, None].float()], dim=1)
    return inputs.reshape(n_steps, batch, -1), noise.reshape(n_steps, batch, -1)


def _generate(score: ScoreFunction, trial: "Experiment", generator: torch.Generator) -> Tensor:
    initial = torch.randn(SAMPLES, trial.dim, generator=generator)
    return sample(
        score,
        PROCESS,
        SAMPLES,
        generator=generator,
        solver="sde",
        n_steps=_SAMPLER_STEPS,
        denoise=False,
        initial=initial,
    )
