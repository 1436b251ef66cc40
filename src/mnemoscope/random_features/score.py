"""Random-feature scores: a fixed random first layer and a linear read-out, one model for each time.

    s_A(x) = (A/√p) φ(x),   φ(x) = ϱ(W x/√d) − c,   W ∈ R^{p×d} with entries N(0, 1), only A trained

c is the mean of ϱ over a normal pre-activation, so that the features are centred. This is the finite-size
model whose limit n, p ∝ d → ∞ the theory describes (George, Veiga & Macris, arXiv 2502.00336). The module
``closed_form`` trains A.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.choose import choose
from mnemoscope.errors import InputError
from mnemoscope.processes import Process, Time
from mnemoscope.processes.base import as_time
from mnemoscope.scores import Score

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "erf": torch.erf,
    "sine": torch.sin,
    "tanh": torch.tanh,
    "gelu": nn.functional.gelu,
}


class RandomFeatureScore(nn.Module, Score):
    """One random-feature score, at one time of a process.

    Args:
        event_shape: shape of one item; d is its number of values.
        n_features: p.
        process: the forward process.
        time: the time t at which the score is learned and may be called.
        activation: ``relu``, ``erf``, ``sine``, ``tanh`` or ``gelu``.
        power: mean square of the data per dimension, which sets the pre-activations' variance for c.
        generator: draws W.
        dtype: of W, A and all that is computed.

    Raises:
        InputError: fewer than one feature, an unknown activation, a power or a σ(time) that is not positive.
    """

    weight: Tensor
    """W, shape ``(n_features, dim)``."""

    def __init__(
        self,
        event_shape: Sequence[int],
        n_features: int,
        process: Process,
        time: float,
        *,
        activation: str = "relu",
        power: float = 1.0,
        generator: torch.Generator,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        if n_features < 1:
            raise InputError(f"n_features: must be at least 1, got {n_features}")
        if not 0 < power < math.inf:
            raise InputError(f"power: must be positive, got {power}")
        if not float(process.sigma(time)) > 0:
            raise InputError(f"time: there must be noise, but sigma({time}) = {float(process.sigma(time))}")
        self.event_shape, self.process, self.time = tuple(event_shape), process, float(time)
        self.dim, self.n_features = math.prod(self.event_shape), n_features
        self.activation, self.function = activation, choose(activation, ACTIVATIONS, "activation")
        variance = float(process.alpha(time)) ** 2 * power + float(process.sigma(time)) ** 2
        self.centre = _normal_mean(self.function, math.sqrt(variance))
        draw = torch.randn(n_features, self.dim, generator=generator, device=generator.device, dtype=dtype)
        self.register_buffer("weight", draw)
        self.readout = nn.Parameter(draw.new_zeros(self.dim, n_features))

    @torch.no_grad()
    def set_readout(self, readout: Float[Tensor, "dim n_features"]) -> None:
        """Take A, as one of the functions of ``closed_form`` gives it."""
        self.readout.copy_(readout)

    def features(self, x: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch n_features"]:
        """φ(x) of flattened items."""
        return self.function(x @ self.weight.mT / math.sqrt(self.dim)) - self.centre

    def forward(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The score at x.

        Raises:
            InputError: t is not the time at which this score was learned.
        """
        times = as_time(t).cpu().double()
        if bool(((times - self.time).abs() > 1e-6 * self.time).any()):
            raise InputError(f"t: this score was learned at time {self.time:g} only, got {_range(times)}")
        flat = x.flatten(1).to(self.weight.dtype)
        score = self.features(flat) @ self.readout.mT / math.sqrt(self.n_features)
        return score.reshape(x.shape).to(x.dtype)


class RandomFeatureGrid(nn.Module, Score):
    """Random-feature scores at several times, as one score for samplers.

    Between its times the noise prediction of the nearest one (in log σ/α) is used, at x rescaled to that
    time's signal: exact on the grid, piecewise constant in between.

    The models may have been learned on z_0 = (x_0 − μ)/s and along another process. What they know is the noise
    ε̂_k(z) at their signal α_k and noise σ_k, and

        x_t = α x_0 + σ ε  ⟺  α_k (x_t − α μ)/(α s) = α_k z_0 + σ_k ε   where   σ_k/α_k = σ/(α s),

    so that the score of x_t at that time is −ε̂_k(α_k (x_t − α μ)/(α s))/σ.

    Args:
        scores: at different times of one process.
        process: the process of x; that of the scores if left out.
        mean: μ, shape ``event`` or a number.
        scale: s.

    Raises:
        InputError: no scores, two at the same time, scores of different processes or event shapes, or s <= 0.
    """

    levels: tuple[RandomFeatureScore, ...]
    """The scores, from the earliest time to the latest."""
    mean: Tensor
    """μ, in the dtype of the scores."""

    def __init__(
        self,
        scores: Sequence[RandomFeatureScore],
        *,
        process: Process | None = None,
        mean: Tensor | float = 0.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        ordered = sorted(scores, key=lambda score: score.time)
        if not ordered:
            raise InputError("scores: needs at least one")
        if len({score.time for score in ordered}) < len(ordered):
            raise InputError("scores: two were learned at the same time")
        if len({(score.process, score.event_shape) for score in ordered}) > 1:
            raise InputError("scores: they must share one process and one event shape")
        if not 0 < scale < math.inf:
            raise InputError(f"scale: must be positive, got {scale}")
        self.scores, self.levels, self.scale = nn.ModuleList(ordered), tuple(ordered), scale
        self.process, self.event_shape = process or ordered[0].process, ordered[0].event_shape
        weight = ordered[0].weight
        self.register_buffer("mean", torch.as_tensor(mean, dtype=weight.dtype, device=weight.device))
        times = torch.tensor([score.time for score in ordered], dtype=torch.float64, device="cpu")
        self._ratios = ordered[0].process.ratio(times) * scale

    def forward(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The score at x.

        Raises:
            InputError: t lies outside the times of the grid.
        """
        times = as_time(t).cpu().double()
        low, high = self.process.time_of(self._ratios[[0, -1]]).tolist()
        if bool((times < low * (1 - 1e-6)).any()) or bool((times > high * (1 + 1e-6)).any()):
            raise InputError(f"t: these scores cover times {low:g} to {high:g}, got {_range(times)}")
        distance = self.process.ratio(times.reshape(-1, 1)).log() - self._ratios.log()
        nearest = distance.abs().argmin(dim=1).expand(len(x))
        alpha, sigma = (c.expand(len(x), *(1,) * (x.ndim - 1)) for c in self.process.coefficients(x, t))
        centred = x - alpha * self.mean.to(x)
        noise = torch.empty_like(x)
        for index in set(nearest.tolist()):
            score, rows = self.levels[index], (nearest == index).to(x.device)
            at_grid = centred[rows] * score.process.alpha(score.time).to(x) / (alpha[rows] * self.scale)
            noise[rows] = -score.process.sigma(score.time).to(x) * score(at_grid, score.time)
        return -noise / sigma


def _normal_mean(function: Callable[[Tensor], Tensor], scale: float) -> float:
    """E ϱ(scale · z): the trapezoidal rule, whose grid has a node at the kink of ReLU."""
    z = torch.linspace(-12, 12, 24_001, dtype=torch.float64, device="cpu")
    density = torch.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return float(torch.trapezoid(function(scale * z) * density, z))


def _range(times: Tensor) -> str:
    low, high = float(times.min()), float(times.max())
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
