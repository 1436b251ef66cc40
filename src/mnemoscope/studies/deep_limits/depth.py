"""Gradient descent at many depths: successive distances of the layers, and the distance to the deepest network.

Under ``paper`` the deepest network, the reference of the others, has L = 2¹⁴ layers, as in the source.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field

from mnemoscope.residual import descend
from mnemoscope.residual.layers import resample_layers
from mnemoscope.residual.smoothness import successive_distances
from mnemoscope.studies.deep_limits.regression import NEW, PAPER, draw_power, regression, slope
from mnemoscope.studies.images import missing_images
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.sweeps.trial import Array

WIDTH = 32
LEARNING_RATE = 1e-2
"""Step of the flow; on the weights L times as long."""
SHARES = (0.02, 0.1, 0.2, 0.4, 1.0)
"""Of all steps: where networks are compared."""
PLACES = 32
"""Points of [0, 1] at which networks of different depths are compared."""
DEPTHS = {"quick": [32, 64, 128, 512], "paper": [32, 64, 128, 256, 512, 2048, 16384]}
STEPS = {"quick": 100, "paper": 500}

CAPTION = (
    "Gradient descent with steps proportional to the depth, after several numbers of iterations. Left: the largest"
    " distance of successive layers. Middle: the statistic that the authors' code accumulates instead. Right: the"
    " largest distance, over k/L, to the deepest network. Thick lines have the slopes of the theory."
)


class Depth(Experiment, frozen=True):
    """One network, descended from its tied start."""

    depth: int = Field(ge=1)
    n_samples: int = Field(ge=1)
    steps: int = Field(ge=0)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        network, x, y = regression(self.depth, WIDTH, self.n_samples, normalized=True, generator=generator)
        iterations = [round(share * self.steps) for share in SHARES]
        found, paths, accumulated = [], [], 0.0
        for record in descend(network, x, y, steps=self.steps, learning_rate=LEARNING_RATE):
            layers = network.branches.layers
            distances = successive_distances(layers)
            if record.step in iterations:
                found.append((float(distances.max()), accumulated**0.5, record.loss))
                paths.append(resample_layers(layers, PLACES).numpy())
            accumulated += float(distances.double().square().sum())
        maximum, total, loss = np.array(found).T
        return {
            "iteration": ("iteration", np.array(iterations)),
            "maximum": ("iteration", maximum),
            "accumulated": ("iteration", total),
            "loss": ("iteration", loss),
            "path": (("iteration", "place", "weight"), np.stack(paths)),
        }

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence[Experiment]:
        return grid(cls, depth=DEPTHS[preset][::-1], n_samples=100, steps=STEPS[preset], seed=seeds(2)[1])

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        trials = rows(results).sortby("depth")
        last = trials.isel(iteration=-1)
        depths, gaps = reference_distances(trials)
        far = depths <= trials.depth.values.max() / 4  # depths close to the reference share its own error
        maximum, maximum_text = slope(last.depth, last.maximum)
        accumulated, accumulated_text = slope(last.depth, last.accumulated)
        distance, distance_text = slope(depths[far], gaps[far, -1])
        yield Claim(
            "maximum-slope",
            f"After training the largest successive distance max_k ‖Z_k+1 − Z_k‖ falls like 1/L{maximum_text}.",
            f"{PAPER}, Proposition 3, Figure 1",
            maximum,
            0.1,
            -1.0,
        )
        yield Claim(
            "accumulated-slope",
            "The statistic of the authors' code, √(Σ_t Σ_k ‖Z_k+1 − Z_k‖²), falls like L^−1/2" + accumulated_text + ".",
            f"{PAPER}, code of Figure 1",
            accumulated,
            0.1,
            -0.5,
        )
        yield Claim(
            "reference-falls",
            f"The distance to the network of L = {int(trials.depth.max())} falls with L at every time (largest ratio of"
            " neighbours).",
            f"{PAPER}, Theorem 4, Figure 1",
            float((gaps[1:] / gaps[:-1]).max()),
            (None, 1.0),
        )
        yield Claim(
            "reference-slope", f"At the end that distance falls like 1/L{distance_text}.", NEW, distance, (-1.2, -0.8)
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        trials = rows(results).sortby("depth")
        if trials.sizes["trial"] > 1:
            yield Plot("depth", CAPTION + missing_images(), lambda figure: _draw(figure, trials))


def reference_distances(trials: xr.Dataset) -> tuple[Array, Array]:
    """Depths below the deepest, and max over k/L of ‖Z^L − Z^ref‖ at every iteration: ``(depth, iteration)``."""
    gaps = np.linalg.norm(trials.path[:-1].values - trials.path[-1].values, axis=3)
    return trials.depth[:-1].values, gaps.max(axis=2)


def _draw(figure: Figure, trials: xr.Dataset) -> None:
    figure.set_size_inches(11.0, 3.8)
    panels = figure.subplots(1, 3)
    depths, gaps = reference_distances(trials)
    shown = (
        (panels[0], trials.depth.values, trials.maximum.values, -1.0, "largest successive distance", "1/L"),
        (panels[1], trials.depth.values, trials.accumulated.values, -0.5, "accumulated distance", "L^(−1/2)"),
        (panels[2], depths, gaps, -1.0, "distance to the deepest network", "1/L"),
    )
    for axes, x, values, exponent, label, rate in shown:
        for marker, column, iteration in zip("os^Dv", values.T, trials.iteration.values, strict=False):
            axes.plot(x, column, marker=marker, markersize=4, label=f"T = {int(iteration)}")
        draw_power(axes, x, 1.6 * float(values[0].max()), exponent, rate)
        axes.set(xscale="log", yscale="log", xlabel="depth L", ylabel=label)
        axes.minorticks_off()
        axes.set_xticks(x[::2], [f"{depth:g}" for depth in x[::2]])
    handles, labels = panels[2].get_legend_handles_labels()
    figure.legend(handles[:-1], labels[:-1], loc="outside right center", fontsize=8)
