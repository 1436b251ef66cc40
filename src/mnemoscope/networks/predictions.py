"""What a network predicts, and the noise prediction that follows from it.

With r = σ/α and x = α x_0 + σ ε, a network F sees the noise level log r and an input u of about unit scale, and

    velocity    u = x/√(α² + σ²)            F = ᾱ ε − σ̄ x_0, ᾱ = α/√(α² + σ²), σ̄ = σ/√(α² + σ²)    (Salimans & Ho 2022)
    noise       u = x/√(α² + σ²)            F = ε                                                  (Ho et al. 2020)
    denoiser    u = x/√(α² + σ²)            F = x_0
    score       u = x/√(α² + σ²)            F = −ε/σ                                               (Vincent 2011)
    edm         u = c_in x/α                x_0 = c_skip x/α + c_out F                             (Karras et al. 2022)

    c_in = 1/√(r² + s²),    c_skip = s²/(r² + s²),    c_out = r s/√(r² + s²)

with s the standard deviation of the data. At s = 1 the last is the first, with the other sign.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import check_name, check_number

PREDICTIONS = ("velocity", "noise", "denoiser", "score", "edm")
"""What a network may predict."""


@dataclass(frozen=True)
class Prediction:
    """What a network predicts.

    Attributes:
        name: one of ``PREDICTIONS``.
        data_std: s, the standard deviation of the data; of ``edm`` alone.

    Raises:
        InputError: another name, or a standard deviation that is not positive and finite.
    """

    name: str = "velocity"
    data_std: float = 0.5

    def __post_init__(self) -> None:
        check_name(self.name, PREDICTIONS, "predicts")
        check_number(self.data_std, "data_std", "positive and finite")

    def input(self, x: Float[Tensor, "batch *event"], alpha: Tensor, sigma: Tensor) -> Float[Tensor, "batch *event"]:
        """u, what the network is given; α and σ are scalars or of shape ``(batch, 1, …)``."""
        return x / self._scale(alpha, sigma)

    def noise(
        self,
        output: Float[Tensor, "batch *event"],
        x: Float[Tensor, "batch *event"],
        alpha: Tensor,
        sigma: Tensor,
    ) -> Float[Tensor, "batch *event"]:
        """ε̂ from what the network returned."""
        if self.name == "noise":
            return output
        if self.name == "denoiser":
            return (x - alpha * output) / sigma
        if self.name == "score":
            return -sigma * output
        scale = self._scale(alpha, sigma)
        unit = x / scale
        if self.name == "edm":
            return (sigma * unit - alpha * self.data_std * output) / scale
        return (sigma * unit + alpha * output) / scale

    def _scale(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return torch.sqrt((alpha * self.data_std) ** 2 + sigma**2 if self.name == "edm" else alpha**2 + sigma**2)


VELOCITY = Prediction()
"""What the library's networks predict if nothing else is said."""
