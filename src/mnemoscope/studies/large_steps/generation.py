"""A two-layer network with the time as an input, and what it generates: what Fig. 3 and 4 of the paper share.

The network predicts the noise from (x_t, t), t on a grid of [0.01, 1] with probability ∝ σ(t) (the paper's text; its
code has 1/σ). Samples follow the backward equation from N(0, I) at t = 1 to t = 0.01. Ten sets of 1,000 are drawn from
one network. Two distances are unbiased MMD²: to samples of the optimal score, which are copies of the data, and to the
Gaussian fitted to the data; a third, between these two, is their scale. The kernel is e^{−‖·‖²/2h²} at both h = 0.1 and
1: the paper's text has 1, and so has its Fig. 4, but the code that drew Fig. 3 has 0.1.

The loss is averaged over dimensions (η/d): with the sum, the published η = 2 diverges within ten steps.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from mnemoscope.auditing import mmd_squared
from mnemoscope.data import Dataset, Gaussian
from mnemoscope.mean_field import Descent, TwoLayerBatch, stochastic_descent
from mnemoscope.processes import OrnsteinUhlenbeck, Time
from mnemoscope.processes.base import as_time
from mnemoscope.sampling import sample
from mnemoscope.scores import EmpiricalScore, Score
from mnemoscope.studies.copies import COPIES, copies
from mnemoscope.studies.study import Experiment
from mnemoscope.sweeps import Result

PROCESS = OrnsteinUhlenbeck(t_min=0.01, t_max=1.0)
TIMES = np.linspace(PROCESS.t_min, PROCESS.t_max, 100)
SAMPLES, SETS = 1000, 10
"""Samples in a set, and sets of one network."""
BANDWIDTHS = (0.1, 1.0)
DISTANCES = ("mmd_optimal", "mmd_gaussian", "mmd_between")
"""Each over bandwidths and sets."""
SHOWN = 300
"""Samples kept for the figure, of two-dimensional data."""

_SAMPLER_STEPS = 100


class Generated(Experiment, frozen=True):
    """Base of the experiments with such networks: one network and its samples.

    Attributes:
        learning_rate: η; steps are width · η.
        batch: items of an SGD batch.
    """

    dim: int = Field(ge=1)
    n_samples: int = Field(ge=2)
    width: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        """Train, generate, and hold the samples against the optimal score's, the fitted Gaussian and the data."""
        generator = torch.Generator().manual_seed(self.seed)
        data = self.data(generator)
        networks = TwoLayerBatch.draw(self.dim + 1, self.dim, self.width, [generator])
        for steps, batch in self.phases():
            descent = self._descend(networks, data, steps, batch, generator)
            if descent.diverged[0]:
                break
        covariance = torch.cov(data.double().T).reshape(self.dim, self.dim)
        found: dict[str, Any] = {
            "diverged": int(descent.diverged[0]),
            "train_loss": float(descent.losses[0]),
            "generalized_variance": float(torch.linalg.det(covariance)),
            "bandwidth": ("bandwidth", np.array(BANDWIDTHS)),
        }
        if descent.diverged[0]:
            missing = np.full((len(BANDWIDTHS), SETS), math.nan)
            return found | dict.fromkeys(DISTANCES, (("bandwidth", "set"), missing)) | dict.fromkeys(COPIES, math.nan)

        sets = [self._compared(networks, data, generator)]
        samples = sets[0][0]
        fresh = 2 * torch.randn(SAMPLES, self.dim, generator=generator)
        scale = (-1.0, 1.0)  # the model's, whatever extremes the draws happen to reach
        train, holdout = Dataset(data.numpy(), "training data", scale), Dataset(fresh.numpy(), "fresh draws", scale)
        found |= copies(samples, train, holdout, self.seed)
        sets += [self._compared(networks, data, generator) for _ in range(SETS - 1)]
        measured = np.array([distances for _, distances in sets])
        found |= {name: (("bandwidth", "set"), measured[:, k].T) for k, name in enumerate(DISTANCES)}
        if self.dim != 2:
            return found
        return found | {
            "generated": (("item", "axis"), samples[:SHOWN].numpy()),
            "training": (("training_item", "axis"), data.numpy()),
        }

    def phases(self) -> Sequence[tuple[int, int]]:
        """Steps and the batch in which they are made, one phase after the other."""
        return [(self.steps, self.batch)]

    def data(self, generator: torch.Generator) -> Float[Tensor, "n_samples dim"]:
        """The training set: draws of N(0, 4I)."""
        return 2 * torch.randn(self.n_samples, self.dim, generator=generator)

    def _descend(
        self, networks: TwoLayerBatch, data: Tensor, steps: int, batch: int, generator: torch.Generator
    ) -> Descent:
        return stochastic_descent(
            networks,
            lambda _, n_steps: noise_draws(data, batch, n_steps, generator),
            learning_rates=[self.learning_rate / self.dim],
            steps=[steps],
        )

    def _compared(
        self, networks: TwoLayerBatch, data: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, list[list[float]]]:
        """A set of samples, and its distances to a set of each kind, at every bandwidth."""
        samples = self._generate(_Learned(networks, self.dim), generator)
        optimal = self._generate(EmpiricalScore(data, PROCESS), generator)
        gaussian = Gaussian.fit(data.double()).sample(SAMPLES, generator).float()
        pairs = ((samples, optimal), (samples, gaussian), (optimal, gaussian))
        return samples, [[mmd_squared(*pair, bandwidth=h) for h in BANDWIDTHS] for pair in pairs]

    def _generate(self, score: Score, generator: torch.Generator) -> Tensor:
        return sample(
            score,
            PROCESS,
            SAMPLES,
            generator=generator,
            solver="sde",
            n_steps=_SAMPLER_STEPS,
            denoise=False,
            initial=torch.randn(SAMPLES, self.dim, generator=generator),
        )


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
    times = torch.from_numpy(TIMES)
    at = torch.multinomial(PROCESS.sigma(times), n_steps * batch, replacement=True, generator=generator)
    which = torch.randint(len(data), (n_steps * batch,), generator=generator)
    noise = torch.randn(n_steps * batch, data.shape[1], generator=generator)
    noised = PROCESS.perturb(data[which], times[at], noise)
    inputs = torch.cat([noised, times[at, None].float()], dim=1)
    return inputs.reshape(n_steps, batch, -1), noise.reshape(n_steps, batch, -1)
