"""The exact score of a finite data set: what a network that minimises the training loss perfectly would learn.

The empirical law (1/n) Σ_i δ_{x_i} becomes, after noising, the mixture p_t = (1/n) Σ_i N(α x_i, σ² I). With the
posterior weights w_i(x, t) ∝ exp(−‖x − α x_i‖²/2σ²) its denoiser is the weighted mean of the training points,

    E[x_0 | x] = Σ_i w_i x_i,        score = (α Σ_i w_i x_i − x) / σ²

(Baptista et al. 2025, section 3; Wu et al. 2025, eq. 4 for d = 1). Followed back in time it returns training points.
"""

import math
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.data.arrays import ArrayLike, row_chunks
from mnemoscope.errors import InputError
from mnemoscope.processes import Process, Time
from mnemoscope.scores.base import Score

_QUERY_BLOCK = 1024


class EmpiricalScore(Score):
    """Score, denoiser and log density of the noised empirical law of ``train``.

    The training set is streamed in chunks (a memory map is fine) with a running log-sum-exp, so nothing of size
    queries × n_samples is ever held, and nothing over- or underflows at any noise level. Squared distances and sums
    are in double precision whatever the dtype of x: single precision is off by hundreds of nats at small σ.

    Args:
        train: shape ``(n_samples, *event)``, any real dtype.
        process: the forward process.

    Raises:
        InputError: an empty training set; on calling, x of another event shape, or σ(t) = 0.
    """

    def __init__(self, train: ArrayLike, process: Process) -> None:
        if train.ndim < 2 or train.shape[0] == 0:
            raise InputError(f"train must have shape (n_samples, *event) with n_samples >= 1, got {tuple(train.shape)}")
        self.train, self.process = train, process
        self.event_shape = tuple(train.shape[1:])
        self.n_samples = int(train.shape[0])
        if isinstance(train, Tensor):
            self.device = train.device
        total = sum((rows.sum(dim=0) for _, rows in self._rows()), torch.zeros((), device=self.device))
        self._centre = total / self.n_samples

    def __call__(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The score at x."""
        mean, alpha, sigma, _ = self._posterior(x, t)
        score = (alpha * mean - self._flat(x)) / sigma**2
        return score.reshape(x.shape).to(x.dtype)

    def denoiser(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """E[x_0 | x_t = x]: the posterior mean over the training points."""
        return self._posterior(x, t)[0].reshape(x.shape).to(x.dtype)

    def log_density(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, " batch"]:
        """Log p_t(x) = log (1/n) Σ_i N(x; α x_i, σ² I)."""
        _, _, sigma, log_sum = self._posterior(x, t)
        dim = math.prod(self.event_shape)
        log_normaliser = math.log(self.n_samples) + dim / 2 * torch.log(2 * torch.pi * sigma[:, 0] ** 2)
        return (log_sum - log_normaliser).to(x.dtype)

    def _posterior(self, x: Tensor, t: Time) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Posterior mean (batch, dim), α and σ (batch, 1), and log Σ_i exp(−‖x − α x_i‖²/2σ²) (batch,)."""
        if x.shape[1:] != self.event_shape:
            raise InputError(f"x has event shape {tuple(x.shape[1:])}, the training set {self.event_shape}")
        flat = self._flat(x)
        alpha, sigma = (c.expand(len(x), 1) for c in self.process.coefficients(flat, t))
        if bool((sigma <= 0).any()):
            raise InputError("the empirical score needs sigma(t) > 0: at t = 0 the law is a sum of point masses")
        blocks = [
            self._stream(*block)
            for block in zip(*(torch.split(c, _QUERY_BLOCK) for c in (flat, alpha, sigma)), strict=True)
        ]
        mean, log_sum = (torch.cat(parts) for parts in zip(*blocks, strict=True))
        return mean, alpha, sigma, log_sum

    def _stream(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """Weighted mean and log-sum-exp of one block of queries, the largest logit so far factored out."""
        x = x - alpha * self._centre
        peak = torch.full((len(x), 1), -torch.inf, dtype=x.dtype, device=x.device)
        total, mean = torch.zeros_like(peak), torch.zeros_like(x)
        for _, rows in self._rows():
            y = rows - self._centre
            squared = (x**2).sum(1, keepdim=True) - 2 * alpha * (x @ y.mT) + alpha**2 * (y**2).sum(1)
            logits = -squared / (2 * sigma**2)
            new_peak = torch.maximum(peak, logits.amax(1, keepdim=True))
            weights, rescale = torch.exp(logits - new_peak), torch.exp(peak - new_peak)
            total = total * rescale + weights.sum(1, keepdim=True)
            mean = mean * rescale + weights @ y
            peak = new_peak
        return mean / total + self._centre, (peak + total.log())[:, 0]

    def _rows(self) -> Iterator[tuple[slice, Tensor]]:
        return row_chunks(self.train, device=self.device)

    def _flat(self, x: Tensor) -> Tensor:
        return x.reshape(len(x), -1).double()
