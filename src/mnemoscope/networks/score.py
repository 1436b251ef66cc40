"""The score that a trained network defines.

With x̂ = x/√(α² + σ²), ᾱ = α/√(α² + σ²) and σ̄ = σ/√(α² + σ²) the network F predicts, if nothing else is said
(``predictions``), the velocity v = ᾱ ε − σ̄ x_0, from which every other prediction follows:

    ε̂ = σ̄ x̂ + ᾱ F(x̂, log σ/α),        E[x_0 | x] = ᾱ x̂ − σ̄ F

(Salimans & Ho 2022; the preconditioning of Karras et al. 2022 at unit data scale). Unlike a network that predicts ε
itself, it need not copy its input at high noise, where an error in ε̂ is magnified by σ/α in the denoiser.

A network of several classes gives a conditional score, and with guidance w

    ε̂ = ε̂(x) + w (ε̂(x, class) − ε̂(x))        (Ho & Salimans 2022)

where ε̂(x) is what it predicts without a label: at w = 1 the conditional score itself.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mnemoscope.choose import check_event_shape, check_kind, check_number, check_whole
from mnemoscope.errors import InputError
from mnemoscope.networks.predictions import VELOCITY, Prediction
from mnemoscope.processes import Process, Time
from mnemoscope.scores.base import Score, check_floating, returned
from mnemoscope.torch_state import device_of, evaluation_mode


def predict_noise(
    network: nn.Module,
    process: Process,
    x: Float[Tensor, "batch *event"],
    t: Time,
    prediction: Prediction = VELOCITY,
    labels: Int[Tensor, " batch"] | None = None,
) -> Float[Tensor, "batch *event"]:
    """ε̂(x, t) of a network, whatever the noise level; ``labels`` are those of a network of several classes."""
    alpha, sigma = process.coefficients(x, t)
    noise_level = torch.log(sigma / alpha).reshape(-1).expand(len(x))
    unit = prediction.input(x, alpha, sigma)
    given = () if labels is None else (labels,)
    output = returned(network(unit, noise_level, *given), unit, "network")
    return prediction.noise(output, x, alpha, sigma)


class NetworkScore(Score):
    """A trained network as a score.

    Args:
        network: ``forward(x, noise_level)``, or of several classes ``forward(x, noise_level, labels)``; every call
            evaluates it in evaluation mode and leaves it in the mode in which it was.
        process: the process it was trained along.
        event_shape: shape of one item.
        prediction: what it predicts.
        label: the class whose score this is, a number from 0; None for that of all together.
        guidance: w, how far the class is followed; 1 is its score.

    Raises:
        InputError: a label that the network does not have, or guidance without one.
    """

    def __init__(
        self,
        network: nn.Module,
        process: Process,
        event_shape: tuple[int, ...],
        prediction: Prediction = VELOCITY,
        *,
        label: int | None = None,
        guidance: float = 1.0,
    ) -> None:
        check_kind(network, nn.Module, "network")
        check_kind(process, Process, "process")
        check_kind(prediction, Prediction, "prediction")
        self.network, self.process, self.event_shape = network, process, check_event_shape(event_shape)
        self.prediction, self.device = prediction, device_of(network)
        self.guidance = check_number(guidance, "guidance", "a finite number >= 0", closed="[")
        self.label = None if label is None else check_whole(label, "label", 0, n_classes(network) - 1)
        if label is None and guidance != 1:
            raise InputError("guidance: is towards a class, and no label was given")

    def __call__(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The score at x."""
        return self.process.score_from_noise(self.noise(x, t), t)

    def noise(self, x: Float[Tensor, "batch *event"], t: Time) -> Float[Tensor, "batch *event"]:
        """The network's noise prediction at x."""
        check_floating(x, "x", self.event_shape)
        precision = next((each.dtype for each in self.network.parameters()), x.dtype)
        at = x.to(precision)
        with evaluation_mode(self.network):
            if self.label is None:
                return self._noise(at, t, None).to(x.dtype)
            given = self._noise(at, t, torch.full((len(x),), self.label, device=x.device))
            if self.guidance != 1:
                without = self._noise(at, t, None)
                given = without + self.guidance * (given - without)
            return given.to(x.dtype)

    def _noise(self, x: Tensor, t: Time, labels: Tensor | None) -> Tensor:
        return predict_noise(self.network, self.process, x, t, self.prediction, labels)


def n_classes(network: nn.Module) -> int:
    """How many classes a network has, its attribute ``classes``; the label of that number stands for none of them.

    Raises:
        InputError: it has none.
    """
    found = getattr(network, "classes", None)
    if not isinstance(found, int):
        raise InputError("network: takes no labels; build it with the option classes")
    return found
