"""What checksums cost: checkpoints and trials, written with them and without, in turn.

    python -m benchmarks storing

A checkpoint is on the disk before it has its name, so its writing includes the disk's time. A trial is not, since a
torn one fails its checksum; the disk's time is added here, so that both are measured alike.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from benchmarks.timing import row
from mnemoscope.networks import NetworkSpec, build_network
from mnemoscope.output import sync_file
from mnemoscope.sweeps import Result, Store, Trial
from mnemoscope.sweeps.provenance import provenance
from mnemoscope.sweeps.trial import check_result
from mnemoscope.training.checkpoint import TrainingState, save_checkpoint

AT_MOST = 1.05
CHECKSUMS = ("training.checkpoint.file_checksum", "records._checksum", "sweeps.stored._checksum")
Write = Callable[[Path], object]


class Table(Trial):
    """A trial that found ``n_values`` numbers."""

    n_values: int

    def run(self) -> Result:
        return {"values": (("value",), np.random.default_rng(0).random(self.n_values))}


def checkpoint_of(network: NetworkSpec) -> Write:
    """What writes the checkpoint of a run of a thousand steps."""
    built = build_network(network, 0)
    optimizer = torch.optim.Adam(built.parameters())
    for parameter in built.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    state = TrainingState(built, AveragedModel(built), optimizer, torch.Generator(), [1.0] * 1000)
    return lambda folder: save_checkpoint(folder, state)


def trial_of(n_values: int) -> Write:
    """What writes a finished trial."""
    trial = Table(n_values=n_values)
    variables = check_result(trial, trial.run())

    def write(folder: Path) -> None:
        Store(folder).write(trial, variables, provenance(1.0, 1))
        sync_file(folder / "trials" / f"{trial.key}.safetensors")

    return write


def no_checksum(*_: object) -> str:
    """What stands in for a checksum, in no time."""
    return "0" * 64


def seconds(write: Write, *, checked: bool) -> float:
    """Of writing once, into a new folder."""
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        Store(folder).create()
        for name in () if checked else CHECKSUMS:
            stack.enter_context(mock.patch(f"mnemoscope.{name}", no_checksum))
        start = time.perf_counter()
        write(folder)
        return time.perf_counter() - start


def medians(write: Write, repeats: int) -> tuple[float, float]:
    """Median seconds with checksums, and median ratio of with to without; in pairs, each the other way round."""
    pairs = []
    for repeat in range(repeats):
        order = (True, False) if repeat % 2 else (False, True)
        found = {checked: seconds(write, checked=checked) for checked in order}
        pairs.append((found[True], found[True] / found[False]))
    times, ratios = zip(*pairs, strict=True)
    return statistics.median(times), statistics.median(ratios)


def rows() -> list[dict[str, object]]:
    """All rows, in order."""
    writes = (
        ("a checkpoint of an MLP on 8 × 8 images", checkpoint_of(NetworkSpec("mlp", (64,), {})), 61),
        ("a checkpoint of a U-Net on 28 × 28 images", checkpoint_of(NetworkSpec("unet", (1, 28, 28), {})), 61),
        ("… of one four times as wide", checkpoint_of(NetworkSpec("unet", (1, 28, 28), {"width": 128})), 15),
        ("a trial of 10 numbers", trial_of(10), 401),
        ("a trial of 10,000 numbers", trial_of(10_000), 201),
        ("a trial of 1,000,000 numbers", trial_of(1_000_000), 31),
    )
    found = []
    for name, write, repeats in writes:
        once, ratio = medians(write, repeats)
        found.append(row(f"{name} (s)", once))
        found.append(row("… over the same without checksums, at most", ratio, AT_MOST, ratio <= AT_MOST))
    return found
