"""The same on real images by U-Nets: 8×8 digits, and Fashion-MNIST.

Not by an MLP, which made no copy of 16 digits in 12,800 steps.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from pydantic import Field

from mnemoscope.data import Dataset
from mnemoscope.networks import NetworkSpec
from mnemoscope.processes import VariancePreserving
from mnemoscope.studies.images import ImageName, image_names, load_images, missing_images
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.studies.training_time.claims import claims_of
from mnemoscope.studies.training_time.drawing import along_training, times_by_size
from mnemoscope.studies.training_time.looks import train_and_look
from mnemoscope.sweeps import Result, grid
from mnemoscope.training import TrainingSpec

HELD_OUT = 512
BATCH_SIZE = 64
LEARNING_RATE = 1e-3
EMA_DECAY = 0.99

STEPS = {"digits": (1000, 60), "fashion-mnist": (0, 200)}
"""A training ends after so many steps, and so many more for each item: after memorization begins."""
WIDTHS = {"digits": 8, "fashion-mnist": 32}


class Images(Experiment, frozen=True):
    """One training on n images.

    Attributes:
        data: the images; Fashion-MNIST at 14×14.
        n: training images.
        seed: of every draw.
    """

    data: ImageName
    n: int = Field(ge=2)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        images = load_images(self.data)
        order = np.random.default_rng(self.seed).permutation(images.n_samples)
        train, held_out = (
            Dataset(images.take(part).to_model().numpy(), name, (-1.0, 1.0))
            for part, name in ((order[: self.n], "train"), (order[self.n :][:HELD_OUT], "held out"))
        )
        steps, steps_per_item = STEPS[self.data]
        training = TrainingSpec(
            steps=steps + steps_per_item * self.n,
            batch_size=min(self.n, BATCH_SIZE),
            learning_rate=LEARNING_RATE,
            ema_decay=EMA_DECAY,
            seed=self.seed,
        )
        network = NetworkSpec("unet", images.event_shape, {"width": WIDTHS[self.data]})
        return train_and_look(train, held_out, network, VariancePreserving(), training)

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Images"]:
        if preset == "quick":
            return grid(cls, data="digits", n=[16, 32], seed=seeds(1))
        return grid(cls, data=image_names(), n=[16, 32, 64, 128], seed=seeds(3))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        for data in dict.fromkeys(rows(results)["data"].values):
            yield from claims_of(data, rows(results, data=data))

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        for data in dict.fromkeys(rows(results)["data"].values):
            found = rows(results, data=data)
            yield times_by_size(data, found, missing_images())
            yield along_training(data, found)
