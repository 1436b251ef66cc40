"""Random features as a model to draw from: one closed-form score at each of several noise levels.

The theory is of centred data of unit scale along the Ornstein–Uhlenbeck process, so this is
where the models are fitted: on z = (x_0 − μ)/s, with μ the mean item and s the root mean square of x_0 − μ over all
values, at times at which the noise-to-signal ratio is σ/(α s). ``RandomFeatureGrid`` takes x there and the score back,
which is exact, whatever the process of x.

A first layer of p features on d values passes a linear function on only to an error of about √(d/p), and at high noise
the score is a linear function, which the sampler follows over many e-foldings of σ/α. So p must be many times d: of 64
values (digits), samples are 20 times too wide at p = 64, a third too wide at p = 300 and right at p = 1000.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import check_name, check_number, check_whole
from mnemoscope.errors import InputError
from mnemoscope.processes import OrnsteinUhlenbeck, Process
from mnemoscope.progress import track
from mnemoscope.random_features.closed_form import is_count, ridge_readout
from mnemoscope.random_features.expectation import moments_of
from mnemoscope.random_features.score import ACTIVATIONS, RandomFeatureGrid, RandomFeatureScore

DRAWS_PER_FEATURE = 10
"""Noise draws, over all samples, for each feature, where their number is left open."""


@dataclass(frozen=True)
class RandomFeatureSpec:
    """Denoising score matching with random features, solved exactly.

    Attributes:
        n_features: p.
        ridge: λ.
        activation: ``relu``, ``erf``, ``sine``, ``tanh`` or ``gelu``.
        noise_draws: m, the noise draws of each sample at each noise level, or ``math.inf`` for their expectation, which
            takes the time of about five and, in a few dimensions, cannot be had. Left out, ``noise_draws_for`` takes as
            many as are 10 for each feature in all.
        n_times: noise levels, evenly spaced in log σ/α from t_min to t_max.
        seed: of the first layer and of every draw.

    Raises:
        InputError: a value out of range; the message names the field.
    """

    n_features: int = 1000
    ridge: float = 1e-3
    activation: str = "relu"
    noise_draws: float | None = None
    n_times: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        check_whole(self.n_features, "n_features:")
        check_number(self.ridge, "ridge:", "positive")
        check_name(self.activation, ACTIVATIONS, "activation")
        if self.noise_draws is not None and not isinstance(self.noise_draws, int | float):
            raise InputError(f"noise_draws: must be a number, got {self.noise_draws!r}")
        if self.noise_draws not in (None, math.inf) and not is_count(self.noise_draws):
            raise InputError(f"noise_draws: must be a whole number >= 1 or inf, got {self.noise_draws}")
        check_whole(self.n_times, "n_times:", 2)
        check_whole(self.seed, "seed:", 0, 2**63 - 1)

    def noise_draws_for(self, n_samples: int) -> float:
        """m: what was asked for, or what is chosen for that many samples."""
        if self.noise_draws is not None:
            return self.noise_draws
        return math.ceil(DRAWS_PER_FEATURE * self.n_features / n_samples)


def standardization(data: Float[Tensor, "n_samples *event"]) -> tuple[Float[Tensor, "*event"], float]:
    """The mean item μ and the scale s, the root mean square of x_0 − μ over all items and values, in double precision.

    Raises:
        InputError: no items, or all of them the same.
    """
    if data.ndim < 2 or 0 in data.shape:
        raise InputError(
            f"data must have shape (n_samples, *event) with n_samples >= 1 and values, got {tuple(data.shape)}"
        )
    items = data.double()
    if not bool(torch.isfinite(items).all()):
        raise InputError("data: holds NaN or Inf")
    mean = items.mean(dim=0)
    scale = float((items - mean).square().mean().sqrt())
    if not scale > 0:
        raise InputError(f"data: all {len(items)} items are the same, so they have no scale")
    return mean, scale


def build_random_features(
    event_shape: tuple[int, ...],
    process: Process,
    spec: RandomFeatureSpec,
    generator: torch.Generator,
    *,
    mean: Tensor | float = 0.0,
    scale: float = 1.0,
) -> RandomFeatureGrid:
    """The models before they are fitted: every noise level has its own first layer, the read-outs are zero.

    One first layer for all noise levels would be less to store, but the errors of one level then do not average out
    along a sampler's path: on digits the samples are visibly worse.
    """
    ends = process.ratio(torch.tensor([process.t_min, process.t_max], dtype=torch.float64, device="cpu")).log()
    shares = torch.linspace(0, 1, spec.n_times, dtype=torch.float64, device="cpu")
    ratios = torch.lerp(ends[0], ends[1], shares).exp() / scale
    learned = OrnsteinUhlenbeck()
    scores = [
        RandomFeatureScore(event_shape, spec.n_features, learned, time, activation=spec.activation, generator=generator)
        for time in learned.time_of(ratios).tolist()
    ]
    return RandomFeatureGrid(scores, process=process, mean=mean, scale=scale)


def fit_random_features(
    data: Float[Tensor, "n_samples *event"], process: Process, spec: RandomFeatureSpec, *, progress: bool = False
) -> RandomFeatureGrid:
    """Fit a random-feature score at every noise level of a grid; the same data, process and spec give the same model.

    Args:
        data: shape ``(n_samples, *event)``, of any scale.
        process: the forward process of the data, which the result is a score along.
        spec: the model.
        progress: show a bar.

    Raises:
        InputError: no data, items that are all the same, or an expectation asked for in too few dimensions.
    """
    mean, scale = standardization(data)
    generator = torch.Generator().manual_seed(spec.seed)
    grid = build_random_features(tuple(data.shape[1:]), process, spec, generator, mean=mean, scale=scale)
    items, noise_draws = (data.double() - mean) / scale, spec.noise_draws_for(len(data))
    for score in track(grid.levels, "fitting", enabled=progress):
        moments = moments_of(score, items, noise_draws=noise_draws, generator=generator)
        score.set_readout(ridge_readout(moments, spec.ridge))
    return grid
