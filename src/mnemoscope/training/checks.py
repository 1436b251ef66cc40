"""What a training is refused for before it starts, and what it stops at."""

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from mnemoscope.choose import check_kind
from mnemoscope.data.arrays import as_items, as_tensor, check_finite
from mnemoscope.errors import DivergenceError, InputError
from mnemoscope.processes import Process
from mnemoscope.reading import check_memory
from mnemoscope.training.checkpoint import TrainingState, checkpoints_of
from mnemoscope.training.spec import TrainingSpec


def checked(network: nn.Module, data: Tensor, process: Process, spec: TrainingSpec) -> Tensor:
    """The training items on the CPU, without a gradient.

    Raises:
        InputError: what cannot be trained, before anything changes.
    """
    check_kind(network, nn.Module, "network")
    check_kind(process, Process, "process")
    check_kind(spec, TrainingSpec, "spec")
    items = as_items(as_tensor(data, "data"), "data")
    if not isinstance(items, Tensor) or not items.is_floating_point():
        raise InputError(f"data: needs floating-point numbers of unit scale (Dataset.to_model), got {items.dtype}")
    items = items.to(torch.device("cpu"), next((each.dtype for each in network.parameters()), items.dtype))
    check_finite(items, "data")
    for each in spec.regularized_by:
        each.check_event(tuple(items.shape[1:]))
    parameters = sum(each.nbytes for each in network.parameters())
    draws = spec.batch_size + (0 if spec.noise_draws == math.inf else len(items) * int(spec.noise_draws))
    # Gradients, the average and Adam's two moments; of each draw the item, its noise, x_t and what is predicted.
    states = 2 + 2 * (spec.optimizer == "adam")
    needed = states * parameters + 4 * draws * items[0].nbytes
    check_memory("training (network, batch and noise draws)", needed)
    return items


def checked_labels(labels: Tensor, n_samples: int, classes: int) -> Tensor:
    """Labels on the CPU, one for each item.

    Raises:
        InputError: others.
    """
    found = as_tensor(labels, "labels").to("cpu")
    if found.shape != (n_samples,) or found.is_floating_point() or found.is_complex():
        got = f"{found.dtype} of shape {tuple(found.shape)}"
        raise InputError(f"labels: must be whole numbers, one for each of {n_samples} items, got {got}")
    if int(found.min()) < 0 or int(found.max()) >= classes:
        raise InputError(f"labels: must be from 0 to {classes - 1}, got {int(found.min())} to {int(found.max())}")
    return found.long()


def check_weights(state: TrainingState, spec: TrainingSpec, checkpoints: Path | None) -> None:
    """That weights are finite, before they become a checkpoint: the loss of their step was not theirs.

    Raises:
        DivergenceError: they are not.
    """
    if not all(bool(each.isfinite().all()) for each in state.network.parameters()):
        raise DivergenceError(state.step, spec.learning_rate, last_checkpoint(checkpoints))


def last_checkpoint(checkpoints: Path | None) -> str | None:
    """The newest checkpoint."""
    found = [] if checkpoints is None else checkpoints_of(checkpoints)
    return str(found[0]) if found else None
