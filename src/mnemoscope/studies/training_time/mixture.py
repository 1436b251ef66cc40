"""An 8-dimensional mixture of two Gaussians, learnt by a small network (the source's own example).

    x ~ ½ N(μ, s² I) + ½ N(−μ, s² I),   |μ| = 3/2, s = 1/2, d = 8,

for several numbers of items n, widths, learning rates, and noise draws of each item that are made once (m) in place of
anew at each step.
"""

from collections.abc import Iterator, Sequence

import torch
import xarray as xr
from pydantic import Field

from mnemoscope.data import Dataset
from mnemoscope.data.laws import GaussianMixture
from mnemoscope.networks import NetworkSpec
from mnemoscope.processes import VariancePreserving
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.studies.training_time.claims import claims_of
from mnemoscope.studies.training_time.drawing import along_training, times_by_setting, times_by_size
from mnemoscope.studies.training_time.looks import train_and_look
from mnemoscope.sweeps import Result, grid
from mnemoscope.training import TrainingSpec

DIM, MEAN, SPREAD = 8, 1.5, 0.5
HELD_OUT = 512
BATCH_SIZE = 64
EMA_DECAY = 0.99
STEPS, STEPS_PER_ITEM = 1200, 90
"""A training ends after so many steps, and so many more for each item: after memorization begins."""

USUAL = {"width": 128, "learning_rate": 1e-3, "noise_draws": float("inf")}


class Mixture(Experiment, frozen=True):
    """One training on n items.

    Attributes:
        n: training items.
        width: of the network's layers.
        learning_rate: of Adam.
        noise_draws: m of each item; infinite if they are made anew at each step.
        seed: of every draw.
    """

    n: int = Field(ge=2)
    width: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    noise_draws: float = Field(ge=1)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        train, held_out = (
            Dataset(law().sample(size, generator).float().numpy(), name)
            for size, name in ((self.n, "train"), (HELD_OUT, "held out"))
        )
        training = TrainingSpec(
            steps=STEPS + STEPS_PER_ITEM * self.n,
            batch_size=min(self.n, BATCH_SIZE),
            learning_rate=self.learning_rate,
            noise_draws=self.noise_draws,
            ema_decay=EMA_DECAY,
            seed=self.seed,
        )
        network = NetworkSpec("mlp", (DIM,), {"width": self.width})
        return train_and_look(train, held_out, network, VariancePreserving(), training)

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Mixture"]:
        quick = preset == "quick"
        middle = 32
        repeats = {16: 2, 32: 2, 64: 2, 128: 1} if quick else dict.fromkeys((16, 32, 64, 128, 256), 10)
        trials = [trial for n, times in repeats.items() for trial in grid(cls, n=n, **USUAL, seed=seeds(times))]
        for name, others in (("width", [512, 32]), ("learning_rate", [3e-3, 3e-4]), ("noise_draws", [10.0, 1.0])):
            for other in others[:1] if quick else others:
                trials += grid(cls, n=middle, **USUAL | {name: other}, seed=seeds(1 if quick else 3))
        return trials

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        yield from claims_of("mixture", rows(results, **USUAL))

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        usual = rows(results, **USUAL)
        yield times_by_size("mixture", usual)
        yield along_training("mixture", usual)
        yield times_by_setting("mixture", results, USUAL)


def law() -> GaussianMixture:
    """The mixture."""
    mean = torch.full((DIM,), MEAN / DIM**0.5, dtype=torch.float64)
    covariance = SPREAD**2 * torch.eye(DIM, dtype=torch.float64)
    return GaussianMixture(torch.stack([mean, -mean]), torch.stack([covariance, covariance]))
