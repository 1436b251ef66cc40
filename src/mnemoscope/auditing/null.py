"""The null: honest items, compared with the training set as the samples are.

With a held-out set it is exact. Without one, training items are left out one at a time and compared with all others.
Train alone cannot tell what its repeats and near-duplicates mean:

- ``law``: they belong to the law, as blank frames and rounded values do. An honest sample meets its twin as often as
  the law has it, so an item left out may meet its own;
- ``made``: they were made by hand, as JPEG versions and augmentations are. An honest sample has no twin, so an item is
  left out with its whole unit.

Where the two readings lead to different verdicts there is none.

Scores left out one at a time lean on each other: of two mutual neighbours in the plane both are flagged or none. A sum
of n scores then varies as that of fewer, ``effective``: n · Σ z_i² / Σ z_i z_j, the second sum over pairs that share an
item (themselves, their nearest, the second), z an indicator less its mean. So do held-out items of one group, and
held-out near-duplicates.

An honest generator need not have the law of the data: one too narrow or blurred has lower scores without copying. So
there is a second null, ``matched``, of items that share only their spread with the samples (see ``matched.py``). Copies
are what exceeds both.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array

from mnemoscope.auditing.comparison import Comparison
from mnemoscope.auditing.identical import Identical
from mnemoscope.auditing.matched import matched_samples
from mnemoscope.auditing.measures import Search
from mnemoscope.auditing.nearest import Nearest
from mnemoscope.data import Dataset

Repeats: TypeAlias = Literal["law", "made"]
READINGS: dict[str, Repeats] = {"law": "law", "made": "made"}

HELD_OUT = "held-out set"
MATCHED = "Gaussians with the spread of the samples"
LEFT_OUT_ITEMS = 1000
"""As many training items, at least, are left out in their turn, if there are so many."""

_MATCHED_BYTES, _FEWEST_MATCHED = 2**30, 300
"""Matched items take so much memory, at most, unless they would be fewer than that."""

LEFT_OUT = "leave-one-out on the training set"
_QUANTILES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Null:
    """Honest items and their nearest training items.

    Attributes:
        source: the held-out set, or leave-one-out.
        search: what is nearest to each.
        identical: which of them are identical to a (or another) training item.
        shared: rows of items that left-out ones share, by which their scores lean on each other, or their groups;
            empty for independent items.
        repeats: how repeats were read when items were left out.
    """

    source: str
    search: Search
    identical: Bool[np.ndarray, " items"]
    shared: tuple[Int[np.ndarray, " items"], ...] = ()
    repeats: Repeats | None = None

    @classmethod
    def left_out(cls, comparison: Comparison, n: int, repeats: Repeats, rng: np.random.Generator) -> "Null":
        """Up to n training items, each left out in its turn."""
        index = comparison.index
        population = np.arange(len(index.first)) if repeats == "law" else index.distinct
        rows = np.sort(rng.permutation(population)[:n])
        search = comparison.search_left_out(rows, with_unit=repeats == "made")
        identical = np.bincount(index.first)[index.first[rows]] > 1 if repeats == "law" else np.zeros(len(rows), bool)
        shared = index.first[rows], search.nearest.indices, search.nearest.seconds
        return cls(LEFT_OUT, search, identical, shared, repeats)

    @classmethod
    def matched(
        cls, comparison: Comparison, samples: Dataset, search: Search, n: int, rng: np.random.Generator
    ) -> "Null":
        """So many items of Gaussians with the spread of the samples about the means of the training items.

        Args:
            comparison: with the training set.
            samples: as they are.
            search: where they were compared, which is where clusters are made.
            n: how many items.
            rng: chooses them, and the training items that are clustered.
        """
        made = matched_samples(samples.array, search.items, comparison.train.array, comparison.index, n, rng)
        items = Dataset(made, MATCHED, comparison.train.value_range)
        return cls(MATCHED, comparison.search(items), np.zeros(n, dtype=bool))

    @staticmethod
    def n_matched(dim: int) -> int:
        """How many items are matched: as many as are left out, less of large pictures, whose values all are drawn."""
        return int(np.clip(_MATCHED_BYTES // (4 * dim), _FEWEST_MATCHED, LEFT_OUT_ITEMS))

    @property
    def nearest(self) -> Nearest:
        """d1 and d2 of each item."""
        return self.search.nearest

    def find_identical(self, rows: Int[np.ndarray, " samples"], coincidences: float | None) -> Identical:
        """Identical samples beside those of the null; of each sample its identical training item, −1 for none."""
        return Identical.find(rows, self.identical, coincidences, self.effective(1.0 - self.identical))

    def effective(self, scores: Float[np.ndarray, " items"]) -> float:
        """How many independent items these are worth to the distribution function of their scores."""
        if self._links is None:
            return float(len(scores))
        worst = 1.0
        for level in _QUANTILES:
            below = scores <= np.quantile(scores, level)
            z = below - below.mean()
            if (total := float(z @ z)) > 0:
                worst = max(worst, float(z @ (self._links @ z)) / total)
        return len(scores) / worst

    @cached_property
    def _links(self) -> csr_array | None:
        """Which items share an item, themselves included."""
        if not self.shared:
            return None
        n, k = len(self.shared[0]), len(self.shared)
        items = np.concatenate(self.shared)
        incidence = csr_array((np.ones(n * k), (np.tile(np.arange(n), k), items)))
        links = incidence @ incidence.T
        links.data[:] = 1
        return links
