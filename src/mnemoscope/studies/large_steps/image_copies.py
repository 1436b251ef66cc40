"""Networks on a few real images: are copies rare because the step is large, or because training was short?

Every network is trained with several learning rates for the same number of steps, and for the same η · steps. Were a
large step alone what prevents copies, both would show it. Digits are 8×8 as bundled; Fashion-MNIST is averaged to
14×14. Not in the paper, so nothing is claimed.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor, nn

from mnemoscope.errors import ConvergenceError, DivergenceError
from mnemoscope.networks import NetworkSpec, build_network
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.sampling import sample
from mnemoscope.studies.copies import COPIES, copies
from mnemoscope.studies.images import ImageName, image_names, load_images, missing_images
from mnemoscope.studies.large_steps.drawing import excess_bars, logarithmic
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.training import TrainingSpec, denoising_loss, fit, sharpness, stability_ratio

PROCESS = OrnsteinUhlenbeck(t_min=0.01, t_max=3.0)
SAMPLES = 300
POOL = 10_000
"""Training and held-out images are taken from the first so many."""

RATES = {
    "mlp": {"sgd": [0.3, 1.0, 3.0], "adam": [3e-4, 1e-3, 5e-3]},
    "unet": {"sgd": [0.03, 0.1], "adam": [1e-3, 3e-3]},
}

_SAMPLER_STEPS = 16
_TABLE = 512
"""Fixed draws on which the sharpness of the training loss is taken."""


class ImageCopies(Experiment, frozen=True):
    """One network and its samples.

    Attributes:
        network: an MLP of depth 2, or a U-Net.
        learning_rate: η, here the step itself.
        batch: items of a training batch.
    """

    data: ImageName
    network: Literal["mlp", "unet"]
    optimizer: Literal["sgd", "adam"]
    n_samples: int = Field(ge=2)
    width: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        """Train, generate, audit against held-out images; for SGD on an MLP also the stability ratio η λ_max/2."""
        images = load_images(self.data)
        order = np.random.default_rng(self.seed).permutation(min(images.n_samples, POOL))
        train, holdout = images.take(order[: self.n_samples]), images.take(order[self.n_samples :])
        options = {"width": self.width} | ({"depth": 2} if self.network == "mlp" else {})
        network = build_network(NetworkSpec(self.network, images.event_shape, options), self.seed)
        spec = TrainingSpec(
            steps=self.steps,
            batch_size=self.batch,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            ema_decay=0.0,
            seed=self.seed,
        )
        try:
            trained = fit(network, train.to_model(), PROCESS, spec)
            generator = torch.Generator().manual_seed(self.seed)
            samples = sample(trained.score, PROCESS, SAMPLES, generator=generator, n_steps=_SAMPLER_STEPS)
        except DivergenceError as error:
            return {"diverged": error.step} | dict.fromkeys(["train_loss", *COPIES, "stability_ratio"], math.nan)
        return {
            "diverged": 0,
            "train_loss": float(np.mean(trained.losses[-200:])),
            **copies(samples, train, holdout, self.seed),
            "stability_ratio": self._stability_ratio(network, train.to_model()),
        }

    def _stability_ratio(self, network: nn.Module, items: Tensor) -> float:
        """η λ_max/2 of the training loss on a fixed table of draws; NaN for Adam, whose steps have another scale."""
        if self.optimizer != "sgd" or self.network != "mlp":
            return math.nan
        generator = torch.Generator().manual_seed(self.seed)
        x0 = items[torch.randint(len(items), (_TABLE,), generator=generator)]
        noise = torch.randn(x0.shape, generator=generator)
        low, high = PROCESS.ratio(torch.tensor([PROCESS.t_min, PROCESS.t_max])).log()
        times = PROCESS.time_of(torch.lerp(low, high, torch.rand(_TABLE, generator=generator)).exp())
        loss = _Loss(network, x0, times, noise)
        try:
            largest = sharpness(lambda p: torch.func.functional_call(loss, p, ()), dict(loss.named_parameters()))
        except ConvergenceError:
            return math.nan
        return stability_ratio(self.learning_rate, 1, largest)

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["ImageCopies"]:
        """The same number of steps, and the same η · steps, that of the second learning rate."""
        settings: list[tuple[ImageName, str, int, int]] = [
            ("digits", "mlp", 256, 1_000 if preset == "quick" else 1_500)
        ]
        if preset == "paper":
            settings += [("fashion-mnist", "mlp", 256, 5_000)] if "fashion-mnist" in image_names() else []
            settings.append(("digits", "unet", 8, 600))
        fields = {"n_samples": 8, "batch": 64, "seed": seeds(1)[0]}
        trials: list[ImageCopies] = []
        for data, network, width, budget in settings:
            for optimizer, rates in RATES[network].items():
                model = {"data": data, "network": network, "width": width, "optimizer": optimizer}
                for eta in rates:
                    steps = sorted({budget, round(budget * rates[1] / eta)})
                    trials += grid(cls, **fields, **model, learning_rate=eta, steps=steps)
        return trials

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        """Copies against η."""
        caption = (
            f"Share of {SAMPLES} generated images that are copies of one of 8 training images against η, with 95 %"
            " intervals of the excess over held-out images: at the same number of steps, and at the same η · steps."
        )
        yield Plot("images", caption + missing_images(), partial(_draw_copies, frame(results)))


class _Loss(nn.Module):
    """The training loss on fixed draws, as a function of the parameters alone."""

    def __init__(self, network: nn.Module, x0: Tensor, times: Tensor, noise: Tensor) -> None:
        super().__init__()
        self.network, self.draws = network, (x0, times, noise)

    def forward(self) -> Tensor:
        return denoising_loss(self.network, PROCESS, *self.draws, "velocity")


def _draw_copies(found: Any, figure: Figure) -> None:
    models = list(dict.fromkeys(zip(found["data"], found.network, strict=True)))
    figure.set_size_inches(9.0, 2.6 * len(models) + 0.6)
    panels = figure.subplots(len(models), 2, squeeze=False)
    for line, (data, network) in zip(panels, models, strict=True):
        for axes, optimizer in zip(line, ("sgd", "adam"), strict=True):
            same = found[(found["data"] == data) & (found.network == network) & (found.optimizer == optimizer)]
            axes.set(title=f"{data}, {network}, {optimizer}")
            if len(same):
                _draw_model(same, axes)
        line[0].set_ylabel("copies")
    for axes in panels[-1]:
        axes.set_xlabel("η")


def _draw_model(same: Any, axes: Axes) -> None:
    """The networks of the most frequent number of steps, and of the most frequent η · steps."""
    distance = (same.learning_rate * same.steps).map(lambda value: float(f"{value:.2g}"))
    steps, budget = same.steps.mode().max(), distance.mode().max()
    chosen = {f"{steps:,.0f} steps": same.steps == steps, f"η · steps = {budget:g}": distance == budget}
    for marker, (label, mask) in zip("os", chosen.items(), strict=True):
        group = same[mask].sort_values("learning_rate").dropna(subset="copies")
        axes.errorbar(group.learning_rate, group.copies, excess_bars(group), marker=marker, capsize=2, label=label)
    gone = same[same.diverged > 0]
    axes.plot(gone.learning_rate, 0 * gone.diverged, "x", color="C3", label="diverged" if len(gone) else None)
    axes.axhline(same.null.mean(), color="C3", linestyle=":", linewidth=0.8)
    axes.set_ylim(bottom=-0.05 * axes.get_ylim()[1])
    logarithmic(axes, same.learning_rate)
    axes.legend(fontsize=8)
