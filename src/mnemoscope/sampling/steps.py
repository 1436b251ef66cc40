"""One step of each solver, in the coordinates where every process looks the same.

With y = x/α and r = σ/α, g² = 2α² r r' turns the probability-flow equation dx/dt = f x − ½ g² s of *any* process into

    dy/dr = ε̂(α y, t(r)),        ε̂ = −σ s

(the linear drift is solved exactly), and its reverse-time stochastic equation into dy = 2 ε̂ dr + √(2r |dr|) dW. The
denoiser is y − r ε̂. A step goes from the ratio ``r`` to the smaller ratio ``r_next``.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from mnemoscope.processes.base import standard_normal

Noise: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""ε̂ as a function of (y, r)."""


def heun_step(noise: Noise, y: Tensor, r: Tensor, r_next: Tensor) -> Tensor:
    """Heun's rule for dy/dr = ε̂: the error at the end falls with the square of the step (Karras et al. 2022)."""
    slope = noise(y, r)
    ahead = y + (r_next - r) * slope
    return y + (r_next - r) * (slope + noise(ahead, r_next)) / 2


def ancestral_step(noise: Noise, y: Tensor, r: Tensor, r_next: Tensor, generator: torch.Generator) -> Tensor:
    """A draw of y at r_next given y at r, exact for a denoiser that is constant over the step (Ho et al. 2020, eq. 6).

    With D the denoiser and q = (r_next/r)², y_next ~ N(q y + (1 − q) D, r_next² (1 − q)): the Euler–Maruyama step of
    the reverse equation with its linear part integrated exactly; order 1/2 in law of paths, 1 in distribution.
    """
    denoised = y - r * noise(y, r)
    kept = (r_next / r) ** 2
    fresh = r_next * torch.sqrt(1 - kept) * standard_normal(y.shape, generator, like=y)
    return kept * y + (1 - kept) * denoised + fresh
