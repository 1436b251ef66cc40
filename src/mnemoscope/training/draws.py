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

_LOG_MEAN, _LOG_STD = -1.2, 1.2
"""Of log σ in EDM's training (Karras et al. 2022, table 1)."""


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
        spec: the run's ``batch_size``, ``noise_draws``, ``times``, ``label_dropout`` and regularisers.
        generator: draws the table of a finite ``noise_draws`` (n m items in memory) here, and every batch later.
        labels: of the items, shape ``(n_samples,)``, where the training is conditional.
        no_label: what stands for a label that was left out.
    """

    def __init__(
        self,
        data: Tensor,
        process: Process,
        spec: TrainingSpec,
        generator: torch.Generator,
        labels: Tensor | None = None,
        no_label: int = 0,
    ) -> None:
        self.process, self.spec, self.generator = process, spec, generator
        self.labels, self.no_label = labels, no_label
        self.regularizers = spec.regularized_by
        for each in self.regularizers:
            data = each.items(data, generator)
        self.data = data
        self.table: tuple[Tensor, Tensor] | None = None
        if spec.noise_draws < math.inf:
            shape = (len(data), int(spec.noise_draws))
            self.table = self._times(shape), self._noise((*shape, *data.shape[1:]))

    def batch(self) -> Batch:
        """The next batch, from the generator's present state."""
        return self.labelled_batch()[0]

    def labelled_batch(self) -> tuple[Batch, Tensor | None]:
        """The next batch and its labels, some of them left out; None where there are none."""
        size = (self.spec.batch_size,)
        sample = torch.randint(len(self.data), size, generator=self.generator, device="cpu")
        if self.table is None:
            times, noise = self._times(size), self._noise((*size, *self.data.shape[1:]))
        else:
            draw = torch.randint(self.table[0].shape[1], size, generator=self.generator, device="cpu")
            times, noise = (each[sample, draw] for each in self.table)
        x0, labels = self.data[sample], None
        for each in self.regularizers:
            x0 = each.batch(x0, self.generator)
        if self.labels is not None:
            left_out = torch.rand(size, generator=self.generator, device="cpu") < self.spec.label_dropout
            labels = torch.where(left_out, self.no_label, self.labels[sample])
        return Batch(x0, times, noise), labels

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
        if times == "log-normal":
            drawn = torch.special.ndtri(uniform)  # of 0, which is drawn now and then, it is −∞: the lowest level
            return process.time_of((_LOG_MEAN + _LOG_STD * drawn).clamp(low, high).exp())
        return process.time_of(torch.lerp(low, high, uniform).exp())
