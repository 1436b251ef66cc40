"""Calibrated l2: the nearest distance in units of the mean distance to the 50 nearest (Carlini et al. 2023).

    d1 / (α · mean of the distances to the n nearest training items),  α = 0.5, n = 50

The paper's formula centres the mean on one image and its text on the other, and later work uses both, so there are two
measures: the mean is taken around the sample, or around the sample's nearest training item.

Both are free of scale, and yet neither is calibrated into the verdict: samples of an honest but narrow or blurred
generator lie amid the training items, nearer to the nearest than data lie, while the mean shrinks less (around the
sample) or not at all (around the training item).
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from mnemoscope.auditing.measures.around import around_items, around_nearest, ratio
from mnemoscope.auditing.measures.base import Geometry, Measure, Search
from mnemoscope.errors import InputError


@dataclass(frozen=True)
class _Calibrated(Measure):
    threshold: float = 1.0
    neighbours: int = 50
    share: float = 0.5

    centre: ClassVar[str]

    def __post_init__(self) -> None:
        for name, value in (("threshold", self.threshold), ("share", self.share)):
            if not value > 0:
                raise InputError(f"{self.name}: the {name} must be positive, got {value}")
        if self.neighbours < 1:
            raise InputError(f"{self.name}: neighbours must be at least 1, got {self.neighbours}")

    @abstractmethod
    def around(self, search: Search) -> Float[np.ndarray, "items k"]:
        """The distances of which the mean is taken."""

    def scores(self, search: Search) -> Float[np.ndarray, " items"]:
        """d1 / (share · mean distance to the nearest), with 0/0 = 0."""
        around = self.around(search)
        found = np.isfinite(around)
        mean = np.divide(
            np.where(found, around, 0).sum(axis=1),
            found.sum(axis=1),
            out=np.zeros(len(around)),
            where=found.any(axis=1),
        )
        return ratio(search.nearest.distances[:, 0], self.share * mean)

    def rule(self, geometry: Geometry) -> str:  # noqa: ARG002
        """The rule in words."""
        return (
            f"distance to the nearest training item < {self.threshold:.3g} × {self.share:.3g} × mean distance from "
            f"{self.centre} to its {self.neighbours} nearest training items (all, where there are fewer)"
        )


@dataclass(frozen=True)
class CalibratedDistance(_Calibrated):
    """Calibrated l2 around the sample: d1 / (0.5 · mean of its 50 nearest distances), called a copy below 1.

    Raises:
        InputError: a threshold or share that is not positive, or no neighbours.
    """

    name: ClassVar[str] = "calibrated-l2"
    scale_free: ClassVar[bool] = True
    centre: ClassVar[str] = "the sample"
    limits: ClassVar[str] = (
        "calibrated-l2: flags honest samples in data of low intrinsic dimension (nearly all of them at dimension 2); "
        "does not see copies of an item with dozens of near-duplicates in train, nor flipped, shifted, cropped or "
        "blurred ones, unless they are searched for"
    )

    def around(self, search: Search) -> Float[np.ndarray, "items k"]:
        """Distances from the sample."""
        return around_items(search, self.neighbours)


@dataclass(frozen=True)
class CalibratedDistanceFromTrain(_Calibrated):
    """Calibrated l2 around the sample's nearest training item x: d1 / (0.5 · mean distance from x to its 50 nearest).

    Raises:
        InputError: a threshold or share that is not positive, or no neighbours.
    """

    name: ClassVar[str] = "calibrated-l2-train"
    scale_free: ClassVar[bool] = True
    centre: ClassVar[str] = "that item"
    limits: ClassVar[str] = (
        "calibrated-l2-train: flags honest samples in data of low intrinsic dimension and from narrow or blurred "
        "generators, whose samples are near to every training item; does not see copies of an item with dozens of "
        "near-duplicates in train, nor flipped, shifted, cropped or blurred ones, unless they are searched for"
    )

    def around(self, search: Search) -> Float[np.ndarray, "items k"]:
        """Distances from the sample's nearest training item to other ones."""
        return around_nearest(search, self.neighbours)
