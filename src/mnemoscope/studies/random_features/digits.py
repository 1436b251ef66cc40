"""A few digits to train on, samples of the trained model, and how many of these are copies.

The audit is against the digits that are not trained on.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mnemoscope.data import Dataset, load_digits
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.sampling import sample
from mnemoscope.scores import Score
from mnemoscope.studies.copies import copies

SAMPLES = 300
SAMPLER_STEPS = 8
LATEST_TIME = 3.0
"""At the start of the sampler σ/α = 20."""


@dataclass(frozen=True)
class TrainingDigits:
    """Digits to train on and all others, centred and scaled to the variance 1 of the former.

    Attributes:
        train: the training digits as images.
        holdout: all other digits as images.
        mean: the mean training digit on the scale of a model, shape ``(8, 8)``.
        scale: their standard deviation around it, over all pixels.
    """

    train: Dataset
    holdout: Dataset
    mean: Tensor
    scale: Tensor

    @classmethod
    def draw(cls, n_samples: int, seed: int) -> "TrainingDigits":
        """``n_samples`` of the bundled digits, picked at random."""
        images = load_digits()
        order = np.random.default_rng(seed).permutation(images.n_samples)
        train, holdout = images.take(order[:n_samples]), images.take(order[n_samples:])
        pixels = train.to_model(torch.float64)
        mean = pixels.mean(dim=0)
        return cls(train, holdout, mean, (pixels - mean).square().mean().sqrt())

    def items(self) -> Tensor:
        """The training digits, centred and scaled, shape ``(n_samples, 8, 8)``, double precision."""
        return self._scaled(self.train)

    def fresh(self) -> Tensor:
        """All other digits in the same units."""
        return self._scaled(self.holdout)

    def copies(
        self, score: Score, process: OrnsteinUhlenbeck, seed: int, generator: torch.Generator
    ) -> dict[str, float]:
        """The audit of samples of a model that was trained on ``items``, flattened or not."""
        drawn = sample(score, process, SAMPLES, generator=generator, n_steps=SAMPLER_STEPS)
        samples = drawn.reshape(-1, *self.train.event_shape) * self.scale + self.mean
        return copies(samples, self.train, self.holdout, seed)

    def _scaled(self, digits: Dataset) -> Tensor:
        return (digits.to_model(torch.float64) - self.mean) / self.scale
