"""What one trial is; the measurements themselves are in the modules that ``run`` picks by ``part``.

path             trajectories of the probability flow, posterior weights and the distance to the limit along them
symmetric        starts that no training point is nearest to, and where they end (``closed_form``)
collapse         how many samples of a regularised score end on a training point (``closed_form``)
network          the same of a trained network, along its training (``network``)
squares          two pictures of a square, closed form, with and without a condition (``squares``)
squares-network  the same with a trained U-Net, along its training (``squares``)
images           real images: copies among the samples, and their quality (``images``)
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from pydantic import Field

from mnemoscope.sweeps import Result, Trial

Part: TypeAlias = Literal["path", "symmetric", "collapse", "network", "squares", "squares-network", "images"]
DataName: TypeAlias = Literal["points", "pair", "square", "digits", "fashion-mnist"]
ProcessName: TypeAlias = Literal["variance-exploding", "variance-preserving"]
ScoreName: TypeAlias = Literal[
    "empirical",
    "tikhonov",
    "tikhonov-covariance",
    "empirical-bayes",
    "tempered",
    "kernel-smoothed",
    "network",
    "singular-network",
]


class Experiment(Trial, frozen=True):
    """One score and what following it back in time gives.

    Attributes:
        part: what is measured.
        data: the training set: 20 points in the plane, 2 or 4 symmetric ones, or real images.
        process: the forward process.
        score: closed form or trained; ``singular-network`` has the factor 1/σ built in.
        strength: of the regularization: c, τ, temperature or bandwidth; the penalty c in a network's training loss.
        width: of a network's layers.
        steps: of a network's training.
        seed: of every draw.
    """

    batch_size = 3
    batch_fields = ("seed",)

    part: Part
    data: DataName = "points"
    process: ProcessName = "variance-exploding"
    score: ScoreName = "empirical"
    strength: float = Field(default=0.0, ge=0)
    width: int = Field(default=0, ge=0)
    steps: int = Field(default=0, ge=0)
    seed: int = Field(ge=0)

    def run(self) -> Result:
        return self.run_batch([self])[0]

    @classmethod
    def run_batch(cls, trials: Sequence["Experiment"]) -> Sequence[Result]:
        # Imported here, so that listing the trials of a study loads no sampler and no network.
        from mnemoscope.studies.regularization import closed_form, images, network, squares

        if trials[0].part == "network":
            return network.train_and_sample(trials)
        measure: dict[str, Callable[[Experiment], Result]] = {
            "path": closed_form.path,
            "symmetric": closed_form.symmetric,
            "collapse": closed_form.collapse,
            "squares": squares.closed_form,
            "squares-network": squares.trained,
            "images": images.images,
        }
        return [measure[trial.part](trial) for trial in trials]
