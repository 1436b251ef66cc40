"""What ``mnemoscope train`` asks the monitor, and the classes that it is conditional on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mnemoscope.data import Dataset, load, load_labels
from mnemoscope.errors import InputError
from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.processes import Process
from mnemoscope.training import FitResult


def check_watched(monitor: bool, given: dict[str, Any]) -> None:
    """That the options of a monitor are given with it, and its held-out set.

    Raises:
        InputError: they are not; the option is named.
    """
    for name in given if not monitor else ():
        raise InputError(f"--{name.replace('_', '-')}: has a meaning with --monitor alone")
    if monitor and "holdout" not in given:
        raise InputError("--monitor: needs --holdout, a set that is not trained on")


def watching(data: Dataset, holdout: str, process: Process, seed: int) -> Callable[[Path], MemorizationMonitor]:
    """What makes the monitor, given its history."""
    # On the scale of the training set, with a range of its own: whether that is the same scale is then looked at.
    others = load(holdout, progress=True).described(value_range=data.value_range)
    train = Dataset(data.to_model().numpy(), data.name, (-1.0, 1.0))
    held_out = Dataset(others.to_model().numpy(), others.name)
    return lambda history: MemorizationMonitor(train, held_out, process, seed=seed, history=history)


def conditional_on(data: Dataset, classes: Path | None) -> Dataset:
    """The data with the classes of a file, or with their own.

    Raises:
        InputError: there are none, or another number than of items.
    """
    if classes is not None:
        labels = load_labels(classes)
        if len(labels) != data.n_samples:
            raise InputError(f"{classes}: has {len(labels)} labels for the {data.n_samples} items of {data.name}")
        return data.described(classes=tuple(map(str, labels.tolist())))
    if data.classes is None:
        raise InputError(f"{data.name}: its source has no classes; --classes FILE gives them")
    return data


def outcome(result: FitResult, out: Path) -> str:
    """What the monitor had to say, in one line."""
    good = "there was no good checkpoint before"
    if result.last_good_step is not None:
        good = f"the last good checkpoint is {out / 'checkpoints' / f'step-{result.last_good_step:08d}'}"
    if result.stopped:
        return f"stopped at step {len(result.losses)}, where it starts to memorize; {good}"
    return f"trained to the end, {good}"
