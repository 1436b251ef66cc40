"""An inverse problem on images with two possible answers: a picture of a small square, or of a slightly larger one.

Of two 64×64 pictures, with a square of 12² and of 14² pixels in the middle, one is to be found from a blurred and noisy
measurement, the means of its 16×16 blocks. The exact score returns one of the two pictures, each with the posterior
probability that Bayes' rule gives it: 1/2 without a measurement, and the weights of ``condition_weights`` given one.
A U-Net is trained on the two pictures, a quarter of the size in both directions to be affordable.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field
from scipy import stats
from torch import Tensor

from mnemoscope.networks.build import NetworkSpec, build_network
from mnemoscope.processes import EDM
from mnemoscope.sampling import sample
from mnemoscope.scores import EmpiricalScore, ScoreFunction, condition_weights
from mnemoscope.studies.regularization.plane import PAPER
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.training import TrainingSpec, fit

SIDE, SMALL, LARGE, BLOCK = 64, 12, 14, 16
SHRINK = 4
"""The U-Net's pictures are 16×16, with squares of 3² and 4² pixels."""

PROCESS = EDM()
SAMPLER_STEPS = 40
SAMPLES = 1000
MEASUREMENT_NOISE = 0.15

NETWORK_SAMPLES = 32
CHECKPOINT_EVERY = 250
BATCH_SIZE = 16


def picture(side: int, square: int) -> Tensor:
    """White (1) in the middle, black (−1) around it, shape ``(side, side)``."""
    image = torch.full((side, side), -1.0)
    start = (side - square) // 2
    image[start : start + square, start : start + square] = 1.0
    return image


class TwoPictures(Experiment, frozen=True):
    """How often the exact score finds each picture, without a measurement and given one of the large square.

    Attributes:
        seed: of every draw.
    """

    seed: int = Field(ge=0)

    def run(self) -> Result:
        train = torch.stack([picture(SIDE, SMALL), picture(SIDE, LARGE)])
        generator = torch.Generator().manual_seed(self.seed)
        blocks = SIDE // BLOCK
        measured = train.reshape(2, blocks, BLOCK, blocks, BLOCK).mean(dim=(2, 4))
        noise = torch.randn(measured.shape[1:], generator=generator)
        weights = condition_weights(measured, measured[1] + MEASUREMENT_NOISE * noise, MEASUREMENT_NOISE)
        found: dict[str, float] = {}
        for name, prior in (("prior", torch.ones(2)), ("posterior", weights)):
            score = EmpiricalScore(train, PROCESS, prior)
            initial = PROCESS.t_max * torch.randn(SAMPLES, SIDE, SIDE, generator=generator, dtype=torch.float64)
            # Small batches stay in the cache: fresh memory for large temporaries would cost more than the arithmetic.
            x = sample(
                score, PROCESS, SAMPLES, generator=generator, n_steps=SAMPLER_STEPS, initial=initial, batch_size=32
            )
            apart = torch.cdist(x.flatten(1), train.double().flatten(1))
            found[f"{name}_large"] = int((apart.argmin(dim=1) == 1).sum())
            found[f"{name}_expected"] = float(prior[1] / prior.sum())
            found[f"{name}_distance"] = float(apart.amin(dim=1).max())
        return {**found, "pictures": SAMPLES}

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["TwoPictures"]:  # noqa: ARG003
        return grid(cls, seed=seeds(1))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        found = rows(results).isel(trial=0)
        n = int(found.pictures)
        for name, text in (("prior", "without a measurement"), ("posterior", "given a measurement")):
            expected = float(found[f"{name}_expected"])
            # The exact binomial interval for a count with this probability.
            low, high = stats.binom.interval(0.95, n, expected)
            statement = (
                f"Two pictures, {text}: the exact score finds the larger square as often as Bayes' rule says, a share"
                f" of {expected:.3f} (count of {n}, its 95 % interval)."
            )
            measured = float(found[f"{name}_large"])
            yield Claim(f"squares-{name}", statement, PAPER, measured, (float(low), float(high)))
        statement = "Two pictures: every sample of the exact score is one of the two (largest distance)."
        exact = max(float(found.prior_distance), float(found.posterior_distance))
        yield Claim("squares-exact", statement, PAPER, exact, (None, 1e-3))


class TwoPicturesNetwork(Experiment, frozen=True):
    """Distance of a U-Net's samples to the nearer picture, in units of the pictures' distance, along its training.

    Attributes:
        width: of the U-Net.
        steps: of its training.
        seed: of every draw.
    """

    width: int = Field(gt=0)
    steps: int = Field(gt=0)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        side = SIDE // SHRINK
        train = torch.stack([picture(side, SMALL // SHRINK), picture(side, 4)])
        between = float((train[0] - train[1]).norm())
        generator = torch.Generator().manual_seed(self.seed)
        initial = PROCESS.t_max * torch.randn(NETWORK_SAMPLES, side, side, generator=generator)
        checkpoints: list[int] = []
        nearest: list[Tensor] = []
        pictures: list[Tensor] = []

        def watch(score: ScoreFunction, step: int) -> None:
            x = sample(score, PROCESS, NETWORK_SAMPLES, generator=generator, n_steps=SAMPLER_STEPS, initial=initial)
            checkpoints.append(step)
            nearest.append(torch.cdist(x.flatten(1), train.flatten(1)).amin(dim=1) / between)
            pictures.append(x[:4])

        options = {"width": self.width, "scales": 2, "blocks": 1}
        network = build_network(NetworkSpec("unet", (side, side), options), self.seed)
        spec = TrainingSpec(steps=self.steps, batch_size=BATCH_SIZE, seed=self.seed)
        fit(network, train, PROCESS, spec, watch=watch, watch_every=CHECKPOINT_EVERY)
        return {
            "checkpoint": ("checkpoint", np.array(checkpoints)),
            "to_picture": (("checkpoint", "picture"), torch.stack(nearest).numpy()),
            "shown": (("checkpoint", "example", "row", "column"), torch.stack(pictures).numpy()),
        }

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["TwoPicturesNetwork"]:
        return grid(cls, width=16, steps=1250 if preset == "quick" else 2000, seed=seeds(1))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        medians = np.median(rows(results).to_picture.values[0].astype(float), axis=1)
        statement = (
            "Two pictures: the U-Net's samples approach them as training goes on (median distance to the nearer one at"
            " the last checkpoint over that at the first)."
        )
        yield Claim("squares-network", statement, PAPER, float(medians[-1] / medians[0]), (None, 0.5))

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "squares",
            "Samples of a U-Net trained on two pictures, from the same latents along the training, and their distance"
            " to the nearer picture in units of the pictures' distance (median, and the middle 80 %).",
            partial(_draw, rows(results).isel(trial=0)),
        )


def _draw(found: xr.Dataset, figure: Figure) -> None:
    checkpoints = found.checkpoint.values
    shown = found.isel(checkpoint=np.unique(np.linspace(0, len(checkpoints) - 1, 6).round().astype(int)))
    figure.set_size_inches(9.0, 3.8)
    images, curve = figure.subfigures(1, 2, width_ratios=[1.2, 1])  # type: ignore[misc]
    panels = images.subplots(shown.sizes["example"], shown.sizes["checkpoint"], squeeze=False)
    for column, checkpoint, pictures in zip(panels.T, shown.checkpoint.values, shown.shown.values, strict=True):
        for axes, image in zip(column, pictures, strict=True):
            axes.imshow(image, vmin=-1, vmax=1, cmap="gray")
            axes.set_axis_off()
        column[0].set_title(f"{checkpoint}", fontsize=8)
    axes = curve.subplots()
    low, median, high = np.quantile(found.to_picture.values, [0.1, 0.5, 0.9], axis=1)
    axes.plot(checkpoints, median, color="C0", marker="o", markersize=3)
    axes.fill_between(checkpoints, low, high, color="C0", alpha=0.2, linewidth=0)
    axes.set(yscale="log", xlabel="steps of training", ylabel="distance to the nearer picture")
