"""Grids of noise levels."""

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import check_number, check_whole
from mnemoscope.processes import Process


def ratio_grid(process: Process, n_steps: int, rho: float = 7.0) -> Float[Tensor, " {n_steps}+1"]:
    """Noise-to-signal ratios from r(t_max) down to r(t_min), evenly spaced in r^{1/ρ} (Karras et al. 2022, eq. 5).

    ρ = 7 is their choice; ρ = 1 is uniform in r. In double precision.

    Raises:
        InputError: n_steps < 1 or rho <= 0.
    """
    check_whole(n_steps, "n_steps")
    check_number(rho, "rho", "positive")
    ends = process.ratio(torch.tensor([process.t_max, process.t_min], dtype=torch.float64, device="cpu")) ** (1 / rho)
    return torch.lerp(ends[0], ends[1], torch.linspace(0, 1, n_steps + 1, dtype=torch.float64, device="cpu")) ** rho
