"""The loss of denoising score matching, and its weightings.

    L(θ) = E w(r) ‖ε̂_θ(α x_0 + σ ε, t) − ε‖² / d,        r = σ/α,

is with w = 1 the σ²-weighted distance of the score −ε̂/σ to its conditional target −ε/σ (Vincent 2011; Ho et al. 2020).
Its minimiser over all functions is the exact score of the empirical law, whatever the weighting: whoever minimises it
perfectly memorizes. The errors of the other predictions are the same error on other scales:

==========  =====================  ==============================================================================
noise       1                      ‖ε̂ − ε‖² (Ho et al. 2020)
score       1/σ²                   ‖s − ∇ log p(x_t | x_0)‖² (Hyvärinen 2005; Vincent 2011)
denoiser    r²                     ‖D − x_0‖²
velocity    1 + r²                 ‖v̂ − v‖² (Salimans & Ho 2022)
edm         1 + r²/s²              the same of EDM's network at the data's standard deviation s (Karras et al. 2022)
min-snr     min(1, 5 r²)           min(1/r², 5) ‖D − x_0‖² (Hang et al. 2023)
==========  =====================  ==============================================================================
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mnemoscope.choose import choose
from mnemoscope.networks import Prediction
from mnemoscope.networks.predictions import VELOCITY
from mnemoscope.networks.score import predict_noise
from mnemoscope.processes import Process, Time
from mnemoscope.training.regularizers import Regularizer

_MOST_SNR = 5.0

_WEIGHTS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "noise": lambda ratio, sigma, s: torch.ones_like(ratio),  # noqa: ARG005
    "score": lambda ratio, sigma, s: sigma**-2,  # noqa: ARG005
    "denoiser": lambda ratio, sigma, s: ratio**2,  # noqa: ARG005
    "velocity": lambda ratio, sigma, s: 1 + ratio**2,  # noqa: ARG005
    "edm": lambda ratio, sigma, s: 1 + (ratio / s) ** 2,  # noqa: ARG005
    "min-snr": lambda ratio, sigma, s: (_MOST_SNR * ratio**2).clamp(max=1),  # noqa: ARG005
}

WEIGHTINGS = tuple(_WEIGHTS)
"""Weightings by name."""


def loss_weight(weighting: str, alpha: Tensor, sigma: Tensor, data_std: float = 0.5) -> Tensor:
    """The weight w of the squared error of ε̂, of the shape of σ.

    Raises:
        InputError: an unknown weighting.
    """
    return choose(weighting, _WEIGHTS, "weighting")(sigma / alpha, sigma, data_std)


def denoising_loss(
    network: nn.Module,
    process: Process,
    x0: Tensor,
    t: Time,
    noise: Tensor,
    weighting: str = "noise",
    *,
    prediction: Prediction = VELOCITY,
    regularizers: Sequence[Regularizer] = (),
    labels: Tensor | None = None,
) -> Tensor:
    """Mean of w ‖ε̂(x_t, t) − ε‖²/d over a batch, x_t = α x_0 + σ ε.

    Args:
        network: what is trained.
        process: the forward process.
        x0: clean items, shape ``(batch, *event)``.
        t: their times.
        noise: ε, of the shape of x0.
        weighting: one of ``WEIGHTINGS``.
        prediction: what the network predicts.
        regularizers: what is added to the loss.
        labels: of the items, shape ``(batch,)``, for a network of several classes.

    Raises:
        InputError: an unknown weighting, or a network that does not return a tensor like x0.
    """
    predicted = predict_noise(network, process, process.perturb(x0, t, noise), t, prediction, labels)
    alpha, sigma = process.coefficients(x0, t)
    scale = torch.sqrt(loss_weight(weighting, alpha, sigma, prediction.data_std))
    squares = ((predicted - noise) * scale).square()
    for each in regularizers:
        squares = each.squares(squares, (predicted * scale).square(), sigma)
    return squares.mean()
