"""What a score is to the rest of the library, and what a user's function is handed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

from mnemoscope.data.arrays import is_plain
from mnemoscope.errors import InputError
from mnemoscope.processes import Process, Time
from mnemoscope.processes.base import as_time
from mnemoscope.torch_state import device_of, evaluation_mode

ScoreFunction: TypeAlias = Callable[[Tensor, Time], Tensor]
"""Any ``score(x, t)`` with x and the result of shape ``(batch, *event)``; see ``as_score_function`` for its t."""


class Score(ABC):
    """∇ log p_t(x) along a process, with the denoiser and the noise prediction that go with it.

    Attributes:
        process: the forward process that p_t belongs to.
        event_shape: shape of one item.
        device: where x must live.
    """

    process: Process
    event_shape: tuple[int, ...]
    device: torch.device = torch.device("cpu")

    @abstractmethod
    def __call__(self, x: Tensor, t: Time) -> Tensor:
        """The score at x, shape and dtype of x."""

    def denoiser(self, x: Tensor, t: Time) -> Tensor:
        """E[x_0 | x_t = x], shape of x."""
        return self.process.denoiser_from_score(self(x, t), x, t)

    def noise(self, x: Tensor, t: Time) -> Tensor:
        """E[ε | x_t = x], shape of x."""
        return self.process.noise_from_score(self(x, t), t)


def as_score_function(score: ScoreFunction) -> ScoreFunction:
    """A user's score as the library calls it: the one place that decides what it is handed.

    A ``Score`` gets the time as it is, in double precision. Any other function gets t of shape ``(batch,)`` in the
    dtype and on the device of x, as networks take it. A network (a ``torch.nn.Module``, or a method of one) is
    evaluated in evaluation mode and left in the mode in which it came. What it returns is ``returned``.

    Raises:
        InputError: it cannot be called; on calling, what it returns is not a tensor like x.
    """
    if not callable(score):
        raise InputError(f"score must be a function score(x, t), got {type(score).__name__}")
    network = _network(score)

    def called(x: Tensor, t: Time) -> Tensor:
        time = t if isinstance(score, Score) else as_time(t).to(x).expand(len(x)).clone()
        with evaluation_mode(*([] if network is None else [network])):
            return returned(score(x, time), x, "score")

    return called


def check_same_process(score: ScoreFunction, process: Process) -> None:
    """That a ``Score`` is followed along its own process: times of another one mean other noise levels.

    Raises:
        InputError: it is not.
    """
    own = getattr(score, "process", process) if isinstance(score, Score) else process
    if own != process:
        raise InputError(f"process: the score belongs to {_named(own)}, not to {_named(process)}: pass score.process")


def _named(process: Process) -> str:
    return f"{process.name} with t from {process.t_min:g} to {process.t_max:g}"


def returned(value: object, x: Tensor, what: str) -> Tensor:
    """What a user's model returned for x: a tensor of floating-point numbers of the shape of x, brought to its device.

    Raises:
        InputError: anything else; ``what`` is what was called.
    """
    if isinstance(value, Tensor) and value.shape == x.shape and value.is_floating_point() and not value.is_sparse:
        return value if value.device == x.device else value.to(x.device)
    got = type(value).__name__
    if isinstance(value, Tensor):
        got = f"a {'sparse ' if value.is_sparse else ''}tensor of {value.dtype} and shape {tuple(value.shape)}"
    raise InputError(f"{what}: must return floating-point numbers of the shape {tuple(x.shape)} of x, returned {got}")


def check_floating(x: object, what: str, event_shape: tuple[int, ...] | None = None) -> None:
    """That x, which a model is to be evaluated at, is a dense tensor of floating-point numbers and has a batch axis.

    Raises:
        InputError: it is not, or its items are not of ``event_shape``.
    """
    if not isinstance(x, Tensor):
        raise InputError(f"{what} must be a tensor, got {type(x).__name__}")
    usable = x.is_floating_point() and x.itemsize > 1 and is_plain(x)
    if not usable or not x.ndim:
        raise InputError(f"{what} must be a batch of floating-point numbers, got {x.dtype} of shape {tuple(x.shape)}")
    if event_shape is not None and x.shape[1:] != event_shape:
        raise InputError(f"{what} must have event shape {event_shape}, got {tuple(x.shape[1:])}")


def score_device(score: ScoreFunction) -> torch.device | None:
    """Where x must live: a network's own device, that of a ``Score``, or None where the function does not tell."""
    network = _network(score)
    if network is not None:
        return device_of(network)
    return score.device if isinstance(score, Score) else None


def _network(score: ScoreFunction) -> nn.Module | None:
    """The network that is called: the score itself, or the object whose method it is."""
    owner = getattr(score, "__self__", score)
    return owner if isinstance(owner, nn.Module) else None
