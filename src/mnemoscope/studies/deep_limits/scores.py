"""Residual score networks on a few digits: does depth, or the start along the depth, change what they memorize?

Networks are compared at equal loss, not at equal steps: along training the loss is measured on the same draws of
(item, time, noise) for every network, and at the same moments samples are drawn and audited against held-out digits.
Digits are averaged to 4×4, so that networks of this size come to memorize within minutes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure
from pydantic import Field
from torch import Tensor, nn

from mnemoscope.data import Dataset, load_digits
from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.networks import NetworkScore, ResidualNetwork
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.studies.copies import COPIES, shares
from mnemoscope.studies.deep_limits.regression import NEW
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.training import TrainingSpec, fit
from mnemoscope.training.draws import Draws
from mnemoscope.training.loss import denoising_loss

WIDTH, BATCH, LEARNING_RATE, EMA_DECAY = 64, 128, 3e-2, 0.99
CHECKPOINTS = 8
"""Moments of the training at which networks are measured."""
SAMPLES, SAMPLER_STEPS = 200, 20
LOSS_DRAWS = 4096
CONTRAST = 1.3

CAPTION = (
    f"Residual score networks on 16 digits of 4×4 pixels. Left: share of copies among {SAMPLES} samples against the"
    " loss, along training. Right: the same at the lowest loss that all of them reach, with 95 % intervals of the"
    " excess; the dotted line is the held-out null."
)


class Scores(Experiment, frozen=True):
    """One trained score network."""

    depth: int = Field(ge=1)
    initialization: Literal["tied", "smooth", "iid"]
    n_samples: int = Field(ge=1)
    steps: int = Field(ge=1)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        """The loss, and the share of copies with its null and the interval of the excess, along training."""
        digits = load_digits()
        n_holdout = digits.n_samples - self.n_samples
        train, holdout = (_pool(digits_of) for digits_of in digits.split(n_holdout, self.seed))
        process = OrnsteinUhlenbeck(t_min=1e-3, t_max=2.5)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)  # the network's linear layers draw from torch's own generator
            network = ResidualNetwork(
                tuple(train.shape[1:]), width=WIDTH, depth=self.depth, initialization=self.initialization
            )
        spec = TrainingSpec(
            steps=self.steps, batch_size=BATCH, learning_rate=LEARNING_RATE, ema_decay=EMA_DECAY, seed=self.seed
        )
        generator = torch.Generator().manual_seed(self.seed)
        draws = Draws(train, process, TrainingSpec(batch_size=LOSS_DRAWS), generator).batch()
        monitor = MemorizationMonitor(train, holdout, process, n_samples=SAMPLES, n_steps=SAMPLER_STEPS, seed=self.seed)
        found: list[dict[str, float]] = []

        def watch(score: NetworkScore, step: int) -> None:
            with torch.no_grad():
                loss = float(denoising_loss(score.network, process, *draws, spec.weighting))
            found.append({"loss": loss, **shares(monitor.update(score, step).result)})

        fit(network, train, process, spec, watch=watch, watch_every=max(self.steps // CHECKPOINTS, 1))
        along = {name: ("checkpoint", [one[name] for one in found[:CHECKPOINTS]]) for name in ("loss", *COPIES)}
        return {"checkpoint": ("checkpoint", np.arange(1, CHECKPOINTS + 1)), **along}

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence[Experiment]:
        quick = preset == "quick"
        return grid(
            cls,
            depth=[2, 8] if quick else [2, 16, 64],
            initialization=["tied", "iid"],
            n_samples=16,
            steps=1200 if quick else 2000,
            seed=seeds(2 if quick else 4)[1:],
        )

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        level, settings = copies_at_equal_loss(rows(results))
        yield Claim(
            "scores-memorize",
            f"At equal loss ({level:.3g}) residual score networks copy: largest lower end of the excess over the null.",
            NEW,
            max(setting.excess_low for setting in settings),
            (0.0, None),
        )
        yield Claim(
            "scores-depth",
            "At that loss neither depth nor start changes the share of copies: largest difference between settings.",
            NEW,
            float(np.ptp([setting.copies for setting in settings])),
            (None, 0.1),
        )

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        trials = rows(results)
        yield Plot("scores", CAPTION, lambda figure: _draw(figure, trials))


def _pool(digits: Dataset) -> Tensor:
    """Digits averaged to 4×4, flattened, and brought back to about unit scale."""
    return CONTRAST * nn.functional.avg_pool2d(digits.to_model()[:, None], 2).flatten(1)


@dataclass(frozen=True)
class Setting:
    """Copies of one depth and start at a given loss, means over seeds.

    Attributes:
        depth: L.
        initialization: the start along the depth.
        copies: share of copies among the samples.
        null: the same of held-out items.
        excess_low: lower end of the 95 % interval of the excess.
        excess_high: its upper end.
    """

    depth: int
    initialization: str
    copies: float
    null: float
    excess_low: float
    excess_high: float


def copies_at_equal_loss(trials: xr.Dataset) -> tuple[float, list[Setting]]:
    """The lowest loss that every network reaches, and the copies there, interpolated along the loss."""
    level = float(trials.loss.min("checkpoint").max())
    found: dict[tuple[int, str], list[list[float]]] = {}
    for k in range(trials.sizes["trial"]):
        one = trials.isel(trial=k)
        order = np.argsort(one.loss.values)
        at = [float(np.interp(level, one.loss.values[order], one[name].values[order])) for name in COPIES]
        found.setdefault((int(one.depth), str(one.initialization.values)), []).append(at)
    return level, [Setting(*setting, *np.mean(values, axis=0).tolist()) for setting, values in found.items()]


def _draw(figure: Figure, trials: xr.Dataset) -> None:
    figure.set_size_inches(11.0, 4.2)
    left, right = figure.subplots(1, 2)
    level, settings = copies_at_equal_loss(trials)
    for k, depth in enumerate(np.unique(trials.depth)):
        for j, (start, marker) in enumerate(zip(("tied", "smooth", "iid"), "os^", strict=True)):
            alike = trials.isel(trial=np.flatnonzero((trials.depth == depth) & (trials.initialization == start)))
            for run in range(alike.sizes["trial"]):
                one = alike.isel(trial=run)
                left.plot(
                    one.loss,
                    one.copies,
                    color=f"C{k}",
                    linestyle="-",
                    linewidth=0.8,
                    marker=marker,
                    markersize=4,
                    label=f"L = {depth}, {start}" if run == 0 else None,
                )
            for at in settings:
                if (at.depth, at.initialization) == (depth, start):
                    excess = at.copies - at.null
                    bars = [[max(excess - at.excess_low, 0)], [max(at.excess_high - excess, 0)]]
                    right.errorbar(depth * 1.12 ** (j - 1), at.copies, bars, fmt=marker, color=f"C{k}", capsize=3)
    left.axvline(level, color="C5", linewidth=0.8)
    left.set(xlabel="loss on fixed draws", ylabel="copies among the samples")
    left.legend(fontsize=8)
    right.axhline(float(trials.null.mean()), color="C3", linestyle=":")
    right.set(xscale="log", xlabel="depth L", ylabel=f"copies at loss {level:.3g}")
    right.set_xticks(np.unique(trials.depth), [str(d) for d in np.unique(trials.depth)])
    right.minorticks_off()
