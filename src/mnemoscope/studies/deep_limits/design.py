"""What makes a network lose its smoothness: the number of images, the learning rate or the length of training?

A factorial design: every combination of few or many images, the learning rate of the source or a larger one, and short
or long training, each from the same several seeds. The effect of a factor is the mean step correlation at its upper
level minus that at its lower one. A seed starts the networks of all eight cells alike, so that it has an effect of its
own, and the interval is Student's over the seeds' effects: what seeds have in common in all cells is no error of a
difference, and what a factor does to one seed and not to another is. The largest of three effects is named, so the
three intervals hold together (Bonferroni).

All three may act through one thing, how far a network has come to fit its images: then within each seed the step
correlation falls from cell to cell as the training accuracy rises.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.auditing.intervals import student_error
from mnemoscope.studies.deep_limits.classifier import LEARNING_RATE, train_classifier
from mnemoscope.studies.images import image_names
from mnemoscope.studies.rows import frame
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid

FACTORS: dict[str, tuple[str, list[Any]]] = {
    "n_samples": ("images", [1_000, 50_000]),
    "learning_rate": ("learning rate", [LEARNING_RATE, 0.1]),
    "steps": ("steps", [480, 1_920]),
}
"""Field → its name, lower and upper level."""


class Estimate(NamedTuple):
    """The mean of one number for each seed, and the half-width of Student's interval."""

    mean: float
    error: float

    @classmethod
    def over_seeds(cls, numbers: Any, at_once: int = 1) -> "Estimate":
        """From one number for each seed; so many intervals cover together with 95 %."""
        return cls(float(numbers.mean()), student_error(numbers.to_numpy(), at_once))

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.mean + self.error

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ± {self.error:.2f}"


class SmoothnessDesign(Experiment, frozen=True):
    """One network, tied at the start, trained on Fashion-MNIST: smoothness of its convolutions along the depth."""

    depth: int = Field(ge=1)
    activation: Literal["identity", "gelu"]
    n_samples: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    steps: int = Field(ge=0)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        return train_classifier(
            "fashion-mnist",
            self.depth,
            self.activation,
            "tied",
            self.n_samples,
            self.steps,
            torch.Generator().manual_seed(self.seed),
            learning_rate=self.learning_rate,
        )

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["SmoothnessDesign"]:
        if preset == "quick" or "fashion-mnist" not in image_names():
            return []
        levels = {name: values for name, (_, values) in FACTORS.items()}
        return grid(cls, depth=64, activation=["identity", "gelu"], **levels, seed=seeds(6))

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        for activation, table in frame(results).groupby("activation"):
            found = effects(table)
            worst = min(found, key=lambda name: found[name].mean)
            listed = ", ".join(f"{label} {found[name]}" for name, (label, _) in FACTORS.items())
            cells, seeds = variance_shares(table)
            yield Claim(
                f"design-{activation}",
                f"Smoothness of {activation}, tied, is lost above all by more {FACTORS[worst][0]}: the upper end"
                f" of the interval of its effect on the step correlation is below 0 (effects, 95 % together: {listed};"
                f" of the variance the cells carry {cells:.0%}, the seeds {seeds:.0%}).",
                "here",
                found[worst].high,
                (None, 0.0),
            )
            fit = rank_correlation(table, "train_accuracy")
            yield Claim(
                f"design-fit-{activation}",
                f"The better {activation}, tied, fits its images, the less smooth it is: the upper end of the interval"
                " of the rank correlation of training accuracy and step correlation, over the eight cells of a seed, is"
                f" below 0 ({fit}).",
                "here",
                fit.high,
                (None, 0.0),
            )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "design",
            "Step correlation of tied networks in a factorial design of images, learning rate and steps; a dot is a"
            " network, hollow where the learning rate is the larger one.",
            lambda figure: _draw(frame(results), figure),
        )


def effects(table: Any) -> dict[str, Estimate]:
    """How the step correlation changes from the lower to the upper level of every factor; NaN where one is missing.

    The table has all networks of one activation, in a balanced design.
    """
    found = {}
    for name, (_, (low, high)) in FACTORS.items():
        means = table.groupby(["seed", name]).step_correlation.mean().unstack().reindex(columns=[low, high])
        found[name] = Estimate.over_seeds(means[high] - means[low], at_once=len(FACTORS))
    return found


def variance_shares(table: Any) -> tuple[float, float]:
    """Of the step correlation's variance: what the means of the cells carry, and what the means of the seeds do."""
    total = table.step_correlation.var()
    by_cell, by_seed = (table.groupby(names).step_correlation.transform("mean") for names in ([*FACTORS], "seed"))
    return float(by_cell.var() / total), float(by_seed.var() / total)


def rank_correlation(table: Any, name: str) -> Estimate:
    """Spearman's, of the step correlation with another column, within each seed."""
    by_seed = table.groupby("seed")[[name, "step_correlation"]]
    return Estimate.over_seeds(by_seed.corr("spearman").step_correlation.xs(name, level=1))


def _draw(table: Any, figure: Figure) -> None:
    figure.set_size_inches(9.0, 4.0)
    kinds = sorted(table.activation.unique())
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axes, activation in zip(panels, kinds, strict=True):
        same = table[table.activation == activation]
        columns = sorted(set(zip(same.n_samples, same.steps, strict=True)))
        for rate, group in same.groupby("learning_rate"):
            shift, fill = (-0.12, "full") if rate == LEARNING_RATE else (0.12, "none")
            places = [columns.index(pair) + shift for pair in zip(group.n_samples, group.steps, strict=True)]
            axes.plot(places, group.step_correlation, "o", color="C0", fillstyle=fill, label=f"rate {rate:g}")
        axes.axhline(0, color="C1", linestyle="--")
        axes.set_xticks(range(len(columns)), [f"{n:,} images\n{steps:,} steps" for n, steps in columns], fontsize=7)
        axes.set(title=f"{activation}, tied")
    panels[0].set_ylabel("correlation of successive steps")
    panels[0].legend()
