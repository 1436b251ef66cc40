"""What torch keeps for a whole process, device or network, and how the library leaves it as it found it.

Nothing in the library depends on torch's default dtype or default device, no tensor in double precision goes to a
device that has none, and a network that is handed over comes back in the mode in which it came.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.text import one_line

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


def usable_device(device: torch.device | str, what: str = "device") -> torch.device:
    """A device on which a tensor can be made here, and from which it can be read.

    Args:
        device: ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...
        what: the argument, for errors.

    Raises:
        InputError: there is no such device, or none that this build of torch can use; the message says torch's reason.
    """
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError, ValueError) as error:
        reason = one_line(str(error).strip().partition("\n")[0], 200)
        raise InputError(f"{what}: {device} cannot be used here ({reason}); cpu always can") from None
    return chosen


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Products of matrices in all 24 bits of single precision inside, whatever the process allows for speed.

    Neither TensorFloat-32 (``torch.set_float32_matmul_precision``) nor autocast: error bounds count on it.
    """
    mkldnn: Any = torch.backends.mkldnn  # whose types lack what it has
    backends = (torch.backends.cuda.matmul, mkldnn.matmul)
    before = [backend.fp32_precision for backend in backends]
    with ExitStack() as stack:
        for kind in {device.type, "cpu"}:
            if torch.amp.is_autocast_available(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        try:
            for backend in backends:
                backend.fp32_precision = "ieee"
            yield
        finally:
            for backend, precision in zip(backends, before, strict=True):
                backend.fp32_precision = precision


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
def own_random_state(seed: int) -> Iterator[None]:
    """Torch's random state from ``seed`` inside, on every device in use, and outside as it was, also after an error."""
    states: list[tuple[Callable[[Any], object], Any]] = [(torch.set_rng_state, torch.get_rng_state())]
    # ``torch.manual_seed`` would seed devices that are not in use yet, when they come into use.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states.append((torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all()))
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        states.append((torch.mps.set_rng_state, torch.mps.get_rng_state()))
        torch.mps.manual_seed(seed)
    try:
        yield
    finally:
        for put_back, state in states:
            put_back(state)


@contextmanager
def usual_defaults() -> Iterator[None]:
    """Single precision on the CPU as torch's defaults, for code of others that makes tensors of its own by them."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    # The context passes through Python at every operation: not where it changes nothing.
    cpu = torch.get_default_device().type == "cpu"
    try:
        with nullcontext() if cpu else torch.device("cpu"):
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
