"""Rules that call a sample a copy, from its distances d1 ≤ d2 to the nearest training item and the nearest other one,
and what such a rule found on the samples and on the null.

Each rule has a known failure (``limits``), which every report repeats.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float

from mnemoscope.auditing.intervals import Rate, difference_interval
from mnemoscope.choose import choose
from mnemoscope.errors import InputError


@dataclass(frozen=True)
class Geometry:
    """What a rule may know of the data: number of values in an item, and the width of the value range."""

    dim: int
    span: float


class Measure(ABC):
    """A rule on the two nearest distances, shape ``(samples, 2)``."""

    name: ClassVar[str]
    limits: ClassVar[str]

    @abstractmethod
    def flags(self, distances: Float[np.ndarray, "samples 2"], geometry: Geometry) -> Bool[np.ndarray, " samples"]:
        """Which samples are called copies."""

    @abstractmethod
    def rule(self, geometry: Geometry) -> str:
        """The rule in words, with its numbers."""


@dataclass(frozen=True)
class DistanceRatio(Measure):
    """d1/d2 below a threshold, 1/3 (Yoon et al. 2023; Gu et al. 2023; Bonnaire et al. 2025).

    An exact copy, d1 = 0, is always flagged, also where d2 = 0.

    Raises:
        InputError: a threshold outside (0, 1).
    """

    threshold: float = 1 / 3

    name: ClassVar[str] = "distance-ratio"
    limits: ClassVar[str] = (
        "distance-ratio: does not see flipped, shifted, cropped or blurred copies, nor copies with much noise, nor of "
        "an item with over 5 near-duplicates in train; in data of low intrinsic dimension it flags honest samples too"
    )

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"distance-ratio: the threshold must lie in (0, 1), got {self.threshold}")

    def flags(self, distances: Float[np.ndarray, "samples 2"], geometry: Geometry) -> Bool[np.ndarray, " samples"]:  # noqa: ARG002
        """Which samples are called copies."""
        first, second = distances.T
        return np.asarray((first == 0) | (first < self.threshold * second))

    def rule(self, geometry: Geometry) -> str:  # noqa: ARG002
        """The rule in words."""
        return f"distance to the nearest training item < {self.threshold:.3g} × distance to the nearest other one"


@dataclass(frozen=True)
class AbsoluteDistance(Measure):
    """Root-mean-square difference to the nearest training item below a share of the value range.

    Baptista et al. (2025) use a plain distance of 1e-2 on data of unit scale; relative to the range and per value the
    rule carries over to other scales and sizes.

    Raises:
        InputError: a tolerance that is not positive.
    """

    tolerance: float = 0.02

    name: ClassVar[str] = "absolute-distance"
    limits: ClassVar[str] = (
        "absolute-distance: depends on the scale and contrast of the data, and on images with a constant background "
        "it may flag independent images; it does not see flipped, shifted, cropped or blurred copies"
    )

    def __post_init__(self) -> None:
        if not self.tolerance > 0:
            raise InputError(f"absolute-distance: the tolerance must be positive, got {self.tolerance}")

    def flags(self, distances: Float[np.ndarray, "samples 2"], geometry: Geometry) -> Bool[np.ndarray, " samples"]:
        """Which samples are called copies."""
        return np.asarray(distances[:, 0] < self._cutoff(geometry))

    def rule(self, geometry: Geometry) -> str:
        """The rule in words."""
        return (
            f"root-mean-square difference to the nearest training item < {self.tolerance:.3g} of the value range "
            f"(distance < {self._cutoff(geometry):.4g})"
        )

    def _cutoff(self, geometry: Geometry) -> float:
        return self.tolerance * geometry.span * float(np.sqrt(geometry.dim))


@dataclass(frozen=True)
class MeasureResult:
    """One rule on the generated set and on the null.

    Attributes:
        flags: which generated items the rule calls copies.
        rate: of the generated set.
        null: rate of the null, taken from ``null_source``.
    """

    name: str
    rule: str
    limits: str
    flags: Bool[np.ndarray, " generated"]
    rate: Rate
    null: Rate
    null_source: str

    @property
    def excess(self) -> float:
        """Rate above the null."""
        return self.rate.fraction - self.null.fraction

    @property
    def excess_interval(self) -> tuple[float, float]:
        """95 % interval of the excess."""
        return difference_interval(self.rate, self.null)

    @property
    def memorizes(self) -> bool:
        """Whether the excess is above zero beyond chance."""
        return self.excess_interval[0] > 0

    def to_dict(self) -> dict[str, Any]:
        """As in ``report.json``."""
        return {
            "rule": self.rule,
            "fraction": self.rate.fraction,
            "interval": list(self.rate.interval),
            "null": {"fraction": self.null.fraction, "interval": list(self.null.interval), "source": self.null_source},
            "excess": self.excess,
            "excess_interval": list(self.excess_interval),
        }


MEASURES: dict[str, type[Measure]] = {measure.name: measure for measure in (DistanceRatio, AbsoluteDistance)}
"""The measures by name, in the order in which an audit reports them."""


def make_measure(name: str) -> Measure:
    """The measure of this name with its standard threshold.

    Raises:
        InputError: an unknown name.
    """
    return choose(name, MEASURES, "measure")()
