"""What an audit found: the evidence, the verdict of all tests, and what a reader must know beside them."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from mnemoscope.auditing.closeness import Closeness
from mnemoscope.auditing.copies import Copies
from mnemoscope.auditing.evidence import Evidence
from mnemoscope.auditing.flagged import Flagged
from mnemoscope.auditing.identical import Identical
from mnemoscope.auditing.labels import Labels
from mnemoscope.auditing.measures import MeasureResult, WholeSetResult
from mnemoscope.auditing.nearest import Nearest
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.searching import recall_sentence
from mnemoscope.auditing.sight import Sight
from mnemoscope.auditing.verdict import Tone, Verdict, judge
from mnemoscope.data import Dataset
from mnemoscope.data.census import without_name
from mnemoscope.pages.render import percent

NO_GUARANTEE = (
    "Distances are no privacy guarantee: a model that passes may still leak its training data in ways that no distance "
    "between pixels sees, and a rate near the null bounds only the copies that these rules look for."
)


@dataclass(frozen=True, eq=False)
class AuditResult:
    """What ``audit`` found.

    Attributes:
        nearest: the nearest training item of each generated item, with d1 and d2.
        evidence: the samples against the null; where a training set alone can be read in two ways, against both.
        closeness: the second axis; None without a held-out set.
        sight: of each kind of planted copies, how many the distance ratio finds in these data.
        unlike: in what way the samples cannot be draws from the data; empty where none was found.
        statistics: of the whole set, those that were asked for.
        repeated: training items that repeat each other.
        classes: labels of the training items, if they were given.
        groups: items that belong together, if they were given.
        intrinsic_dimension: of the training set, estimated; None where it cannot be.
        resolution: the smallest share of copies that silence must exclude.
        provenance: version and settings.
        key: of the hashes that stand for items in a private report; None where items are named.
    """

    generated: Dataset
    train: Dataset
    holdout: Dataset | None
    nearest: Nearest
    evidence: tuple[Evidence, ...]
    closeness: Closeness | None
    statistics: tuple[WholeSetResult, ...]
    sight: Sight
    unlike: tuple[str, ...]
    repeated: Repeated
    classes: Labels | None
    groups: Labels | None
    intrinsic_dimension: float | None
    resolution: float
    provenance: dict[str, Any] = field(default_factory=dict)
    key: bytes | None = field(default=None, repr=False)

    @property
    def private(self) -> bool:
        """Whether what is written down holds aggregates only."""
        return self.key is not None

    @property
    def sets(self) -> dict[str, Dataset]:
        """The data sets by their parts in the audit."""
        parts = {"generated": self.generated, "train": self.train, "holdout": self.holdout}
        return {part: data for part, data in parts.items() if data is not None}

    def label(self, part: str) -> str:
        """What reports call a data set: its name without a path, its part in the audit where they are private."""
        return part if self.private else self.sets[part].label

    @property
    def null_nearest(self) -> Nearest:
        """The nearest training item of each item of the null."""
        return self.evidence[0].null.nearest

    @property
    def results(self) -> tuple[MeasureResult, ...]:
        """One for each measure, by its own threshold."""
        return self.evidence[0].results

    @property
    def copies(self) -> Copies:
        """The first axis: the calibrated distance ratio."""
        return self.evidence[0].copies

    @property
    def identical(self) -> Identical:
        """Samples that are identical to a training item."""
        return self.evidence[0].identical

    @property
    def fraction(self) -> float:
        """Share of the generated items that the first measure calls copies."""
        return self.results[0].rate.fraction

    @cached_property
    def judgement(self) -> Verdict:
        """The verdict of all tests together."""
        return judge(self.evidence, self.closeness, self.unlike, self.resolution)

    @property
    def memorizes(self) -> bool:
        """Whether identical samples or calibrated copies exceed the null beyond chance."""
        return self.judgement.memorizes

    @property
    def drawn(self) -> bool | None:
        """Whether samples are drawn to training items beyond what a fitted Gaussian is; None if it was not tested."""
        return self.judgement.drawn

    @property
    def tone(self) -> Tone:
        """Whether the verdict accuses, acquits or neither."""
        return self.judgement.tone

    @property
    def verdict(self) -> str:
        """The result in words: copies, then closeness, and how neighbours were searched if not exactly."""
        return self.judgement.sentence + recall_sentence(self.provenance)

    @property
    def flagged(self) -> list[Flagged]:
        """Every generated item that a threshold or the list calls a copy, nearest first."""
        return self._pairs(self.evidence[0].flagged)

    @property
    def closest(self) -> list[Flagged]:
        """Every generated item with its nearest training item, nearest first."""
        return self._pairs(np.ones(self.generated.n_samples, dtype=bool))

    @property
    def extracted_by_class(self) -> dict[str, int] | None:
        """How many distinct training items of each class were copied; None without classes."""
        return None if self.classes is None else self.classes.counts(self._extracted_rows)

    @property
    def extracted_by_group(self) -> dict[str, int] | None:
        """The same of the groups of which any was, most first; None without groups."""
        if self.groups is None:
            return None
        copied = [(name, count) for name, count in self.groups.counts(self._extracted_rows).items() if count]
        return dict(sorted(copied, key=lambda pair: -pair[1]))

    @property
    def _extracted_rows(self) -> Int[np.ndarray, " items"]:
        return np.array([row for row, _ in self.extracted], dtype=np.int64)

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before trusting the numbers."""
        found = [f"these samples are not like the data: {reason}" for reason in self.unlike]
        say = without_name if self.private else str
        found += [f"{self.label(part)}: {say(note)}" for part, data in self.sets.items() for note in data.notes]
        first, *others = self.results
        dimension = self.intrinsic_dimension
        if dimension is not None and 3**-dimension > 0.01:
            found.append(
                f"the training set's intrinsic dimension is about {dimension:.1f}; in few dimensions distance "
                f"rules flag honest samples, here {first.name} {percent(first.null.fraction)} of the null: trust the "
                f"list and the excess, not the fraction"
            )
        if self.repeated.items:
            found.append(
                f"{self.repeated.items} training items are identical to another, in {self.repeated.clusters} "
                f"clusters: each cluster counts as one item"
            )
        if self.holdout is not None and self.identical.null.count:
            found.append(
                f"{self.identical.null.count} held-out items are identical to training items, no more than repeats "
                f"within the sets explain; if they were not kept from training, copies hide in the null"
            )
        if self.holdout is None:
            found.append("without a held-out set the null is approximate, and closeness to train is not tested")
        if (repeats := self.provenance.get("repeats")) is not None:
            found.append(f"repeats in the training set were said to be {_SAID[repeats]}")
        found += [
            f"the fixed rules disagree: {other.name} finds {'an' if other.exceeds else 'no'} excess over the null, "
            f"{first.name} {'does' if first.exceeds else 'does not'}"
            for other in others
            if other.exceeds != first.exceeds
        ]
        return found

    @property
    def limits(self) -> list[str]:
        """What the audit does not prove."""
        return [NO_GUARANTEE, *self.blind_spots]

    @property
    def blind_spots(self) -> list[str]:
        """What the rules cannot see: in these data, by planted copies, and in general, one for each measure."""
        limits = [result.limits for result in self.results] + [result.limits for result in self.statistics]
        return [self.sight.sentence, *limits]

    @property
    def copied(self) -> Bool[np.ndarray, " generated"]:
        """Generated items that are copies of a training item: those listed, and those identical to one."""
        return np.asarray(self.copies.listed | (self.nearest.distances[:, 0] == 0))

    @property
    def extracted(self) -> list[tuple[int, int]]:
        """Training items that were copied, each with the number of its copies, most first.

        An item stands for its near-duplicates: one is named by the first of their rows.
        """
        rows, counts = np.unique(self.nearest.units[self.copied], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return [(int(rows[i]), int(counts[i])) for i in order]

    def _pairs(self, chosen: Bool[np.ndarray, " generated"]) -> list[Flagged]:
        order = np.argsort(self.nearest.distances[:, 0], kind="stable")
        return self.pairs(order[chosen[order]])

    def pairs(self, rows: Int[np.ndarray, " rows"]) -> list[Flagged]:
        """These generated items, each with its nearest training item."""
        return [self._pair(int(row)) for row in rows]

    def _pair(self, row: int) -> Flagged:
        train, (first, second) = int(self.nearest.indices[row]), self.nearest.distances[row]
        return Flagged(
            row,
            train,
            self.generated.label_of(row),
            self.train.label_of(train),
            float(first),
            0.0 if first == 0 else float(first / second),
            float(self.copies.p_values[row]),
            bool(self.copies.listed[row]),
            int(self.nearest.units[row]),
        )


_SAID = {"law": "of the law", "made": "made by hand"}
