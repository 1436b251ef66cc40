"""The distance between two sets of samples: what a cure against copies may cost in quality."""

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.errors import InputError


def mmd_squared(x: Float[Tensor, "n dim"], y: Float[Tensor, "m dim"], bandwidth: float | None = None) -> float:
    """The unbiased squared maximum mean discrepancy with the kernel e^{−‖·‖²/2h²} (Gretton et al. 2012, eq. 3).

    Zero in expectation where both come from one law, hence negative about half of the time there.

    Args:
        x: shape ``(n, dim)``.
        y: shape ``(m, dim)``, the reference.
        bandwidth: h; the median distance within y if left out.

    Raises:
        InputError: fewer than two samples on a side, or a bandwidth that is not positive.
    """
    if min(len(x), len(y)) < 2:
        raise InputError(f"mmd_squared needs at least two samples on each side, got {len(x)} and {len(y)}")
    x, y = x.cpu().double(), y.cpu().double()
    h = float(torch.pdist(y).median()) if bandwidth is None else bandwidth
    if not h > 0:
        raise InputError(f"bandwidth must be positive, got {h}")

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(-(torch.cdist(a, b) ** 2) / (2 * h**2))

    def within(a: Tensor) -> Tensor:
        found = kernel(a, a)
        return (found.sum() - found.trace()) / (len(a) * (len(a) - 1))

    return float(within(x) + within(y) - 2 * kernel(x, y).mean())
