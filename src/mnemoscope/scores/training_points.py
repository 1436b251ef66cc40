"""The training set as the closed-form scores read it: weighted points, streamed in chunks."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.data.arrays import ArrayLike, as_items, as_tensor, check_finite, row_chunks
from mnemoscope.errors import InputError
from mnemoscope.torch_state import double_device


class WeightedPoints:
    """The law Σ_i π_i δ_{x_i} of ``train``, with the weights normalised to sum one.

    Args:
        train: shape ``(n_samples, *event)``, any real dtype; a memory map is read in chunks.
        weights: shape ``(n_samples,)``, not negative; equal if left out.

    Attributes:
        log_weights: log π_i, shape ``(n_samples,)``, −∞ for a weight of zero; None if all are equal.
        device: where the points are read to: that of ``train``, or the CPU if that has no double precision.
        centre: the mean of the points in single precision, shape ``(dim,)``. Everything below works on x − α·centre
            and x_i − centre, which keeps norms, and so rounding errors, small.

    Raises:
        InputError: a training set that is not items of finite real numbers; weights of another shape, negative, not
            finite or all zero.
    """

    def __init__(self, train: ArrayLike, weights: Tensor | None = None) -> None:
        self.train = train = as_items(train, "train")
        self.event_shape = tuple(train.shape[1:])
        self.n_samples, self.dim = int(train.shape[0]), int(np.prod(train.shape[1:], dtype=np.int64))
        self.device = double_device(train.device) if isinstance(train, Tensor) else torch.device("cpu")
        self.log_weights = None if weights is None else self._log_weights(weights)
        zero = torch.zeros((), dtype=torch.float64, device=self.device)
        total = sum((rows.sum(dim=0) for _, rows in self.chunks()), zero)
        if not bool(torch.isfinite(total).all()):
            check_finite(self.train, "train")
        self.centre = (total / self.n_samples).float()

    @cached_property
    def squared_norms(self) -> Float[Tensor, " n_samples"]:
        """‖x_i − centre‖² in double precision."""
        return torch.cat([((rows - self.centre) ** 2).sum(dim=1) for _, rows in self.chunks()])

    def chunks(self, dtype: torch.dtype = torch.float64, rows: int | None = None) -> Iterator[tuple[slice, Tensor]]:
        """The points in order as flat rows, each chunk with its slice."""
        return row_chunks(self.train, rows=rows, dtype=dtype, device=self.device)

    def take(self, indices: Tensor) -> Float[Tensor, "picked dim"]:
        """The points at ``indices`` in double precision, flat."""
        if isinstance(self.train, Tensor):
            rows = self.train[indices.to(self.train.device)].reshape(len(indices), self.dim)
            return rows.to(self.device).double()
        return torch.cat([rows for _, rows in row_chunks(self.train[indices.numpy()])])

    def covariance(self) -> Float[Tensor, "dim dim"]:
        """The weighted covariance of the points."""
        second = torch.zeros(self.dim, self.dim, dtype=torch.float64, device=self.device)
        mean = torch.zeros(self.dim, dtype=torch.float64, device=self.device)
        for where, rows in self.chunks():
            centred = rows - self.centre
            mass = torch.full_like(centred[:, 0], 1 / self.n_samples)
            mass = mass if self.log_weights is None else self.log_weights[where].exp()
            second += (centred * mass[:, None]).mT @ centred
            mean += mass @ centred
        return second - torch.outer(mean, mean)

    def log_weight(self, which: slice | Tensor) -> Tensor | float:
        """Log π of a chunk or of single points."""
        return -float(np.log(self.n_samples)) if self.log_weights is None else self.log_weights[which]

    def _log_weights(self, weights: Tensor) -> Tensor:
        weights = as_tensor(weights, "weights")
        if weights.shape != (self.n_samples,):
            raise InputError(f"weights must have shape ({self.n_samples},), got {tuple(weights.shape)}")
        weights = weights.to(self.device).double()
        if not bool(torch.isfinite(weights).all()) or bool((weights < 0).any()) or float(weights.sum()) == 0:
            raise InputError("weights must be finite, not negative, and not all zero")
        return torch.log(weights / weights.sum())
