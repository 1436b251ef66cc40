"""The trial: one configuration or one trained network. What is done with it is a module for each part.

    laws         the theorems on data of a given separation and on networks of low and of any risk
    risk         a network trained by SGD to the score at one time: its excess risk (Fig. 1 and 2 of the paper)
    stability    a network trained by exact full-batch descent: sharpness, irregularity, the bounds
    generation   a network with the time as an input, trained by SGD; samples, their distances, copies (Fig. 3 and 4)
    images       a network trained on real images by SGD or Adam; copies among its samples

A network that diverges is a result like any other: ``diverged`` holds the step (0 for none), its measurements are NaN.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from pydantic import Field

from mnemoscope.sweeps import Result, Trial

Part: TypeAlias = Literal["laws", "risk", "stability", "generation", "images"]


class Experiment(Trial, frozen=True):
    """One configuration; fields that its part does not need stay at their defaults.

    Attributes:
        time: t of the Ornstein–Uhlenbeck process at which a score is learned; 0 where all times are.
        separation: Δμ/σ of the data of ``laws``.
        learning_rate: η; steps are width · η for two-layer networks, η for the others.
        batch: items of an SGD batch; 0 for the full batch.
    """

    part: Part
    data: Literal["gaussian", "digits", "fashion-mnist"] = "gaussian"
    network: Literal["two-layer", "mlp", "unet"] = "two-layer"
    optimizer: Literal["sgd", "adam"] = "sgd"
    dim: int = Field(default=1, ge=1)
    n_samples: int = Field(ge=2)
    time: float = Field(default=0.0, ge=0)
    separation: float = Field(default=0.0, ge=0)
    width: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    steps: int = Field(ge=1)
    batch: int = Field(default=0, ge=0)
    seed: int = Field(ge=0)

    batch_fields = ("time", "learning_rate", "steps", "seed")

    @property
    def batch_size(self) -> int:  # type: ignore[override]  # the parts differ in what one tensor program can hold
        """How many trials are trained as one: many where a step is cheap, one where another is no cheaper."""
        return {"risk": 32 if self.dim == 1 else 4, "stability": 16}.get(self.part, 1)

    def run(self) -> Result:
        return self.run_batch([self])[0]

    @classmethod
    def run_batch(cls, trials: Sequence["Experiment"]) -> Sequence[Result]:
        from mnemoscope.studies.large_steps import descents, generation, images, laws

        trial = trials[0]
        if trial.part == "risk":
            return descents.risk_results(trials)
        if trial.part == "stability":
            return descents.stability_results(trials)
        run = {"laws": laws.result, "generation": generation.result, "images": images.result}[trial.part]
        return [run(trial) for trial in trials]
