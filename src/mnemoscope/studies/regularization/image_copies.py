"""Real images: what each regularization does to the share of copies, and what that costs in quality (this study's own).

Closed-form scores are followed back by the fixed-grid sampler; a network (an MLP by ``mnemoscope.fit``) is measured at
several checkpoints of its training. A cost is stated where copies have become rare; before that, every score is as good
as the data it returns.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import xarray as xr
from pydantic import Field

from mnemoscope.networks.build import NetworkSpec, build_network
from mnemoscope.scores import Score
from mnemoscope.studies.images import ImageName, image_names
from mnemoscope.studies.regularization.closed_forms import ClosedForm, closed_form
from mnemoscope.studies.regularization.image_figures import copies, trade_off
from mnemoscope.studies.regularization.image_quality import PROCESS, along_checkpoints, measure, over_seeds, split
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.training import TrainingSpec, fit

OWN = "this study"

CHECKPOINTS = (250, 500, 1000, 2000, 4000, 8000, 16000)
"""Steps of training after which a network is measured."""
BATCH_SIZE = 64
LEARNING_RATE = 2e-3

STRENGTHS = {
    "empirical": [0.0],
    "tikhonov": [1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0],
    "tikhonov-covariance": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1],
    "empirical-bayes": [1e-4, 1e-2, 1.0, 1e2, 1e4, 1e6, 1e8],
    "tempered": [2.0, 4.0, 8.0, 16.0, 32.0],
}


class ImageCopies(Experiment, frozen=True):
    """Copies and quality of one model of 16 images; along its training, for a network.

    Attributes:
        data: the images.
        score: which closed form, or a network.
        strength: of a closed form's regularization: c, τ, temperature or bandwidth.
        width: of a network's layers.
        steps: of a network's training, at least up to the first checkpoint.
        seed: of every draw.
    """

    data: ImageName
    score: Literal[ClosedForm, "network"]
    strength: float = Field(default=0.0, ge=0)
    width: int = Field(default=0, ge=0)
    steps: int = Field(default=0, ge=0)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        train, held_out = split(self.data, self.seed)
        if self.score != "network":
            exact = closed_form(self.score, self.strength, train.to_model().numpy(), PROCESS, self.seed)
            return along_checkpoints({0: measure(exact, train, held_out, self.seed)})

        checkpoints = [step for step in CHECKPOINTS if step <= self.steps]
        found = {}

        def watch(score: Score, step: int) -> None:
            if step in checkpoints:
                found[step] = measure(score, train, held_out, self.seed)

        network = build_network(NetworkSpec("mlp", train.event_shape, {"width": self.width}), self.seed)
        spec = TrainingSpec(steps=checkpoints[-1], batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE, seed=self.seed)
        fit(network, train.to_model(), PROCESS, spec, watch=watch, watch_every=CHECKPOINTS[0])
        return along_checkpoints(found)

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> Sequence["ImageCopies"]:
        quick = preset == "quick"
        trials = []
        for data in image_names():
            for score, strengths in STRENGTHS.items():
                chosen = strengths[:: 2 if quick else 1]
                trials += grid(cls, data=data, score=score, strength=chosen, seed=seeds(1 if quick else 2))
            if data == "digits" or not quick:
                widths = [64, 256] if data == "digits" and not quick else [256]
                steps = 2000 if quick else 16_000 if data == "digits" else 4000
                trials += grid(cls, data=data, score="network", steps=steps, width=widths, seed=seeds(1))
        return trials

    @classmethod
    def claims(cls, results: xr.Dataset) -> Iterator[Claim]:
        for data in dict.fromkeys(rows(results)["data"].values):
            for score, parameter in (("tikhonov", "c"), ("empirical-bayes", "τ")):
                at, share = over_seeds(results, "copies", data=data, score=score)
                statement = (
                    f"{data}, {score}: the share of copies falls with {parameter}, {at[0]:g} to {at[-1]:g} (the fall)."
                )
                yield Claim(f"{score}-copies-{data}", statement, OWN, float(share[0] - share[-1]), (0.5, None))
            _, tempered = over_seeds(results, "copies", data=data, score="tempered")
            statement = f"{data}: tempered weights do not prevent copies (smallest share of copies, T up to 32)."
            yield Claim(f"tempered-copies-{data}", statement, OWN, float(tempered.min()), (0.95, None))
            yield _price(results, data)
            trained = rows(results, data=data, score="network")
            if trained.sizes["trial"]:
                yield _stopping(trained, data)

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield trade_off(results)
        yield copies(results)


def _price(results: xr.Dataset, data: str) -> Claim:
    """MMD where copies have become as rare as 5 %, of Tikhonov over empirical Bayes."""
    cost = {}
    for score in ("tikhonov", "empirical-bayes"):
        _, share = over_seeds(results, "copies", data=data, score=score)
        _, mmd = over_seeds(results, "mmd", data=data, score=score)
        cost[score] = float(mmd[share <= 0.05].min(initial=math.inf))
    statement = (
        f"{data}: with at most 5 % copies, Tikhonov's samples are nearer to held-out images than empirical Bayes's"
        f" (the former's least MMD, {cost['tikhonov']:.3f}, over the latter's, {cost['empirical-bayes']:.3f})."
    )
    return Claim(f"price-{data}", statement, OWN, cost["tikhonov"] / cost["empirical-bayes"], (None, 1.0))


def _stopping(trained: xr.Dataset, data: str) -> Claim:
    """Copies of the widest network at the checkpoint with the least held-out loss."""
    row = trained.isel(trial=int(np.argmax(trained.width.values))).dropna("checkpoint", subset=["copies"])
    best = int(np.argmin(row.denoising_loss.mean("noise_level").values))
    steps = row.checkpoint.values
    statement = (
        f"{data}: an MLP of width {row.width:g}, stopped where its held-out denoising loss is least, after"
        f" {steps[best]:g} steps, copies no more than chance (lower end of the 95 % interval of the excess; after"
        f" {steps[-1]:g}, copies are {float(row.copies[-1]):.1%} of its samples)."
    )
    return Claim(f"stopping-{data}", statement, OWN, float(row.excess_low[best]), (None, 0.0))
