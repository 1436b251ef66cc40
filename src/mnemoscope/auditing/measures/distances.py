"""Scores from the two nearest distances, d1 ≤ d2, and nothing else."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from mnemoscope.auditing.measures.base import Geometry, Measure, Search
from mnemoscope.errors import InputError


@dataclass(frozen=True)
class DistanceRatio(Measure):
    """d1/d2, called a copy below 1/3 (Yoon et al. 2023; Gu et al. 2023; Bonnaire et al. 2025).

    An exact copy, d1 = 0, has score zero, also where d2 = 0.

    Raises:
        InputError: a threshold outside (0, 1).
    """

    threshold: float = 1 / 3

    name: ClassVar[str] = "distance-ratio"
    scale_free: ClassVar[bool] = True
    calibrates: ClassVar[bool] = True
    limits: ClassVar[str] = (
        "distance-ratio: does not see flipped, shifted, cropped or blurred copies, unless they are searched for, nor "
        "copies with much noise, nor of an item with over 255 near-duplicates in train; in data of low intrinsic "
        "dimension it flags honest samples too"
    )

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"distance-ratio: the threshold must lie in (0, 1), got {self.threshold}")

    def scores(self, search: Search) -> Float[np.ndarray, " items"]:
        """d1/d2, with 0/0 = 0."""
        first, second = search.nearest.distances.T
        return np.asarray(np.divide(first, second, out=np.zeros(len(first)), where=first > 0))

    def rule(self, geometry: Geometry) -> str:  # noqa: ARG002
        """The rule in words."""
        return f"distance to the nearest training item < {self.threshold:.3g} × distance to the nearest other one"


@dataclass(frozen=True)
class AbsoluteDistance(Measure):
    """Root-mean-square difference to the nearest training item, as a share of the value range.

    Baptista et al. (2025) use a plain distance of 1e-2 on data of unit scale; relative to the range and per value the
    rule carries over to other scales and sizes.

    Raises:
        InputError: a tolerance that is not positive.
    """

    threshold: float = 0.02

    name: ClassVar[str] = "absolute-distance"
    scale_free: ClassVar[bool] = False
    limits: ClassVar[str] = (
        "absolute-distance: depends on the scale and contrast of the data, and on images with a constant background "
        "it may flag independent images; it does not see flipped, shifted, cropped or blurred copies"
    )

    def __post_init__(self) -> None:
        if not self.threshold > 0:
            raise InputError(f"absolute-distance: the tolerance must be positive, got {self.threshold}")

    def scores(self, search: Search) -> Float[np.ndarray, " items"]:
        """d1 / (span · √dim)."""
        first, unit = search.nearest.distances[:, 0], _unit(search.geometry)
        return np.asarray(first / unit if unit > 0 else np.where(first > 0, np.inf, 0.0))

    def rule(self, geometry: Geometry) -> str:
        """The rule in words."""
        return (
            f"root-mean-square difference to the nearest training item < {self.threshold:.3g} of the value range "
            f"(distance < {self.threshold * _unit(geometry):.4g})"
        )


def _unit(geometry: Geometry) -> float:
    return geometry.span * float(np.sqrt(geometry.dim))
