"""How many samples of a regularized score end on a training point, in closed form."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnemoscope.errors import InputError


def copy_share(c: ArrayLike, distance: float) -> NDArray[np.float64]:
    """Share of samples in the plane that the Tikhonov score leaves within ``distance`` of a training point.

    The score r/(σ² + c) is the exact one, r/σ², until σ is as small as √c. A sample is then x_i + σ z with z ~ N(0, I)
    for one training point x_i alone, and dx/dσ = σ (x − x_i)/(σ² + c) takes it to x_i + √c z. So the squared distance
    over c is χ² with two degrees of freedom, and

        P(‖x − x_i‖ < distance) = 1 − exp(−distance²/2c),

    as long as √c is small beside the distances between training points. The score is that of Baptista, Dasgupta,
    Kovachki, Oberai & Stuart (arXiv 2501.15785), who publish measured shares.

    Args:
        c: strength of the penalty, in squared units of the data, any shape.
        distance: within which a sample counts as a copy.

    Returns:
        The share, of the shape of ``c``.

    Raises:
        InputError: c or distance is not positive and finite.
    """
    strength = np.asarray(c, np.float64)
    if not (np.isfinite(strength) & (strength > 0)).all():
        raise InputError("c: must be positive and finite")
    if not 0 < distance < math.inf:
        raise InputError(f"distance: must be positive and finite, got {distance}")
    return np.asarray(-np.expm1(-(distance**2) / (2 * strength)))
