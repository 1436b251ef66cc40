"""What a score is to the rest of the library."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from mnemoscope.processes import Process, Time

ScoreFunction: TypeAlias = Callable[[Tensor, Time], Tensor]
"""Any ``score(x, t)`` with x and the result of shape ``(batch, *event)``."""


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
