"""What an audit found, and how it says so: one sentence, and a dictionary for machines."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from mnemoscope.auditing.intervals import Rate, difference_interval
from mnemoscope.auditing.nearest import Nearest
from mnemoscope.data import Dataset
from mnemoscope.pages.render import interval, percent

_NO_GUARANTEE = (
    "Distances are no privacy guarantee: a model that passes may still leak its training data in ways that no distance "
    "between pixels sees, and a rate near the null bounds only the copies that these rules look for."
)


class Flagged(NamedTuple):
    """A generated item and the training item it is nearest to; their names are None where items have none."""

    generated: int
    train: int
    generated_name: str | None
    train_name: str | None
    distance: float
    ratio: float


@dataclass(frozen=True)
class Duplicates:
    """Identical items of the training set.

    Attributes:
        mask: True for every item that repeats an earlier one.
        clusters: groups of two or more identical items.
        items: items in such groups.
    """

    mask: Bool[np.ndarray, " n_train"]
    clusters: int
    items: int

    @property
    def redundant(self) -> int:
        """Items that repeat an earlier one."""
        return int(self.mask.sum())

    @classmethod
    def find(cls, first: Int[np.ndarray, " n_train"]) -> "Duplicates":
        """From the index of each item's first identical item."""
        _, sizes = np.unique(first, return_counts=True)
        groups = sizes[sizes > 1]
        return cls(first != np.arange(len(first)), len(groups), int(groups.sum()))


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


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What ``audit`` found.

    Attributes:
        nearest: the nearest training item of each generated item, with d1 and d2.
        null_nearest: the same for each item of the null.
        results: one for each measure; the first decides the verdict.
        intrinsic_dimension: of the training set, estimated; None where it cannot be.
    """

    generated: Dataset
    train: Dataset
    holdout: Dataset | None
    nearest: Nearest
    null_nearest: Nearest
    results: tuple[MeasureResult, ...]
    duplicates: Duplicates
    intrinsic_dimension: float | None
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """Share of the generated items that the first measure calls copies."""
        return self.results[0].rate.fraction

    @property
    def memorizes(self) -> bool:
        """Whether the first measure's excess over the null is above zero beyond chance."""
        return self.results[0].memorizes

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        first = self.results[0]
        rates = (
            f"{percent(first.rate.fraction)} of the samples are called copies of training items "
            f"(95 % interval {interval(first.rate.interval)}), against {percent(first.null.fraction)} of the null"
        )
        if first.memorizes:
            return f"This model memorizes: {rates}."
        highest = percent(max(0.0, first.excess_interval[1]))
        return f"No memorization beyond the null was found: {rates}; an excess above {highest} is excluded."

    @property
    def flagged(self) -> list[Flagged]:
        """Every generated item that some measure calls a copy, nearest first."""
        return self._pairs(np.logical_or.reduce([result.flags for result in self.results]))

    @property
    def closest(self) -> list[Flagged]:
        """Every generated item with its nearest training item, nearest first."""
        return self._pairs(np.ones(self.generated.n_samples, dtype=bool))

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before trusting the numbers."""
        found = []
        dimension = self.intrinsic_dimension
        if dimension is not None and 3**-dimension > 0.01:
            found.append(
                f"the training set's intrinsic dimension is about {dimension:.1f}: distance rules flag honest samples "
                f"often (distance-ratio about {percent(3**-dimension)}); trust the excess, not the fraction"
            )
        if self.duplicates.items:
            found.append(
                f"{self.duplicates.items} training items are identical to another, in {self.duplicates.clusters} "
                f"clusters: each cluster counts as one item"
            )
        if self.holdout is not None and (same := int((self.null_nearest.distances[:, 0] == 0).sum())):
            found.append(
                f"{same} held-out items are identical to training items: the null is too high, and copies hide in it"
            )
        first, *others = self.results
        found += [
            f"the measures disagree: {other.name} finds {'an' if other.memorizes else 'no'} excess over the null, "
            f"{first.name} {'does' if first.memorizes else 'does not'}"
            for other in others
            if other.memorizes != first.memorizes
        ]
        return found

    @property
    def limits(self) -> list[str]:
        """What the audit does not prove."""
        return [_NO_GUARANTEE, *(result.limits for result in self.results)]

    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``."""
        flagged = self.flagged
        sets = {"generated": self.generated, "train": self.train, "holdout": self.holdout}
        return {
            "verdict": self.verdict,
            "n_generated": self.generated.n_samples,
            "n_train": self.train.n_samples,
            "n_holdout": None if self.holdout is None else self.holdout.n_samples,
            "intrinsic_dimension": self.intrinsic_dimension,
            "measures": {result.name: result.to_dict() for result in self.results},
            "duplicates": {"clusters": self.duplicates.clusters, "items": self.duplicates.items},
            "extracted": {"distinct": len({pair.train for pair in flagged})},
            "flagged": [pair._asdict() for pair in flagged],
            "warnings": self.warnings,
            "limits": self.limits,
            "provenance": {
                **self.provenance,
                "data": {
                    what: {"name": data.name, "fingerprint": data.fingerprint}
                    for what, data in sets.items()
                    if data is not None
                },
            },
        }

    def _pairs(self, chosen: Bool[np.ndarray, " generated"]) -> list[Flagged]:
        distances, indices = self.nearest.distances, self.nearest.indices
        order = np.argsort(distances[:, 0], kind="stable")
        order = order[chosen[order]]
        return [self._pair(int(i), int(indices[i]), *distances[i]) for i in order]

    def _pair(self, generated: int, train: int, first: float, second: float) -> Flagged:
        names = self.generated.name_of(generated), self.train.name_of(train)
        return Flagged(generated, train, *names, float(first), _ratio(first, second))


def _ratio(first: float, second: float) -> float:
    """d1/d2, with 0/0 = 0: an exact copy."""
    return 0.0 if first == 0 else float(first / second)
