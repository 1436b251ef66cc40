"""A look at a model that changes nothing: whatever training will read again is as it was, also after an error.

- the mode of every submodule, of every network that the function reaches: itself, the owner of a method, what a
  closure, a partial, an object's attributes or the function's globals hold;
- ``requires_grad`` and ``grad`` of the parameters, and the buffers: what is written to within is put back;
- the random state: of torch on every device that is in use, of NumPy and of Python. Inside it is seeded, so that what a
  model draws is the same at every look;
- autocast: weights that are cast without gradient are not left in its cache, where the next forward pass would find
  them;
- wrappers: compiled networks are called as they are; of data-parallel ones no process waits for others.
"""

import functools
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FunctionType, MethodType, ModuleType
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from mnemoscope.torch_state import evaluation_mode, own_random_state

_DEPTH = 4


def networks_of(function: object) -> list[nn.Module]:
    """The networks that a function reaches, each once, wrappers in place of what they wrap."""
    found: dict[int, nn.Module] = {}
    seen: set[int] = set()

    def visit(value: object, depth: int) -> None:
        if id(value) in seen or depth > _DEPTH:
            return
        seen.add(id(value))
        if issubclass(type(value), nn.Module):  # some objects answer for their class, with a warning
            found[id(value)] = cast(nn.Module, value)
            return
        for held in _held(value):
            visit(held, depth + 1)

    visit(function, 0)
    return list(found.values())


def _held(value: object) -> Iterator[object]:
    """What a function, a container or an object holds and may call."""
    if isinstance(value, MethodType):
        yield from (value.__self__, value.__func__)
    elif isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, FunctionType):
        for cell in value.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # a name that has no value yet
                continue
        yield from (value.__defaults__ or ())
        yield from (value.__kwdefaults__ or {}).values()
        yield from (value.__globals__[name] for name in value.__code__.co_names if name in value.__globals__)
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif isinstance(value, dict):
        yield from value.values()
    elif not issubclass(type(value), (type, ModuleType, Tensor, np.ndarray)):
        yield from getattr(value, "__dict__", {}).values()


@contextmanager
def untouched(function: object, seed: int) -> Iterator[None]:
    """Evaluation without gradients inside, and outside everything as it was.

    Args:
        function: the model, or whatever calls it.
        seed: of what it draws inside.
    """
    networks = networks_of(function)
    with ExitStack() as stack:
        stack.enter_context(_random_state(seed))
        stack.enter_context(_autocast_cache())
        stack.enter_context(_parameters_and_buffers(networks))
        stack.enter_context(_alone(networks))
        stack.enter_context(evaluation_mode(*networks))
        stack.enter_context(torch.no_grad())
        yield


@contextmanager
def _random_state(seed: int) -> Iterator[None]:
    others, own = np.random.get_state(), random.getstate()  # noqa: NPY002  the global one is what is kept
    np.random.set_state(np.random.RandomState(seed % 2**32).get_state())  # noqa: NPY002
    random.seed(seed)
    try:
        with own_random_state(seed):
            yield
    finally:
        np.random.set_state(others)  # noqa: NPY002
        random.setstate(own)


@contextmanager
def _autocast_cache() -> Iterator[None]:
    before = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        yield
    finally:
        torch.set_autocast_cache_enabled(before)


@contextmanager
def _parameters_and_buffers(networks: list[nn.Module]) -> Iterator[None]:
    parameters = [(each, each.requires_grad, each.grad) for network in networks for each in network.parameters()]
    gradients = [(grad, grad._version, grad.clone()) for _, _, grad in parameters if grad is not None]
    buffers = [(each, each._version, each.detach().clone()) for network in networks for each in network.buffers()]
    try:
        yield
    finally:
        for parameter, requires_grad, grad in parameters:
            parameter.grad = grad
            parameter.requires_grad_(requires_grad)
        with torch.no_grad():
            for tensor, version, before in gradients + buffers:
                if tensor._version != version:
                    tensor.copy_(before)


@contextmanager
def _alone(networks: list[nn.Module]) -> Iterator[None]:
    """No data-parallel network sends its buffers: a look may be taken in one process of many."""
    wrappers = [
        module
        for network in networks
        for module in network.modules()
        if isinstance(module, nn.parallel.DistributedDataParallel)
    ]
    before = [wrapper.require_forward_param_sync for wrapper in wrappers]
    for wrapper in wrappers:
        wrapper.require_forward_param_sync = False
    try:
        yield
    finally:
        for wrapper, value in zip(wrappers, before, strict=True):
            wrapper.require_forward_param_sync = value
