"""The exact score of a finite data set: what a network that minimises the training loss perfectly would learn.

The empirical law Σ_i π_i δ_{x_i} (π_i = 1/n unless weighted) becomes, after noising, the mixture
p_t = Σ_i π_i N(α x_i, σ² I). With the posterior weights w_i(x, t) ∝ π_i exp(−‖x − α x_i‖²/2σ²) its denoiser is the
weighted mean of the training points,

    E[x_0 | x] = Σ_i w_i x_i,        score = (α Σ_i w_i x_i − x) / σ²

(Baptista et al. 2025, section 3; Wu et al. 2025, eq. 4 for d = 1). Followed back in time it returns training points.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import check_kind
from mnemoscope.data.arrays import ArrayLike
from mnemoscope.errors import InputError
from mnemoscope.processes import Process, Time
from mnemoscope.scores.base import Score, check_floating
from mnemoscope.scores.posterior import Posterior, logits, posterior
from mnemoscope.scores.single_precision import FEW, single_precision_posterior
from mnemoscope.scores.training_points import WeightedPoints


class EmpiricalScore(Score):
    """Score, denoiser and log density of the noised empirical law of ``train``.

    The training set is streamed in chunks (a memory map is fine), on its own device or, where that has no double
    precision (Apple's), on the CPU: x and the score stay where the training set lives.

    Queries in double precision, or with a gradient,
    are answered in double precision throughout; queries in single precision to a relative error of 1e-4 at the cost
    of two single-precision matrix products, or one at small σ (``single_precision``).

    Args:
        train: shape ``(n_samples, *event)``, any real dtype.
        process: the forward process.
        weights: π up to a factor, shape ``(n_samples,)``; equal if left out. ``condition_weights`` makes those of a
            conditional law.

    Raises:
        InputError: an empty training set, or weights that are no weights; on calling, x of another event shape, or
            σ(t) = 0.
    """

    def __init__(self, train: ArrayLike, process: Process, weights: Float[Tensor, " n_samples"] | None = None) -> None:
        check_kind(process, Process, "process")
        self.points, self.process = WeightedPoints(train, weights), process
        self.event_shape, self.n_samples = self.points.event_shape, self.points.n_samples
        self.device = train.device if isinstance(train, Tensor) else torch.device("cpu")

    def __call__(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The score at x."""
        flat, alpha, sigma = self._queries(x, t)
        return (self._posterior(x, flat, alpha, sigma).residual / sigma**2).reshape(x.shape).to(x)

    def denoiser(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """E[x_0 | x_t = x]: the posterior mean over the training points."""
        flat, alpha, sigma = self._queries(x, t)
        return ((flat + self._posterior(x, flat, alpha, sigma).residual) / alpha).reshape(x.shape).to(x)

    def log_density(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, " batch"]:
        """Log p_t(x) = log Σ_i π_i N(x; α x_i, σ² I)."""
        flat, alpha, sigma = self._queries(x, t)
        log_normaliser = self.points.dim / 2 * torch.log(2 * torch.pi * sigma[:, 0] ** 2)
        return (self._posterior(x, flat, alpha, sigma).log_likelihood - log_normaliser).to(x)

    def posterior(self, x: Float[Tensor, "batch *event"], t: Time, temperature: float = 1.0) -> Posterior:
        """Moments of the posterior weights w_i^{1/temperature}, normalised, on flattened items."""
        flat, alpha, sigma = self._queries(x, t)
        return self._posterior(x, flat, alpha, sigma * math.sqrt(temperature))

    def _posterior(self, x: Tensor, flat: Tensor, alpha: Tensor, sigma: Tensor) -> Posterior:
        """The posterior at the flattened queries, by the path that the dtype and gradient of x ask for."""
        # The certificate of the fast path assumes that single precision is what the products are made in; with a
        # handful of points there is nothing to gain.
        lowered = torch.get_float32_matmul_precision() != "highest"
        exact = x.dtype == torch.float64 or lowered or self.n_samples <= FEW
        if exact or (x.requires_grad and torch.is_grad_enabled()):
            return posterior(self.points, flat, alpha, sigma)[0]
        return single_precision_posterior(self.points, flat, alpha, sigma)

    def weights(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch n_samples"]:
        """The posterior weights w_i(x, t) of the training points, in double precision."""
        flat, alpha, sigma = self._queries(x, t)
        chunks = [logits(self.points, where, rows, flat, alpha, sigma) for where, rows in self.points.chunks()]
        return torch.softmax(torch.cat(chunks, dim=1), dim=1)

    def effective_number(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, " batch"]:
        """The effective number of training points that x_t = x may have come from: exp of the weights' entropy.

        Between 1 (one point holds all the weight: the score points at it) and n_samples.
        """
        return posterior(self.points, *self._queries(x, t))[1].exp()

    def _queries(self, x: Tensor, t: Time) -> tuple[Tensor, Tensor, Tensor]:
        """Flat x (batch, dim), α and σ (batch, 1), in double precision, where the points are."""
        check_floating(x, "x")
        if x.shape[1:] != self.event_shape:
            raise InputError(f"x has event shape {tuple(x.shape[1:])}, the training set {self.event_shape}")
        flat = x.reshape(len(x), -1).to(self.points.device).double()
        alpha, sigma = (c.expand(len(x), 1) for c in self.process.coefficients(flat, t))
        if bool((sigma <= 0).any()):
            raise InputError("the empirical score needs sigma(t) > 0: at t = 0 the law is a sum of point masses")
        return flat, alpha, sigma
