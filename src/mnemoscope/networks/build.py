"""Networks by name, so that a run can be described in a file and built again."""

import inspect
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from mnemoscope.choose import LARGEST_WHOLE, check_event_shape, check_kind, check_whole, choose
from mnemoscope.errors import InputError
from mnemoscope.networks.dit import DiT
from mnemoscope.networks.mlp import MLP
from mnemoscope.networks.residual import ResidualNetwork
from mnemoscope.networks.two_layer import TwoLayer
from mnemoscope.networks.unet import UNet
from mnemoscope.reading import check_memory
from mnemoscope.torch_state import usual_defaults

_NETWORKS: dict[str, type[nn.Module]] = {
    "unet": UNet,
    "dit": DiT,
    "mlp": MLP,
    "residual": ResidualNetwork,
    "two-layer": TwoLayer,
}


def network_names() -> list[str]:
    """The names that a ``NetworkSpec`` may carry."""
    return list(_NETWORKS)


def option_defaults(name: str) -> dict[str, int]:
    """The options of the network called ``name`` that have a value where none is given.

    Raises:
        InputError: there is no such network.
    """
    options = inspect.signature(choose(name, _NETWORKS, "network")).parameters.values()
    return {option.name: option.default for option in options if option.default is not option.empty}


@dataclass(frozen=True)
class NetworkSpec:
    """A network's name, the shape of the items it works on, and its own options.

    Raises:
        InputError: an unknown name, an option that the network does not have, or one that is not a positive integer.
    """

    name: str
    event_shape: tuple[int, ...]
    options: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        network = choose(self.name, _NETWORKS, "network")
        object.__setattr__(self, "event_shape", check_event_shape(self.event_shape))
        check_kind(self.options, Mapping, "options")
        known = [name for name in inspect.signature(network).parameters if name != "event_shape"]
        for option, value in self.options.items():
            if option not in known:
                raise InputError(f"network {self.name!r} has no option {option!r}: it has {', '.join(known)}")
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LARGEST_WHOLE:
                raise InputError(f"network option {option} must be a positive integer, got {reprlib.repr(value)}")


def build_network(spec: NetworkSpec, seed: int) -> nn.Module:
    """Build a network in single precision on the CPU, whatever torch's defaults are, with weights drawn from ``seed``.

    The global generator is left as it was.

    Raises:
        InputError: its weights do not fit into the memory that is free.
    """
    check_kind(spec, NetworkSpec, "spec")
    seed = check_whole(seed, "seed", 0, 2**63 - 1)
    with torch.random.fork_rng(devices=[]), usual_defaults():
        _check_size(spec)
        # Layers draw their initial weights from torch's global generator: there is no other way to seed them.
        torch.manual_seed(seed)
        return _make(spec)


def _make(spec: NetworkSpec) -> nn.Module:
    arguments: dict[str, Any] = dict(spec.options)
    return _NETWORKS[spec.name](spec.event_shape, **arguments)


def _check_size(spec: NetworkSpec) -> None:
    """Refuse a network too large for memory, by building it without values first."""
    named = " ".join([spec.name, *(f"{name}={value}" for name, value in spec.options.items())])
    try:
        with torch.device("meta"):
            needed = sum(tensor.nbytes for tensor in _make(spec).state_dict().values())
    except (RuntimeError, OverflowError, MemoryError):
        raise InputError(f"network {named}: its weights are too many to count") from None
    check_memory(f"network {named}", needed)
