"""Devices and mixed precision, which are accelerate's business.

accelerate keeps one precision for a whole process, and takes it from the environment where it is not told. Here a run
has the one that its specification says, and the process afterwards the one that it had.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from mnemoscope.errors import InputError
from mnemoscope.extras import optional


@contextmanager
def accelerated(mixed_precision: str) -> Iterator[Any]:
    """An ``accelerate.Accelerator`` of this precision.

    Raises:
        InputError: the device does not compute in it.
        MissingExtraError: accelerate is not installed.
    """
    accelerator, state = optional("accelerate", "train").Accelerator, optional("accelerate.state", "train")
    shared = state.AcceleratorState._shared_state
    before = dict(shared)
    shared.clear()
    try:
        try:
            made = accelerator(mixed_precision=mixed_precision)
        except ValueError as error:
            raise InputError(f"mixed_precision: {error}") from None
        if mixed_precision != "no" and not made.native_amp:  # it would go on in single precision
            raise InputError(f"mixed_precision: {mixed_precision} is not for {made.device.type}")
        yield made
    finally:
        shared.clear()
        shared.update(before)


@contextmanager
def prepared(accelerator: Any, network: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[tuple[nn.Module, Any]]:
    """Network and optimizer as accelerate prepares them; the network's own forward pass is as it was afterwards."""
    before = network.__dict__.get("forward")
    try:
        yield accelerator.prepare(network, optimizer)
    finally:
        for name in ("_original_forward", "forward"):
            network.__dict__.pop(name, None)
        if before is not None:
            network.__dict__["forward"] = before
