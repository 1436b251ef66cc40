"""What a measure is: a copy score for each item, a threshold that the field uses, and what the score cannot see."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from mnemoscope.auditing.intervals import Rate, difference_interval
from mnemoscope.auditing.nearest import Nearest, TrainingIndex
from mnemoscope.data.arrays import Array


@dataclass(frozen=True)
class Geometry:
    """What a score may know of the data: number of values in an item, and the width of the value range."""

    dim: int
    span: float


@dataclass(frozen=True)
class Search:
    """What a score may ask about a set of items, samples or null.

    Attributes:
        nearest: d1, d2 and the nearest training item of each item, over all transformations that are searched.
        geometry: of the training data.
        index: the training set, to ask for more neighbours.
        items: shape ``(items, *event)``, where distances are taken.
        left_out: where the items are training items, their rows: each is compared with all others.
    """

    nearest: Nearest
    geometry: Geometry
    index: TrainingIndex
    items: Array
    left_out: Int[np.ndarray, " items"] | None = None


class Measure(ABC):
    """A copy score, smaller for what is more like a copy, and a threshold below which the field calls it one.

    Attributes:
        name: as users and reports call it.
        limits: what it does not see, beginning with its name.
        scale_free: whether multiplying all distances changes nothing.
        calibrates: whether its null may calibrate it into the verdict. A blurred or narrow generator is near to
            everything, so its distances are small without a copy: a score may be calibrated only if it is scale-free
            and such generators score no lower than held-out items. Of ratios of distances, d1/d2 alone was seen to.
        threshold: items with a score below it are flagged.
    """

    name: ClassVar[str]
    limits: ClassVar[str]
    scale_free: ClassVar[bool]
    calibrates: ClassVar[bool] = False
    threshold: float

    @abstractmethod
    def scores(self, search: Search) -> Float[np.ndarray, " items"]:
        """The copy score of each item; zero for an exact copy."""

    @abstractmethod
    def rule(self, geometry: Geometry) -> str:
        """The rule of the threshold in words, with its numbers."""

    def flags(self, search: Search) -> Bool[np.ndarray, " items"]:
        """Which items the threshold calls copies."""
        return np.asarray(self.scores(search) < self.threshold)


@dataclass(frozen=True)
class MeasureResult:
    """One measure on the generated set and on the null, by its own threshold.

    Attributes:
        scores: of the generated items.
        null_scores: of the items of the null, taken from ``null_source``.
        flags: which generated items the threshold calls copies.
        rate: of the generated set.
        null: rate of the null.
        effective: how many independent items the null's are worth; those of a leave-one-out null lean on each other.
    """

    name: str
    rule: str
    limits: str
    calibrates: bool
    scores: Float[np.ndarray, " generated"]
    null_scores: Float[np.ndarray, " null"]
    flags: Bool[np.ndarray, " generated"]
    rate: Rate
    null: Rate
    null_source: str
    effective: float

    @property
    def excess(self) -> float:
        """Rate above the null."""
        return self.rate.fraction - self.null.fraction

    @property
    def excess_interval(self) -> tuple[float, float]:
        """95 % interval of the excess."""
        return difference_interval(self.rate, self.null.thinned(self.effective))

    @property
    def exceeds(self) -> bool:
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
