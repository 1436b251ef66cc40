"""Authenticity: is the sample nearer to its training item than any other training item is? (Alaa et al. 2022).

The scale, the distance between training items, knows nothing of the sample: an honest generator that is narrow or
blurred is near to training items everywhere and scores low. So this score is shown, not calibrated into the verdict.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from mnemoscope.auditing.measures.around import around_nearest, ratio
from mnemoscope.auditing.measures.base import Geometry, Measure, Search
from mnemoscope.errors import InputError


@dataclass(frozen=True)
class Authenticity(Measure):
    """d(g, x) / d(x, x'), x the training item nearest to the sample g and x' the other item nearest to x.

    Below 1 the sample is called a copy; AuthPct, the share of authentic samples, is one minus the rate of copies.
    Identical training items count as one, which the original does not ask for: there, a repeated item has d(x, x') = 0
    and all its copies are authentic.

    Raises:
        InputError: a threshold that is not positive.
    """

    threshold: float = 1.0

    name: ClassVar[str] = "authenticity"
    scale_free: ClassVar[bool] = True
    limits: ClassVar[str] = (
        "authenticity: does not see copies of an item that has near-duplicates in train; calls a third to "
        "half of honest samples copies, and more from narrow or blurred generators, whose samples are near to every "
        "training item"
    )

    def __post_init__(self) -> None:
        if not self.threshold > 0:
            raise InputError(f"authenticity: the threshold must be positive, got {self.threshold}")

    def scores(self, search: Search) -> Float[np.ndarray, " items"]:
        """d(g, x) / d(x, x'), zero for an exact copy."""
        return ratio(search.nearest.distances[:, 0], around_nearest(search, 1)[:, 0])

    def rule(self, geometry: Geometry) -> str:  # noqa: ARG002
        """The rule in words."""
        return (
            f"distance to the nearest training item < {self.threshold:.3g} × the distance from that item to the "
            "nearest other one"
        )
