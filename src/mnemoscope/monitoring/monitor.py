"""Watch memorization while a model trains: at chosen steps, draw samples and audit them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mnemoscope.auditing import MeasureResult, audit
from mnemoscope.choose import check_kind, check_whole
from mnemoscope.data import Dataset, as_array, as_dataset
from mnemoscope.processes import Process
from mnemoscope.sampling import sample
from mnemoscope.scores import ScoreFunction


@dataclass(frozen=True)
class MonitorRecord:
    """One measurement of the model: the step, and what the distance ratio said of its samples."""

    step: int
    result: MeasureResult


class MemorizationMonitor:
    """Memorized fraction against training step, with its interval and null.

    Every measurement starts from the same noise, so that the records differ by the model alone.

    Args:
        train: the training set on the model's scale, shape ``(n_train, *event)``.
        holdout: held-out items on the same scale, for the null.
        process: the forward process.
        n_samples: samples drawn at each measurement.
        n_steps: steps of the sampler.
        seed: of the samples' noise.
    """

    def __init__(
        self,
        train: Tensor,
        holdout: Tensor,
        process: Process,
        *,
        n_samples: int = 200,
        n_steps: int = 20,
        seed: int = 0,
    ) -> None:
        self.train, self.holdout, self.process = as_dataset(train, "train"), as_dataset(holdout, "holdout"), process
        check_kind(process, Process, "process")
        self.n_samples, self.n_steps = check_whole(n_samples, "n_samples"), check_whole(n_steps, "n_steps")
        self.seed = check_whole(seed, "seed", 0, 2**63 - 1)
        self.records: list[MonitorRecord] = []

    def update(self, score: ScoreFunction, step: int) -> MonitorRecord:
        """Measure a score after ``step`` steps of training; any training loop may call this."""
        generator = torch.Generator().manual_seed(self.seed)
        samples = sample(
            score,
            self.process,
            self.n_samples,
            generator=generator,
            n_steps=self.n_steps,
            event_shape=self.train.event_shape,
        )
        # Samples of an untrained model leave the data's range: they are on its scale all the same.
        generated = Dataset(as_array(samples), f"samples at step {step}", self.train.value_range)
        report = audit(generated, self.train, holdout=self.holdout, measures=["distance-ratio"])
        self.records.append(MonitorRecord(step, report.results[0]))
        return self.records[-1]
