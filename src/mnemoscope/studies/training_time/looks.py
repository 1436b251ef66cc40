"""One training, looked at as it goes: what the monitor records, and who is copied at the end.

membership      the largest membership area of all noise levels (train against held-out denoising loss)
held_out_loss   E ‖D(x_t) − x_0‖²/d of held-out items, mean over the monitor's noise levels
train_loss      the same of training items
copies          95 % lower bound on the share of calibrated copies among samples
copied          share of copies by the fixed rule d1/d2 < 1/3
closeness       share of samples nearer to a training item than to a held-out one
beyond          lower end of its excess over a Gaussian fitted to train; −1 where chance explains it
state           of the monitor: 0 generalizing, 1 starting to memorize, 2 memorizing
"""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.stats import mannwhitneyu

from mnemoscope.auditing import audit
from mnemoscope.data import Dataset
from mnemoscope.monitoring import MemorizationMonitor, MonitorRecord
from mnemoscope.monitoring.decision import STATES
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.networks import NetworkSpec, build_network
from mnemoscope.processes import Process
from mnemoscope.sampling import sample
from mnemoscope.scores import Score
from mnemoscope.sweeps import Result
from mnemoscope.training import TrainingSpec, fit

ITEMS = 128  # of train, and held out: this study's, whatever the monitor's default
SAMPLES = 256
MANY_SAMPLES = 1024
"""Of the finished training, to see who is copied."""

SAMPLER_STEPS = 20
FIRST_LOOK = 10
"""Step of the first look; the next come at √2 times as many steps each."""


def look_steps(steps: int) -> list[int]:
    """At which steps a training of so many is looked at."""
    found, step = [], float(FIRST_LOOK)
    while step < steps:
        found.append(FIRST_LOOK * round(step / FIRST_LOOK))
        step *= 2**0.5
    return [*dict.fromkeys(step for step in found if step < steps), steps]


def train_and_look(
    train: Dataset, held_out: Dataset, network: NetworkSpec, process: Process, training: TrainingSpec
) -> Result:
    """The records of a training, along ``step``, and how well isolation predicts which items are copied.

    Args:
        train: on the model's scale.
        held_out: items of the same law.
        network: to train.
        process: the forward process.
        training: how.
    """
    steps = look_steps(training.steps)
    monitor = MemorizationMonitor(
        train, held_out, process, n_items=ITEMS, n_samples=SAMPLES, n_steps=SAMPLER_STEPS, seed=training.seed,
        looks=len(steps),
    )  # fmt: skip

    def watch(score: Score, step: int) -> None:
        if step in steps:
            monitor.update(score, step)

    built, items = build_network(network, training.seed), torch.from_numpy(np.asarray(train.array, np.float32))
    fitted = fit(built, items, process, training, watch=watch, watch_every=FIRST_LOOK)
    return {**along_steps(monitor.records), **copied_items(fitted.score, process, train, held_out, training.seed)}


def along_steps(records: Sequence[MonitorRecord]) -> Result:
    """Records as arrays along ``step``."""
    columns: dict[str, list[float]] = {}
    for record in records:
        found = record.samples
        if found is None:
            raise TypeError("looks of this study take samples")
        values = {
            "membership": max(level.membership.value for level in record.levels),
            "held_out_loss": float(np.mean([level.holdout_loss for level in record.levels])),
            "train_loss": float(np.mean([level.train_loss for level in record.levels])),
            "copies": found.copies,
            "copied": found.copied,
            "closeness": found.closeness,
            "beyond": -1.0 if found.excess_interval is None else found.excess_interval[0],
            "state": float(STATES.index(record.decision.state)),
        }
        for name, value in values.items():
            columns.setdefault(name, []).append(value)
    steps = {"step": ("step", np.array([record.step for record in records]))}
    return steps | {name: ("step", np.array(values)) for name, values in columns.items()}


def copied_items(score: Score, process: Process, train: Dataset, held_out: Dataset, seed: int) -> Result:
    """Which training items have copies among the samples of the finished training.

    Copies by the fixed rule, d1/d2 < 1/3, which is kind to isolated items: their d2 is large.

    Returns:
        ``extracted``, the share of training items that do, and ``isolation_auc``, the probability that such an item is
        further from its nearest other training item than one that has none (Mann–Whitney); NaN where all or none have.
    """
    generator = torch.Generator().manual_seed(seed)
    samples = sample(
        score, process, MANY_SAMPLES, generator=generator, n_steps=SAMPLER_STEPS, event_shape=train.event_shape
    )
    report = audit(samples.numpy(), train, holdout=held_out, measures=["distance-ratio"], seed=seed)
    copied = np.zeros(train.n_samples, dtype=bool)
    copied[report.nearest.indices[report.evidence[0].flagged]] = True
    points = np.asarray(train.array).reshape(train.n_samples, -1)
    alone = nearest_neighbours(points, points, 1, exclude=np.arange(len(points))).distances[:, 0]
    area = np.nan
    if 0 < copied.sum() < len(copied):
        area = float(mannwhitneyu(alone[copied], alone[~copied]).statistic / (copied.sum() * (~copied).sum()))
    return {"extracted": float(copied.mean()), "isolation_auc": area}
