"""What a score is to the rest of the library, and what a user's function is handed."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn

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
    evaluated in evaluation mode and left in the mode in which it came.
    """
    network = _network(score)
    if isinstance(score, Score) and network is None:
        return score

    def called(x: Tensor, t: Time) -> Tensor:
        time = t if isinstance(score, Score) else as_time(t).to(x).expand(len(x)).clone()
        if network is None:
            return score(x, time)
        with evaluation_mode(network):
            return score(x, time)

    return called


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
