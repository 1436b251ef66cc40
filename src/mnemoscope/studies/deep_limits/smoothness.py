"""Are trained convolutional networks smooth along the depth? Table 1 of the source, on the images that are there."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.studies.deep_limits.classifier import Labelled, train_classifier
from mnemoscope.studies.deep_limits.regression import PAPER
from mnemoscope.studies.images import has_cifar_10, image_names
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid

EXPECTED = [
    ("gelu", "tied", 1.0),
    ("gelu", "iid", 0.0),
    ("relu", "tied", 0.0),
    ("relu", "iid", 0.0),
    ("identity", "tied", 1.0),
    ("identity", "iid", 0.0),
]
"""Activation, initialization, and the share of runs that must be smooth."""

CAPTION = (
    "Trained convolutional networks on {}: correlation of the successive steps of their weights along the depth (1 for"
    " a path that an ODE follows, 0 for a random walk, −1/2 for noise), accuracy on training (hollow) and test images."
)


class Smoothness(Experiment, frozen=True):
    """One trained network: accuracy, and smoothness of its convolutions along the depth."""

    data: ClassVar[Labelled]
    title: ClassVar[str]
    claim_prefix: ClassVar[str]

    depth: int = Field(ge=1)
    activation: Literal["identity", "relu", "gelu", "tanh"]
    initialization: Literal["tied", "smooth", "iid"]
    n_samples: int = Field(ge=1)
    steps: int = Field(ge=0)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        return train_classifier(
            self.data,
            self.depth,
            self.activation,
            self.initialization,
            self.n_samples,
            self.steps,
            torch.Generator().manual_seed(self.seed),
        )

    @classmethod
    @abstractmethod
    def planned(cls, preset: Preset) -> bool:
        """Whether the preset has this experiment, and this machine its images."""

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence[Experiment]:
        if not cls.planned(preset):
            return []
        quick = preset == "quick"
        fields = {
            "depth": 64 if quick else 256,
            "activation": ["gelu", "relu"] if quick else ["gelu", "relu", "identity"],
            "n_samples": 50_000,
            "steps": 480,
        }
        tied = grid(cls, **fields, initialization="tied", seed=seeds(2 if quick else 4)[1:])
        # Layers that start independent stay so: one run shows it.
        return tied + grid(cls, **fields, initialization="iid", seed=seeds(2)[1])

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        for activation, initialization, expected in EXPECTED:
            trials = rows(results, activation=activation, initialization=initialization)
            if not trials.sizes["trial"]:
                continue  # the quick preset has no identity
            text = (
                f" (steps correlate by {float(trials.step_correlation.min()):.2f} to"
                f" {float(trials.step_correlation.max()):.2f},"
                f" jumps carry {float(trials.jump_share.min()):.1%} to {float(trials.jump_share.max()):.1%},"
                f" shuffled layers {float(trials.null_low.min()):.0%} to {float(trials.null_high.max()):.0%},"
                f" p ≤ {float(trials.p_value.max()):.2g})"
            )
            yield Claim(
                f"{cls.claim_prefix}-{activation}-{initialization}",
                f"Convolutions on {cls.title}, {activation}, {initialization}: share of runs that end smooth{text}.",
                f"{PAPER}, Table 1",
                float(trials.smooth.mean()),
                0.0,
                expected,
            )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        trials = rows(results)
        yield Plot(cls.claim_prefix, CAPTION.format(cls.title), lambda figure: _draw(figure, trials))


class FashionMnist(Smoothness, frozen=True):
    """On Fashion-MNIST, where it is installed."""

    data = "fashion-mnist"
    title = "Fashion-MNIST"
    claim_prefix = "images"

    @classmethod
    def planned(cls, preset: Preset) -> bool:  # noqa: ARG003
        return cls.data in image_names()


class Cifar10(Smoothness, frozen=True):
    """On CIFAR-10 as in the source, where the user has it."""

    data = "cifar-10"
    title = "CIFAR-10"
    claim_prefix = "cifar-10"

    @classmethod
    def planned(cls, preset: Preset) -> bool:
        return preset == "paper" and has_cifar_10()


def _draw(figure: Figure, trials: xr.Dataset) -> None:
    figure.set_size_inches(10.0, 4.0)
    left, right = figure.subplots(1, 2, sharey=True)
    names = [f"{a}, {i}" for a, i in zip(trials.activation.values, trials.initialization.values, strict=True)]
    # Starts in this order, whatever grid the trials fill.
    kinds = sorted(dict.fromkeys(names), key=lambda name: ("tied", "smooth", "iid").index(name.split(", ")[1]))
    lines = np.array([kinds.index(name) for name in names])
    left.axvline(-0.5, color="C3", linestyle=":", label="noise")
    left.axvline(0, color="C1", linestyle="--", label="random walk: smooth above")
    left.plot(trials.step_correlation, lines, "o", color="C0", label="trained")
    left.set(xlim=(-0.65, 1.05), xlabel="correlation of successive steps", yticks=range(len(kinds)), yticklabels=kinds)
    left.invert_yaxis()
    right.plot(trials.train_accuracy, lines, "o", color="C0", fillstyle="none", label="training images")
    right.plot(trials.test_accuracy, lines, "o", color="C0", label="test images")
    right.set(xlabel="accuracy, %")
    for axes in (left, right):
        axes.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
