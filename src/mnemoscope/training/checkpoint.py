"""Checkpoints: everything a run needs to go on as if it had never stopped, in safetensors and JSON, never a pickle.

A checkpoint is a folder ``step-00001000`` that appears whole or not at all:

    network.safetensors    the weights being trained
    average.safetensors    their exponential moving average: what samples are drawn from, if not asked otherwise
    optimizer.safetensors  the optimizer's tensors, the generator's state, the loss of every step so far
    state.json             the step, the optimizer's settings, and the checksums of the other files

One that is damaged, or that stands where another should, is found by its checksums; the newest whole one takes its
place.
"""

import re
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mnemoscope.choose import choose
from mnemoscope.errors import InputError
from mnemoscope.output import atomic_folder, sync_file, temporary_path
from mnemoscope.reading import reading
from mnemoscope.records import JsonRecord, file_checksum, has_checksum, read_record, write_record

_NETWORK, _AVERAGE, _OPTIMIZER = "network.safetensors", "average.safetensors", "optimizer.safetensors"


class _StateRecord(JsonRecord):
    """state.json of the checkpoint KEY. Version 1 had no checksums."""

    what: ClassVar[str] = "the checkpoint"

    step: int
    param_groups: list[dict[str, Any]]
    files: dict[str, str] = Field(default_factory=dict)
    scaler: dict[str, float] | None = None


@dataclass
class TrainingState:
    """What changes from step to step; the scaler is that of gradients in half precision."""

    network: nn.Module
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    losses: list[float]
    scaler: Any = None

    @property
    def step(self) -> int:
        """Optimizer steps done."""
        return len(self.losses)


def save_checkpoint(folder: Path, state: TrainingState) -> Path:
    """Write ``folder/step-…`` atomically and return its path; one that is there already is left as it is."""
    target = folder / f"step-{state.step:08d}"
    if target.exists():
        return target
    optimizer = state.optimizer.state_dict()
    tensors = {
        f"{index}.{name}": value
        for index, entries in optimizer["state"].items()
        for name, value in entries.items()
        if isinstance(value, Tensor)
    }
    with atomic_folder(target) as temporary:
        save_weights(state.network, temporary / _NETWORK)
        save_weights(state.average.module, temporary / _AVERAGE)
        losses = torch.tensor(state.losses, dtype=torch.float64, device="cpu")
        extra = {"generator": state.generator.get_state(), "losses": losses}
        save_file({**_contiguous(tensors), **extra}, temporary / _OPTIMIZER)
        files = _checksums_while_syncing(temporary, _NETWORK, _AVERAGE, _OPTIMIZER)
        record = _StateRecord(step=state.step, param_groups=optimizer["param_groups"], files=files)
        if state.scaler is not None:
            record = record.model_copy(update={"scaler": state.scaler.state_dict()})
        write_record(temporary / "state.json", record, target.name)
    return target


def checkpoints_of(folder: Path) -> list[Path]:
    """The checkpoints in ``folder``, the one of the most steps first."""
    found = [path for path in folder.glob("step-*") if re.fullmatch(r"step-[0-9]{8,}", path.name)]
    return sorted(found, key=step_of, reverse=True)


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint is of."""
    return int(checkpoint.name.removeprefix("step-"))


def newest_whole(checkpoints: list[Path], load: Callable[[Path], None]) -> Path:
    """Load the first of ``checkpoints`` that can be, and warn of those before it that are damaged.

    Raises:
        InputError: none can be; what is wrong with the first is said.
    """
    first: InputError | None = None
    for checkpoint in checkpoints:
        try:
            load(checkpoint)
        except InputError as error:
            first = first or error
        else:
            if first is not None:
                warnings.warn(f"{first}; step {step_of(checkpoint)} is used in its place", stacklevel=3)
            return checkpoint
    assert first is not None, "an empty list has no newest"
    raise first


def resume(folder: Path, state: TrainingState) -> None:
    """Bring ``state`` to where the newest whole checkpoint in ``folder`` left off, if there is any.

    Damaged ones of later steps are moved out of the way, so that those steps can be saved again.

    Raises:
        InputError: there are checkpoints, but none of them is whole and of this network.
    """
    checkpoints = checkpoints_of(folder)
    if not checkpoints:
        return
    used = newest_whole(checkpoints, lambda checkpoint: load_checkpoint(checkpoint, state))
    for damaged in checkpoints[: checkpoints.index(used)]:
        damaged.rename(temporary_path(damaged.parent).with_suffix(f".damaged-{damaged.name}"))


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights and buffers of ``network`` to one file."""
    save_file(_contiguous(network.state_dict()), path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Load what ``save_weights`` wrote into a network of the same layout.

    Raises:
        InputError: the file is missing, damaged or of another network.
    """
    tensors = _read(path)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise InputError(f"{path}: does not fit this network ({str(error).splitlines()[0]})") from None


def load_sampled(checkpoint: Path, network: nn.Module, weights: str) -> None:
    """Load the ``average`` weights of a checkpoint, or the ``raw`` ones, into ``network``.

    Raises:
        InputError: other weights, or a file is missing, damaged, of another checkpoint or of another network.
    """
    file = choose(weights, {"average": _AVERAGE, "raw": _NETWORK}, "weights")
    _read_state(checkpoint, file)
    load_weights(network, checkpoint / file)


def load_checkpoint(checkpoint: Path, state: TrainingState) -> None:
    """Bring ``state``, freshly built from the same specification, to where the checkpoint left off.

    Raises:
        InputError: a file is missing, damaged, of another checkpoint or of another network; it is named.
    """
    record = _read_state(checkpoint, _NETWORK, _AVERAGE, _OPTIMIZER)
    load_weights(state.network, checkpoint / _NETWORK)
    load_weights(state.average.module, checkpoint / _AVERAGE)
    tensors = _read(checkpoint / _OPTIMIZER)
    with reading(checkpoint / _OPTIMIZER):
        generator, losses = tensors.pop("generator"), tensors.pop("losses")
        entries: dict[int, dict[str, Any]] = {}
        for key, value in tensors.items():
            index, _, name = key.partition(".")
            entries.setdefault(int(index), {})[name] = value
        state.optimizer.load_state_dict({"state": entries, "param_groups": record.param_groups})
        state.generator.set_state(generator)
        state.losses[:] = losses.tolist()
        if state.scaler is not None and record.scaler is not None:
            state.scaler.load_state_dict(record.scaler)
    state.average.n_averaged.fill_(state.step)


def check_files(folder: Path, checksums: dict[str, str], *names: str) -> None:
    """Compare files with their checksums; where there are none, older code wrote them.

    Raises:
        InputError: a file is missing or was changed; it is named.
    """
    for name in names if checksums else ():
        with reading(folder / name):
            if not has_checksum(folder / name, checksums.get(name, "")):
                raise InputError(f"{folder / name}: is damaged: its checksum does not match")


def _checksums_while_syncing(folder: Path, *names: str) -> dict[str, str]:
    """The processor sums the files while the disk takes them."""
    paths = [folder / name for name in names]
    with ThreadPoolExecutor(1) as pool:
        checksums = pool.map(file_checksum, paths)
        for path in paths:
            sync_file(path)
        return dict(zip(names, checksums, strict=True))


def _read_state(checkpoint: Path, *files: str) -> _StateRecord:
    """The record of a checkpoint, after those of its files that are named were found whole."""
    path = checkpoint / "state.json"
    record = read_record(path, _StateRecord, checkpoint.name)
    if record.step != step_of(checkpoint):
        raise InputError(f"{path}: is of step {record.step}")
    check_files(checkpoint, record.files, *files)
    return record


def _read(path: Path) -> dict[str, Tensor]:
    with reading(path):
        return load_file(path)


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in tensors.items()}
