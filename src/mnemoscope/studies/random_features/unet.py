"""The count of copies again, with a U-Net in place of random features (the source's Figure 4).

One network for all times is trained step by step, on a fixed table of noise draws. Its width grows; the training digits
and the noise draws m of each stay the same. A network that never copies may be one that generalizes or one that has
learnt nothing, so its losses stand beside its copies. They are of the predicted velocity, in units of the training
digits' variance: a network that predicts nothing has train loss 1.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from mnemoscope.auditing import Rate, difference_interval
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.processes import OrnsteinUhlenbeck, Process
from mnemoscope.studies.random_features.digits import LATEST_TIME, SAMPLES, TrainingDigits
from mnemoscope.studies.random_features.model import PAPER
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.training import TrainingSpec, denoising_loss, fit
from mnemoscope.training.draws import Draws

BATCH_SIZE = 16
LEARNING_RATE = 3e-3
EMA_DECAY = 0.99
LAST_STEPS = 100
"""Steps at the end of training over which its loss is averaged."""
FRESH_DRAWS = 2000
"""New draws on which a test loss is measured."""


class UNet(Experiment, frozen=True):
    """Size, losses and copies of a U-Net; ``width`` counts the channels of the finest of its two scales."""

    n_samples: int = Field(ge=1)
    width: int = Field(ge=1)
    steps: int = Field(ge=1)
    noise_draws: int = Field(ge=1)
    time: float = Field(gt=0, lt=LATEST_TIME)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        digits = TrainingDigits.draw(self.n_samples, self.seed)
        process = OrnsteinUhlenbeck(t_min=self.time, t_max=LATEST_TIME)
        score, found = self.train(digits.items().float(), digits.fresh().float(), process)
        return {**found, **digits.copies(score, process, self.seed, generator)}

    def train(self, items: Tensor, fresh: Tensor, process: Process) -> tuple[NetworkScore, Result]:
        """A U-Net on ``items``, and its size and losses.

        Args:
            items: training images of unit scale, shape ``(n_samples, height, width)``.
            fresh: images it is not trained on, at the same scale.
            process: the forward process.

        Returns:
            The score, and ``n_parameters``; ``train_loss``, the mean batch loss of the last steps, on the very draws
            that are trained on; ``test_loss``, of the averaged weights on new draws of ``fresh``.
        """
        spec = TrainingSpec(
            steps=self.steps,
            batch_size=BATCH_SIZE,
            noise_draws=self.noise_draws,
            learning_rate=LEARNING_RATE,
            ema_decay=EMA_DECAY,
            seed=self.seed,
        )
        network = build_network(NetworkSpec("unet", tuple(items.shape[1:]), {"width": self.width}), self.seed)
        fitted = fit(network, items, process, spec)
        generator = torch.Generator().manual_seed(self.seed)
        unseen = Draws(fresh, process, replace(spec, noise_draws=math.inf, batch_size=FRESH_DRAWS), generator)
        with torch.no_grad():
            test_loss = denoising_loss(fitted.score.network, process, *unseen.batch(), spec.weighting)
        last = fitted.losses[-LAST_STEPS:]
        return fitted.score, {
            "n_parameters": sum(weights.numel() for weights in network.parameters()),
            "train_loss": math.fsum(last) / len(last),
            "test_loss": float(test_loss),
        }

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> list["UNet"]:
        if preset == "quick":
            return grid(cls, n_samples=8, time=0.01, width=[8, 32], steps=200, noise_draws=[1, 1000], seed=seeds(1))
        return grid(
            cls, n_samples=16, time=0.01, width=[8, 16, 32], steps=1500, noise_draws=[1, 10, 1000], seed=seeds(2)
        )

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        table = frame(results).set_index(["noise_draws", "width", "seed"]).sort_index()
        draws, widths = (table.index.unique(name) for name in ("noise_draws", "width"))
        m, narrow, wide = draws[-1], widths[0], widths[-1]
        widest, few = table.loc[m, wide], table.loc[1, wide]
        means = [table.loc[m, wide].copies.to_numpy().mean() for m in draws]
        text = f"U-Net on {table.n_samples.iloc[0]} digits: "
        source = f"{PAPER}, Figure 4"
        yield Claim(
            "unet-width",
            f"{text}at m = {m} the share of copies among {SAMPLES} samples is larger at width {wide} than at width"
            f" {narrow} (lower end of the 95 % interval of the difference over the samples, smallest over seeds).",
            source,
            excess_low(widest, table.loc[m, narrow]),
            (0.0, None),
        )
        yield Claim(
            "unet-draws",
            f"{text}at width {wide} it is larger at m = {m} than at m = 1 (the same).",
            source,
            excess_low(widest, few),
            (0.0, None),
        )
        yield Claim(
            "unet-draws-grow",
            f"{text}at width {wide} it does not fall from one m to the next (smallest step of the mean over seeds).",
            source,
            float(np.diff(means).min()),
            (0.0, None),
        )
        yield Claim(
            "unet-trained",
            f"{text}not for want of training: at width {wide} the train loss of m = 1 over that of m = {m} is at most 1"
            " (largest over seeds).",
            source,
            float((few.train_loss / widest.train_loss).max()),
            (None, 1.0),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "unet",
            f"U-Nets of growing width. Above: share of {SAMPLES} generated digits that are copies of a training digit,"
            " against the number of parameters; the band is the 95 % interval of the excess over held-out digits, put"
            " on the null, for each seed. Below: the loss on the draws trained on (left; 1 is a network that predicts"
            " nothing) and on held-out digits (right). Lines join means over seeds.",
            lambda figure: draw_unets(figure, frame(results)),
        )


def excess_low(more: Any, less: Any) -> float:
    """The lower end of the 95 % interval of more − less copies, smallest over seeds."""
    counts = np.rint(SAMPLES * np.stack([more.copies, less.copies], axis=1)).astype(int).tolist()
    return min(difference_interval(Rate(first, SAMPLES), Rate(second, SAMPLES))[0] for first, second in counts)


def draw_unets(figure: Figure, table: Any) -> None:
    """Copies above, losses below, one line for each m."""
    figure.set_size_inches(7.0, 6.4)
    panels = figure.subplot_mosaic([["copies", "copies"], ["train_loss", "test_loss"]], height_ratios=[3, 2])
    for marker, (noise_draws, group) in zip("osD", table.groupby("noise_draws"), strict=False):
        for name, axes in panels.items():
            mean = group.groupby("n_parameters")[name].mean()
            (line,) = axes.plot(mean.index, mean, label=f"m = {noise_draws:g}")
            axes.plot(group.n_parameters, group[name], marker, color=line.get_color(), markersize=4)
        for _, seed in group.sort_values("n_parameters").groupby("seed"):
            band = seed.null + seed.excess_low, seed.null + seed.excess_high
            panels["copies"].fill_between(seed.n_parameters, *band, color=line.get_color(), alpha=0.15, linewidth=0)
    panels["copies"].axhline(table.null.mean(), color="C3", linestyle=":", label="held-out null")
    panels["copies"].set_ylabel("copies among the samples")
    panels["copies"].legend()
    for name, label in (("train_loss", "train loss"), ("test_loss", "test loss")):
        panels[name].set_ylabel(label)
    panels["train_loss"].set_yscale("log")
    panels["train_loss"].axhline(1, color="C5", linewidth=0.8)
    sizes = np.unique(table.n_parameters)
    for axes in panels.values():
        axes.set(xscale="log", xlabel="parameters")
        axes.set_xticks(sizes, [f"{size / 1000:.0f}k" for size in sizes])
        axes.tick_params(axis="x", which="minor", bottom=False, labelbottom=False)
