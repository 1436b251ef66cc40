"""Losses of models fitted on real images against the theory, which is fed with the images' spectrum."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor

from mnemoscope.studies.images import ImageName, image_names, load_images, missing_images
from mnemoscope.studies.random_features.model import LOSSES, NOTE, RandomFeatureModel, gap, named, ridge_losses
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Claim, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.sweeps.trial import Array
from mnemoscope.theory import data_spectrum

SETTINGS = named(  # activation, psi_n, psi_p, noise_draws, time, ridge
    ("tanh", 4, 2, 1, 0.1, 1e-2),
    ("tanh", 4, 8, 4, 0.05, 1e-3),
    ("relu", 4, 2, 4, 0.1, 1e-3),
    ("relu", 4, 8, 4, 0.05, 1e-3),
    ("relu", 2, 6, 20, 0.02, 1e-3),
)
WHITENING = 0.02
"""Images are whitened by x → (C + 0.02)^{−1/2} x, with their covariance C in units of its mean eigenvalue."""


class ImageTheory(RandomFeatureModel, frozen=True):
    """The losses of the ridge solution on real images, raw or whitened."""

    data: ImageName
    whitened: bool
    ridge: float = Field(gt=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        items, spectrum = scaled_images(self.data, self.whitened)
        items = items[torch.randperm(len(items), generator=generator)]
        return ridge_losses(self, self.ridge, items, generator, spectrum)

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> list["ImageTheory"]:
        number = 1 if preset == "quick" else 3
        return [
            trial
            for data in image_names()
            for setting in SETTINGS
            for trial in grid(cls, **setting, data=data, whitened=[True, False], seed=seeds(number))
        ]

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        for data, group in frame(results, whitened=True).groupby("data"):
            yield Claim(
                name=f"whitened-{data}",
                statement=f"On {data}, whitened, the theory fed with the data's spectrum gives the test loss within 7 %"
                " (largest gap of all settings and seeds).",
                source=NOTE,
                measured=float(abs(gap(group)).max()),
                tolerance=(None, 0.07),
            )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        table = frame(results)
        caption = (
            "Losses of models fitted on real images against the theory fed with the images' spectrum. Theory over"
            f" simulation − 1 of the test loss: {_gap_ranges(table)}{missing_images()}"
        )
        yield Plot("images", caption, lambda figure: draw_losses(figure, table))


@cache
def scaled_images(name: ImageName, whitened: bool) -> tuple[Tensor, Array]:
    """All images as the theory reads them (``data_spectrum``), shape ``(n_images, dim)``, and their spectrum.

    They are centred, and in units of their mean eigenvalue or whitened.
    """
    images = load_images(name).array.astype(np.float64)
    images = images.reshape(len(images), -1)
    centred = images - images.mean(axis=0)
    values, basis = np.linalg.eigh(centred.T @ centred / len(centred))
    shift = WHITENING * values.mean()
    scaled = centred @ (basis / np.sqrt(values + shift)) @ basis.T if whitened else centred / np.sqrt(values.mean())
    return torch.from_numpy(scaled), data_spectrum(images, whitening=WHITENING if whitened else None)


def draw_losses(figure: Figure, table: Any) -> None:
    """Simulation against theory, one dot a trial: test losses left, train losses right."""
    figure.set_size_inches(9.0, 4.2)
    panels = figure.subplots(1, 2)
    for axes, (simulation, label) in zip(panels, LOSSES.items(), strict=True):
        theory = simulation.replace("loss", "theory")
        for (data, whitened), group in table.groupby(["data", "whitened"]):
            axes.plot(
                group[theory],
                group[simulation],
                "o" if data == "digits" else "s",
                color="C0" if whitened else "C1",
                fillstyle="full" if whitened else "none",
                label=f"{data}, {_scaling(whitened)}",
            )
        ends = [table[[theory, simulation]].min().min(), table[theory].max()]
        axes.plot(ends, ends, color="C2", linestyle="-", linewidth=0.8, label="equal")
        axes.set(xscale="log", yscale="log", xlabel=f"{label}, theory", ylabel=f"{label}, simulation")
        ticks = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0]
        shown = [tick for tick in ticks if ends[0] <= tick <= ends[1]]
        axes.minorticks_off()
        axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
        axes.set_yticks(shown, [f"{tick:g}" for tick in shown])
        axes.legend()


def _gap_ranges(table: Any) -> str:
    """The smallest and largest gap of the theory for each data set, raw and whitened."""
    texts = []
    for (data, whitened), group in table.groupby(["data", "whitened"]):
        gaps = (group.test_theory / group.test_loss - 1).to_numpy()
        texts.append(f"{data}, {_scaling(whitened)}, {gaps.min():+.1%} to {gaps.max():+.1%}")
    return "; ".join(texts) + "."


def _scaling(whitened: bool) -> str:
    return "whitened" if whitened else "raw"
