"""A two-layer network with the time as an input, and what it generates (Fig. 3 and 4 of the paper).

The data are n draws of N(0, 4I). The network predicts the noise from (x_t, t), t on a grid of [0.01, 1] with
probability ∝ σ(t) (the paper's text; its code has 1/σ). Samples follow the backward equation from N(0, I) at t = 1 to
t = 0.01. Two distances are unbiased MMD² with the kernel e^{−‖·‖²/2}: to samples of the optimal score, which are copies
of the data, and to the Gaussian fitted to the data. Copies are counted against fresh draws of N(0, 4I).

The loss is averaged over dimensions (η/d): with the sum, the published η = 2 diverges within ten steps.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from mnemoscope.auditing import mmd_squared
from mnemoscope.data import Dataset, Gaussian
from mnemoscope.mean_field import TwoLayerBatch, stochastic_descent
from mnemoscope.processes import OrnsteinUhlenbeck, Time
from mnemoscope.processes.base import as_time
from mnemoscope.sampling import sample
from mnemoscope.scores import EmpiricalScore, Score
from mnemoscope.studies.copies import COPIES, copies
from mnemoscope.studies.large_steps.generation_plots import (
    crossing,
    draw_generation,
    mean_distances,
    of_two_dimensions,
    sharing_the_step,
)
from mnemoscope.studies.large_steps.published import PAPER
from mnemoscope.studies.rows import frame, rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid

PROCESS = OrnsteinUhlenbeck(t_min=0.01, t_max=1.0)
TIMES = np.linspace(PROCESS.t_min, PROCESS.t_max, 100)
SAMPLES = 1000
SHOWN = 300
"""Samples kept for the figure, of two-dimensional data."""

_SAMPLER_STEPS = 100


class Generation(Experiment, frozen=True):
    """One network and its samples.

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
        data = 2 * torch.randn(self.n_samples, self.dim, generator=generator)
        networks = TwoLayerBatch.draw(self.dim + 1, self.dim, self.width, [generator])
        descent = stochastic_descent(
            networks,
            lambda _, n_steps: noise_draws(data, self.batch, n_steps, generator),
            learning_rates=[self.learning_rate / self.dim],
            steps=[self.steps],
        )
        found = {"diverged": int(descent.diverged[0]), "train_loss": float(descent.losses[0])}
        if descent.diverged[0]:
            return found | dict.fromkeys(["mmd_optimal", "mmd_gaussian", *COPIES], math.nan)

        samples = self._generate(_Learned(networks, self.dim), generator)
        optimal = self._generate(EmpiricalScore(data, PROCESS), generator)
        gaussian = Gaussian.fit(data.double()).sample(SAMPLES, generator).float()
        fresh = 2 * torch.randn(SAMPLES, self.dim, generator=generator)
        scale = (-1.0, 1.0)  # the model's, whatever extremes the draws happen to reach
        train, holdout = Dataset(data.numpy(), "training data", scale), Dataset(fresh.numpy(), "fresh draws", scale)
        found |= {
            "mmd_optimal": mmd_squared(samples, optimal, bandwidth=1.0),
            "mmd_gaussian": mmd_squared(samples, gaussian, bandwidth=1.0),
            **copies(samples, train, holdout, self.seed),
        }
        if self.dim != 2:
            return found
        return found | {
            "generated": (("item", "axis"), samples[:SHOWN].numpy()),
            "training": (("training_item", "axis"), data.numpy()),
        }

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

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Generation"]:
        """Fig. 3, and Fig. 4 at a step that the dimensions share: that of two dimensions stands in both."""
        quick = preset == "quick"
        fields = {"n_samples": 10, "width": 1000, "seed": seeds(1 if quick else 3)}
        steps = {1.0: 10_000, 0.1: 30_000} if quick else {2.0: 20_000, 1.0: 20_000, 0.1: 30_000}
        trials = [
            trial
            for eta, number in steps.items()
            for trial in grid(cls, **fields, batch=250 if quick else 5000, dim=2, learning_rate=eta, steps=number)
        ]
        dims = [2, 10, 50] if quick else [2, 5, 10, 20, 50, 100]
        return trials + grid(cls, **fields, batch=250, dim=dims, learning_rate=0.5, steps=1_500 if quick else 50_000)

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        """With a larger η, or in more dimensions, samples come closer to the Gaussian and copies become fewer."""
        flat, high = of_two_dimensions(frame(results)), sharing_the_step(frame(results))
        yield Claim(
            "crossing",
            "The distances MMD² of the samples to those of the optimal score and to the fitted Gaussian cross at an η"
            " between 0.1 and 1 (means over seeds, interpolated in log η).",
            f"{PAPER}, Fig. 3",
            crossing(mean_distances(flat, "learning_rate")),
            (0.1, 1.0),
        )
        means = mean_distances(high, "dim")
        to_gaussian = means.mmd_gaussian.to_numpy()
        yield Claim(
            "dimension",
            f"MMD² to the fitted Gaussian falls with d ({', '.join(f'{d:g}' for d in means.index)}; largest ratio of"
            " neighbouring means).",
            f"{PAPER}, Fig. 4",
            float((to_gaussian[1:] / to_gaussian[:-1]).max()),
            (None, 1.0),
        )
        yield Claim(
            "dimension-vanishes",
            "At the largest d the distance to the fitted Gaussian has vanished beside that to the optimal score's"
            " samples (ratio of the two).",
            f"{PAPER}, Fig. 4",
            float((means.mmd_gaussian / means.mmd_optimal).to_numpy()[-1]),
            (None, 0.01),
        )
        small, large = (flat[flat.learning_rate == eta] for eta in (0.1, 1.0))
        yield Claim(
            "copies",
            "More samples are copies at η = 0.1 than at η = 1: distance between the 95 % intervals of their excess over"
            " the null, smallest over seeds.",
            "here",
            float((small.excess_low.to_numpy() - large.excess_high.to_numpy()).min()),
            (0.0, None),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        """Distances, copies, and the samples themselves."""
        return draw_generation(frame(results), rows(results))


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
