"""The random part of denoising score matching: which sample, at which time, with which noise.

With m noise draws the empirical loss is (1/nm) Σ_i Σ_j ℓ(x_i, t_ij, ε_ij) over a table drawn once; m = ∞ is its
expectation over (t, ε), of which every step takes fresh draws.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from mnemoscope.processes import Process
from mnemoscope.training.spec import TrainingSpec


class Batch(NamedTuple):
    """One batch: clean items, their times and their noise."""

    x0: Tensor
    t: Tensor
    noise: Tensor


class Draws:
    """Batches for one run. Everything is drawn on the CPU from one generator, so devices do not change the numbers.

    Args:
        data: shape ``(n_samples, *event)``, on the CPU.
        process: the forward process.
        spec: the run's ``batch_size``, ``noise_draws`` and ``times``.
        generator: draws the table of a finite ``noise_draws`` (n m items in memory) here, and every batch later.
    """

    def __init__(self, data: Tensor, process: Process, spec: TrainingSpec, generator: torch.Generator) -> None:
        self.data, self.process, self.spec, self.generator = data, process, spec, generator
        self.table: tuple[Tensor, Tensor] | None = None
        if spec.noise_draws < math.inf:
            shape = (len(data), int(spec.noise_draws))
            self.table = self._times(shape), self._noise((*shape, *data.shape[1:]))

    def batch(self) -> Batch:
        """The next batch, from the generator's present state."""
        size = (self.spec.batch_size,)
        sample = torch.randint(len(self.data), size, generator=self.generator, device="cpu")
        if self.table is None:
            return Batch(self.data[sample], self._times(size), self._noise((*size, *self.data.shape[1:])))
        times, noise = self.table
        draw = torch.randint(times.shape[1], size, generator=self.generator, device="cpu")
        return Batch(self.data[sample], times[sample, draw], noise[sample, draw])

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=self.data.dtype, device="cpu")

    def _times(self, shape: tuple[int, ...]) -> Tensor:
        times, process = self.spec.times, self.process
        if not isinstance(times, str):
            return torch.full(shape, times, dtype=torch.float64, device="cpu")
        uniform = torch.rand(shape, generator=self.generator, dtype=torch.float64, device="cpu")
        ends = torch.tensor([process.t_min, process.t_max], dtype=torch.float64, device="cpu")
        if times == "uniform":
            return torch.lerp(ends[0], ends[1], uniform)
        low, high = process.ratio(ends).log()
        return process.time_of(torch.lerp(low, high, uniform).exp())
