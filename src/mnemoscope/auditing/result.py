"""What an audit found, and how it says so: one sentence, and a dictionary for machines."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from mnemoscope.auditing.identical import Duplicates, Identical
from mnemoscope.auditing.measures import MeasureResult
from mnemoscope.auditing.nearest import Nearest
from mnemoscope.auditing.verdict import Tone, judge
from mnemoscope.data import Dataset
from mnemoscope.pages.render import percent

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


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What ``audit`` found.

    Attributes:
        nearest: the nearest training item of each generated item, with d1 and d2.
        null_nearest: the same for each item of the null.
        results: one for each measure; the first decides the verdict, with ``identical``.
        duplicates: training items that repeat each other.
        identical: samples that are identical to a training item.
        unlike: in what way the samples cannot be draws from the data; empty where none was found.
        intrinsic_dimension: of the training set, estimated; None where it cannot be.
    """

    generated: Dataset
    train: Dataset
    holdout: Dataset | None
    nearest: Nearest
    null_nearest: Nearest
    results: tuple[MeasureResult, ...]
    duplicates: Duplicates
    identical: Identical
    unlike: tuple[str, ...]
    intrinsic_dimension: float | None
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """Share of the generated items that the first measure calls copies."""
        return self.results[0].rate.fraction

    @property
    def memorizes(self) -> bool:
        """Whether the first measure's excess, or the identical samples, exceed the null beyond chance."""
        return self.tone == "memorizes"

    @property
    def tone(self) -> Tone:
        """Whether the verdict accuses, acquits or neither."""
        return judge(self.results[0], self.identical, self.unlike).tone

    @property
    def verdict(self) -> str:
        """The result in one sentence."""
        return judge(self.results[0], self.identical, self.unlike).sentence

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
        sets = [data for data in (self.generated, self.train, self.holdout) if data is not None]
        found = [f"these samples are not like the data: {reason}" for reason in self.unlike]
        found += [f"{data.name}: {note}" for data in sets for note in data.notes]
        first, *others = self.results
        dimension = self.intrinsic_dimension
        if dimension is not None and 3**-dimension > 0.01:
            found.append(
                f"the training set's intrinsic dimension is about {dimension:.1f}; in few dimensions distance "
                f"rules flag honest samples, here {first.name} {percent(first.null.fraction)} of the null: trust the "
                f"excess, not the fraction"
            )
        if self.duplicates.items:
            found.append(
                f"{self.duplicates.items} training items are identical to another, in {self.duplicates.clusters} "
                f"clusters: each cluster counts as one item"
            )
        if self.holdout is not None and (same := int((self.null_nearest.distances[:, 0] == 0).sum())):
            found.append(
                f"{same} held-out items are identical to training items, no more than repeats within the sets explain; "
                f"if they were not kept from training, copies hide in the null"
            )
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
        return [_NO_GUARANTEE, *self.blind_spots]

    @property
    def blind_spots(self) -> list[str]:
        """What the rules cannot see, one for each measure."""
        return [result.limits for result in self.results]

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
            "identical": self.identical.to_dict(),
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
