"""Intrinsic dimension of the data, which decides what a distance rule can mean."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float


def intrinsic_dimension(
    distances: Float[np.ndarray, "points k"], average: Callable[[Float[np.ndarray, " points"]], Any] = np.mean
) -> float | None:
    """The Levina–Bickel (2004) estimate from each point's distances to its k nearest others.

    Per point its inverse is the mean of log(d_k/d_j) over j < k; the inverses are averaged over the points (MacKay &
    Ghahramani 2005), the maximum-likelihood estimate of all points together. Points with a duplicate (d_1 = 0) carry no
    information on the dimension and are left out; None where no point is left or all distances tie. The ``average``
    over points may be another, as a median that few odd points do not move.
    """
    distances = distances[distances[:, 0] > 0]
    if len(distances) == 0 or distances.shape[1] < 2:
        return None
    spread = np.log(distances[:, -1:] / distances[:, :-1]).sum(axis=1)
    inverse = float(average(spread)) / (distances.shape[1] - 1)
    return 1 / inverse if inverse > 0 else None
