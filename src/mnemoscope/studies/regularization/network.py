"""A network trained on 20 points: how often its samples end on one of them, along the training.

With Tikhonov training (the loss plus c · mean s²) the best score is (α x̄ − x)/(σ² + c), from which a share of
1 − exp(−tol²/2c) of the samples lies within tol of a point: what training can come to, and no more. Where a network has
learnt nothing its score may grow without bound and carry a latent away. Such a sample is lost, counted, and near no
point; the others are what they are without it.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pydantic import Field
from scipy import stats
from torch import Tensor

from mnemoscope.errors import LostSamplesError
from mnemoscope.sampling import sample
from mnemoscope.studies.regularization.fourier_networks import PROCESS, FourierNetworks, RunScore, train
from mnemoscope.studies.regularization.plane import FIGURES, PAPER, distances, training_points
from mnemoscope.studies.rows import frame, rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.sweeps.trial import Array
from mnemoscope.theory import copy_share

CHECKPOINT_EVERY = 10_000
"""Epochs, of one step each."""
LATENTS = 1000
TOLERANCES = {"within_0_05": 0.05, "within_0_5": 0.5}
SOLVER_TOLERANCE = 1e-4

PUBLISHED_NEAR = (0.04, 0.08, 0.17, 0.267, 0.361, 0.426, 0.489, 0.539, 0.576, 0.617)
"""Within 0.05 of a point after 10,000, 20,000, …, 100,000 epochs."""
PUBLISHED_WIDE = (0.957, *8 * (math.nan,), 0.999)
"""Within 0.5 of a point."""

PENALTIES = [1e-4, 1e-3, 1e-2, 1e-1]
"""c of Tikhonov training."""
ABOVE_LAW = 0.03
"""How far a share may lie above the law's: two networks of one kind differ by so much."""

PLAIN = {"singular": False, "penalty": 0.0, "width": 256}


class Network(Experiment, frozen=True):
    """Shares of 1000 samples near a training point, and how many are lost, after every 10,000 epochs.

    Attributes:
        singular: whether the factor 1/σ of the exact score is built in.
        penalty: c, of Tikhonov training.
        width: of the three hidden layers.
        steps: of training, one an epoch.
        seed: of every draw.
    """

    batch_size = 3
    batch_fields = ("seed",)

    singular: bool = False
    penalty: float = Field(default=0.0, ge=0)
    width: int = Field(default=256, gt=0)
    steps: int = Field(gt=0)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        return self.run_batch([self])[0]

    @classmethod
    def run_batch(cls, trials: Sequence["Network"]) -> Sequence[Result]:
        first = trials[0]
        generators = [torch.Generator().manual_seed(trial.seed) for trial in trials]
        networks = FourierNetworks.draw(generators, first.width, singular=first.singular)
        data = torch.from_numpy(training_points()).float()
        latents = [torch.randn(LATENTS, 2, generator=g, dtype=torch.float64).float() for g in generators]
        averages = train(networks, data, generators, steps=first.steps, penalty=first.penalty, every=CHECKPOINT_EVERY)
        shares = [[_shares(average.run(k), latents[k]) for k in range(len(trials))] for average in averages]
        epoch = ("epoch", np.arange(CHECKPOINT_EVERY, first.steps + 1, CHECKPOINT_EVERY))
        return [
            {"epoch": epoch} | {name: ("epoch", [at[k][name] for at in shares]) for name in [*TOLERANCES, "lost"]}
            for k in range(len(trials))
        ]

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["Network"]:
        quick = preset == "quick"
        long, short = (20_000, 20_000) if quick else (100_000, 50_000)
        return [
            *grid(cls, steps=long, seed=seeds(3)),
            *grid(cls, singular=True, steps=short, seed=seeds(1 if quick else 3)),
            *grid(cls, width=[64] if quick else [64, 128], steps=short, seed=seeds(1)),
            *grid(cls, penalty=[1e-2] if quick else PENALTIES, steps=long, seed=seeds(1 if quick else 3)),
        ]

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        yield _early_stopping(results, "0.05", "within_0_05", PUBLISHED_NEAR)
        yield _early_stopping(results, "0.5", "within_0_5", PUBLISHED_WIDE)
        epochs, plain = along_training(results, "within_0_05", **PLAIN)
        _, singular = along_training(results, "within_0_05", singular=True)
        common = min(plain.shape[1], singular.shape[1])
        ahead = (singular[:, :common].mean(axis=0) - plain[:, :common].mean(axis=0)).min()
        yield Claim(
            "singular-faster",
            "With the factor 1/σ built in, the network memorizes faster (least lead of its share within 0.05, at any of"
            f" {common} checkpoints).",
            PAPER,
            float(ahead),
            (0.0, None),
        )
        last = epochs[common - 1]

        def at_last(**changes: Any) -> float:
            epochs_there, found = along_training(results, "within_0_05", **(PLAIN | changes))
            return float(found[:, epochs_there == last].mean())

        text = f"of samples within 0.05 of a point after {last:,.0f} epochs"
        trained = frame(results, singular=False)
        penalties, widths = (np.unique(trained[name]) for name in ("penalty", "width"))
        falls = -np.diff([at_last(penalty=c) for c in penalties])
        yield Claim(
            "tikhonov-training",
            f"Tikhonov training: the larger c, the smaller the share {text} (smallest fall, c = 0 to"
            f" {penalties[-1]:g}).",
            PAPER,
            float(falls.min()),
            (0.0, None),
        )
        above, lost = _above_the_law(results)
        yield Claim(
            "tikhonov-training-law",
            f"Tikhonov training: at no checkpoint is the share within 0.05 above 1 − exp(−0.05²/2c) by more than"
            f" {ABOVE_LAW:g} (largest excess of a mean over seeds; c = {', '.join(f'{c:g}' for c in penalties if c)};"
            f" at most {lost} of {LATENTS} samples lost).",
            "here; the law is that of the closed form",
            above,
            (None, ABOVE_LAW),
        )
        rises = np.diff([at_last(width=width) for width in widths])
        listed = ", ".join(f"{width:g}" for width in widths)
        yield Claim(
            "width",
            f"Larger networks memorize sooner: the share {text} grows with the width ({listed}; smallest rise).",
            PAPER,
            float(rises.min()),
            (0.0, None),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "early-stopping",
            "Share of a trained network's samples within 0.05 of a training point, along the training; shades are the"
            " range over seeds. Left: the published curve, the plain network and the one with 1/σ built in. Middle:"
            " Tikhonov training; the lines are what the law 1 − exp(−0.05²/2c) allows. Right: widths.",
            partial(_draw, results),
        )


def along_training(results: xr.Dataset, name: str, **where: Any) -> tuple[Array, Array]:
    """Epochs, and one row of ``name`` at these epochs for each seed; the selected trials are equally long."""
    found = rows(results, **where)
    found = found.isel(epoch=found.epoch.values <= found.steps.values.max(initial=0))
    return found.epoch.values, found[name].values


def _above_the_law(results: xr.Dataset) -> tuple[float, int]:
    """The largest excess of a mean share over the law's, over strengths and checkpoints; the most samples ever lost."""
    excesses, lost = [], 0.0
    for c in np.unique(rows(results).penalty.values):
        _, found = along_training(results, "within_0_05", **(PLAIN | {"penalty": c}))
        _, lost_there = along_training(results, "lost", **(PLAIN | {"penalty": c}))
        lost = max(lost, lost_there.max())
        if c:
            excesses.append(found.mean(axis=0).max() - copy_share(c, TOLERANCES["within_0_05"]))
    return float(max(excesses)), int(lost)


def _shares(network: FourierNetworks, latents: Tensor) -> dict[str, float]:
    """The shares of samples within each tolerance of a training point; how many are lost, which are near none."""
    lost = 0
    try:
        x = sample(
            RunScore(network),
            PROCESS,
            len(latents),
            generator=torch.Generator(),  # the flow draws nothing
            solver="adaptive",
            tolerance=SOLVER_TOLERANCE,
            denoise=False,
            initial=PROCESS.sigma(PROCESS.t_max).float() * latents,
        )
    except LostSamplesError as error:
        x, lost = error.samples, len(error.times)
    nearest = distances(x[x.isfinite().all(dim=1)])
    near = {name: float((nearest < tolerance).sum()) / len(latents) for name, tolerance in TOLERANCES.items()}
    return near | {"lost": lost}


def _early_stopping(results: xr.Dataset, text: str, name: str, published_shares: tuple[float, ...]) -> Claim:
    """The published curve, of a single run, against the runs here."""
    epochs, found = along_training(results, name, **PLAIN)
    published = np.array(published_shares)[: len(epochs)]
    n = len(found)
    # One more run of the same kind lies this many spreads from the mean of n, in law as Student's t. The floor is
    # what 1000 samples leave undetermined.
    floor = np.sqrt(np.clip(published * (1 - published), 1e-3, None) / 1000)
    spread = np.maximum(found.std(axis=0, ddof=1), floor) * math.sqrt(1 + 1 / n)
    scores = abs(found.mean(axis=0) - published) / spread
    known = ~np.isnan(published)
    limit = float(stats.t.ppf(0.975, n - 1))
    statement = (
        f"Early stopping, {epochs[known].max():,.0f} epochs at most: the published share within"
        f" {text} of a point is one more run of the same kind (largest distance from the mean of {n} seeds, in"
        f" spreads of such a run; 95 % are below {limit:.2f})."
    )
    return Claim(f"early-stopping-{text}", statement, FIGURES, float(scores[known].max()), (None, limit))


def _draw(results: xr.Dataset, figure: Figure) -> None:
    figure.set_size_inches(11.0, 3.8)
    left, middle, right = figure.subplots(1, 3, sharey=True)
    trained = frame(results)
    longest = int(trained.steps.max()) // CHECKPOINT_EVERY
    left.plot(10 * np.arange(1, longest + 1), PUBLISHED_NEAR[:longest], "x", color="C1", markersize=7)
    left.lines[-1].set_label("published, plain")
    for axes, label in ((left, "plain"), (middle, "c = 0"), (right, "width 256")):
        _curve(axes, results, label, "C0", **PLAIN)
    _curve(left, results, "1/σ built in", "C2", **(PLAIN | {"singular": True}))
    for k, c in enumerate(np.unique(trained.penalty[trained.penalty > 0])):
        _curve(middle, results, f"c = {c:g}", f"C{k + 1}", **(PLAIN | {"penalty": c}))
        middle.axhline(float(copy_share(c, TOLERANCES["within_0_05"])), color=f"C{k + 1}", linestyle=":", linewidth=1)
    for k, width in enumerate(np.unique(trained.width[trained.width != PLAIN["width"]])):
        _curve(right, results, f"width {width:g}", f"C{k + 1}", **(PLAIN | {"width": width}))
    for axes in (left, middle, right):
        axes.set_xlabel("thousand epochs")
        if axes.get_legend_handles_labels()[0]:
            axes.legend()
    left.set_ylabel("share within 0.05 of a training point")


def _curve(axes: Axes, results: xr.Dataset, label: str, colour: str, **where: Any) -> None:
    """Mean over seeds, with their range as a shade, if there are any."""
    epochs, found = along_training(results, "within_0_05", **where)
    if not len(found):
        return
    axes.plot(epochs / 1000, found.mean(axis=0), color=colour, marker="o", markersize=3, label=label)
    axes.fill_between(epochs / 1000, found.min(axis=0), found.max(axis=0), color=colour, alpha=0.2, linewidth=0)
