"""The score that a trained network defines.

With x̂ = x/√(α² + σ²), ᾱ = α/√(α² + σ²) and σ̄ = σ/√(α² + σ²) the network F predicts the velocity v = ᾱ ε − σ̄ x_0, from
which every other prediction follows:

    ε̂ = σ̄ x̂ + ᾱ F(x̂, log σ/α),        E[x_0 | x] = ᾱ x̂ − σ̄ F

(Salimans & Ho 2022; the preconditioning of Karras et al. 2022 at unit data scale). Unlike a network that predicts ε
itself, it need not copy its input at high noise, where an error in ε̂ is magnified by σ/α in the denoiser.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.choose import check_event_shape, check_kind
from mnemoscope.processes import Process, Time
from mnemoscope.scores.base import Score, check_floating, returned
from mnemoscope.torch_state import device_of, evaluation_mode


def predict_noise(
    network: nn.Module, process: Process, x: Float[Tensor, "batch *event"], t: Time
) -> Float[Tensor, "batch *event"]:
    """ε̂(x, t) of a velocity-predicting network, whatever the noise level."""
    alpha, sigma = process.coefficients(x, t)
    scale = torch.sqrt(alpha**2 + sigma**2)
    noise_level = torch.log(sigma / alpha).reshape(-1).expand(len(x))
    unit = x / scale
    velocity = returned(network(unit, noise_level), unit, "network")
    noise: Tensor = (sigma * unit + alpha * velocity) / scale
    return noise


class NetworkScore(Score):
    """A trained network as a score.

    Args:
        network: ``forward(x, noise_level)`` predicting the velocity; every call evaluates it in evaluation mode and
            leaves it in the mode in which it was.
        process: the process it was trained along.
        event_shape: shape of one item.
    """

    def __init__(self, network: nn.Module, process: Process, event_shape: tuple[int, ...]) -> None:
        check_kind(network, nn.Module, "network")
        check_kind(process, Process, "process")
        self.network, self.process, self.event_shape = network, process, check_event_shape(event_shape)
        self.device = device_of(network)

    def __call__(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The score at x."""
        return self.process.score_from_noise(self.noise(x, t), t)

    def noise(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The network's noise prediction at x."""
        check_floating(x, "x", self.event_shape)
        precision = next((each.dtype for each in self.network.parameters()), x.dtype)
        with evaluation_mode(self.network):
            return predict_noise(self.network, self.process, x.to(precision), t).to(x.dtype)
