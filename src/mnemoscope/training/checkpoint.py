"""Checkpoints: everything a run needs to go on as if it had never stopped, in safetensors and JSON, never a pickle.

A checkpoint is a folder ``step-00001000`` that appears whole or not at all:

    network.safetensors    the weights being trained
    average.safetensors    their exponential moving average: what samples are drawn from
    optimizer.safetensors  the optimizer's tensors, the generator's state, the loss of every step so far
    state.json             the step and the optimizer's settings
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mnemoscope.errors import InputError
from mnemoscope.output import atomic_folder


@dataclass
class TrainingState:
    """What changes from step to step."""

    network: nn.Module
    average: AveragedModel
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    losses: list[float]

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
        save_weights(state.network, temporary / "network.safetensors")
        save_weights(state.average.module, temporary / "average.safetensors")
        losses = torch.tensor(state.losses, dtype=torch.float64, device="cpu")
        extra = {"generator": state.generator.get_state(), "losses": losses}
        save_file({**_contiguous(tensors), **extra}, temporary / "optimizer.safetensors")
        settings = json.dumps({"step": state.step, "param_groups": optimizer["param_groups"]}, indent=2)
        (temporary / "state.json").write_text(settings, encoding="utf-8")
    return target


def latest_checkpoint(folder: Path) -> Path | None:
    """The checkpoint of the most steps in ``folder``, or None."""
    return max(folder.glob("step-*"), default=None)


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights and buffers of ``network`` to one file."""
    save_file(_contiguous(network.state_dict()), path)


def load_weights(network: nn.Module, path: Path) -> None:
    """Load what ``save_weights`` wrote into a network of the same layout.

    Raises:
        InputError: the file is missing, damaged or of another network.
    """
    try:
        network.load_state_dict(_read(path))
    except RuntimeError as error:
        raise InputError(f"{path}: does not fit this network ({str(error).splitlines()[0]})") from None


def load_average(checkpoint: Path, network: nn.Module) -> None:
    """Load the averaged weights of a checkpoint into ``network``."""
    load_weights(network, checkpoint / "average.safetensors")


def load_checkpoint(checkpoint: Path, state: TrainingState) -> None:
    """Bring ``state``, freshly built from the same specification, to where the checkpoint left off.

    Raises:
        InputError: a file is missing, damaged or of another network; it is named.
    """
    load_weights(state.network, checkpoint / "network.safetensors")
    load_weights(state.average.module, checkpoint / "average.safetensors")
    tensors = _read(checkpoint / "optimizer.safetensors")
    generator, losses = tensors.pop("generator"), tensors.pop("losses")
    entries: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        entries.setdefault(int(index), {})[name] = value
    settings = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    state.optimizer.load_state_dict({"state": entries, "param_groups": settings["param_groups"]})
    state.generator.set_state(generator)
    state.losses[:] = losses.tolist()
    state.average.n_averaged.fill_(state.step)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: is missing or damaged ({error})") from None


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in tensors.items()}
