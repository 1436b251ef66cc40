"""What torch keeps for a whole process, device or network, and how the library leaves it as it found it.

Nothing in the library depends on torch's default dtype or default device, no tensor in double precision goes to a
device that has none, and a network that is handed over comes back in the mode in which it came.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mnemoscope.extras import optional

WITHOUT_DOUBLE = frozenset({"mps"})
"""Types of devices without double precision."""


def has_double(device: torch.device) -> bool:
    """Whether a device computes in double precision; Apple's do not."""
    return device.type not in WITHOUT_DOUBLE


def double_device(device: torch.device) -> torch.device:
    """Where to compute in double precision what lives on ``device``: there, or on the CPU if it has none."""
    return device if has_double(device) else torch.device("cpu")


def to_double(tensor: Tensor) -> Tensor:
    """In double precision, on the tensor's own device or, if that has none, on the CPU: moved first, then converted."""
    return tensor.to(double_device(tensor.device)).double()


@contextmanager
def full_precision() -> Iterator[None]:
    """Products of matrices in single precision as they are meant, whatever shorter numbers a caller lets torch use."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def device_of(network: nn.Module) -> torch.device:
    """The device of the network's first parameter or buffer; the CPU if it has none."""
    tensors = (tensor for group in (network.parameters(), network.buffers()) for tensor in group)
    return next((tensor.device for tensor in tensors), torch.device("cpu"))


@contextmanager
def evaluation_mode(*networks: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, and outside every submodule in the mode in which it was, also after an error.

    The flags are set one by one: a network may do more than that in a ``train`` of its own, and some of its parts may
    be frozen in evaluation mode on purpose.
    """
    # A frozen TorchScript module has no flag.
    training = [module for network in networks for module in network.modules() if getattr(module, "training", False)]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def training_mode(network: nn.Module) -> Iterator[None]:
    """The mode for training inside, and outside every submodule in the mode in which it was, also after an error.

    A network that comes in training mode keeps its parts as they are: those in evaluation mode are frozen on purpose.
    """
    before = [(module, module.training) for module in network.modules()]
    if not network.training:
        network.train()
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


@contextmanager
def usual_defaults() -> Iterator[None]:
    """Single precision on the CPU as torch's defaults, for code of others that makes tensors of its own by them."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.device("cpu"):
            yield
    finally:
        torch.set_default_dtype(before)


def ode_solver() -> Any:
    """Torchdiffeq's ``odeint``, imported in the usual defaults: by them torchdiffeq makes its tables, once.

    Raises:
        MissingExtraError: torchdiffeq is not installed.
    """
    with usual_defaults():
        return optional("torchdiffeq", "train").odeint
