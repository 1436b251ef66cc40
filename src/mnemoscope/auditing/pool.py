"""Training and held-out items together: what the null and the closeness of samples are made of."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from mnemoscope.auditing.closeness import Closeness, References, closeness
from mnemoscope.auditing.comparison import Comparison
from mnemoscope.auditing.labels import Labels
from mnemoscope.auditing.measures import Search
from mnemoscope.auditing.nearest import Nearest, TrainingIndex
from mnemoscope.auditing.null import HELD_OUT, LEFT_OUT_ITEMS, Null
from mnemoscope.auditing.overlap import check_identical, check_near
from mnemoscope.auditing.references import blurred_shares, fitted_gaussians
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.auditing.votes import Votes, cast_votes
from mnemoscope.data import Dataset
from mnemoscope.data.arrays import Array

REFERENCE_SAMPLES = 1000
"""Of the fitted Gaussian, at most."""

BLURRED = 500
"""Training items that are blurred."""


@dataclass(frozen=True)
class Pool:
    """Reference items of both kinds.

    Attributes:
        train: the training set.
        holdout: the held-out set, in the same event shape.
        repeated: what is identical within train.
        held_out: what is identical within the held-out set.
        classes: strata of both, if there are any.
        groups: units of both, if they are known.
    """

    train: Dataset
    holdout: Dataset
    repeated: Repeated
    held_out: Repeated
    classes: Labels | None
    groups: Labels | None

    def find_held_out(self, comparison: Comparison) -> tuple[Search, TrainingIndex]:
        """The held-out items in train, and an index of them where distances are taken.

        Raises:
            InputError: they, or their groups, are in train as well.
        """
        check_identical(self.holdout, self.train, self.repeated, self.held_out)
        if self.groups is not None:
            self.groups.check_apart("groups")
        search = comparison.search(self.holdout)
        return search, comparison.other_index(search.items, self.held_out.first)

    def null(self, comparison: Comparison, search: Search, other: TrainingIndex, rng: np.random.Generator) -> Null:
        """The held-out items, found in train, as a null.

        Raises:
            InputError: they are nearly in train as well.
        """
        shared: tuple[Int[np.ndarray, " items"], ...] = ()
        if self.groups is not None:
            shared = (self.groups.holdout,)
        elif other.has_near_duplicates:
            shared = (other.nearest(other.train).units,)
        left_out = Null.left_out(comparison, LEFT_OUT_ITEMS, "law", rng)
        check_near(self.holdout, self.train, comparison.index, search.nearest, left_out.nearest)
        return Null(HELD_OUT, search, self.repeated.rows_of(self.held_out) >= 0, shared)

    def closeness(
        self,
        comparison: Comparison,
        search: Search,
        other: TrainingIndex,
        rng: np.random.Generator,
        *,
        references: References | None = None,
    ) -> Closeness:
        """How close samples are to train and, if chance does not explain it, how close a fitted Gaussian would be.

        Args:
            comparison: with the training set.
            search: of the samples in it.
            other: an index of the held-out items.
            rng: for the references, permutations and bootstrap.
            references: what ``references`` gives, called only where it is needed.
        """
        index = comparison.index
        to_holdout = comparison.nearest(search.items, other, self.holdout)
        nearest = np.minimum(search.nearest.distances[:, 0], to_holdout.distances[:, 0])
        n = min(len(search.items), REFERENCE_SAMPLES)
        asked = references or (lambda: self.references(comparison, other, n, rng))
        return closeness(self._votes(search.nearest, to_holdout), self._n_units(index, other), asked, nearest, rng)

    def references(
        self, comparison: Comparison, other: TrainingIndex, n: int, rng: np.random.Generator
    ) -> tuple[Votes, Float[np.ndarray, " blurs"]]:
        """The votes of so many samples of a Gaussian fitted to train, and the share of blurred training items."""
        index = comparison.index
        # A Gaussian may be fitted in two ways: neither is a memorizer.
        fitted = (self._reference(comparison, other, each) for each in fitted_gaussians(self.train.array, n, rng))
        closest = max(fitted, key=lambda votes: votes.share)
        return closest, blurred_shares(index.train, other.train, index.neighbour_distance, BLURRED, rng)

    def _reference(self, comparison: Comparison, other: TrainingIndex, array: Array) -> Votes:
        fitted = comparison.search(Dataset(array, "reference", self.train.value_range))
        return self._votes(fitted.nearest, comparison.nearest(fitted.items, other, self.holdout))

    def _votes(self, to_train: Nearest, to_holdout: Nearest) -> Votes:
        multiplicities = self.repeated.multiplicity, self.held_out.multiplicity
        return cast_votes(to_train, to_holdout, *multiplicities, self.classes, self.groups)

    def _n_units(self, index: TrainingIndex, other: TrainingIndex) -> Int[np.ndarray, "strata 2"]:
        """How many units each stratum has in train and in the held-out set; of a unit the first item counts."""
        strata = [np.zeros(len(data), dtype=np.int64) for data in (self.train, self.holdout)]
        if self.classes is not None:
            strata = [self.classes.train, self.classes.holdout]
        n_strata = 1 if self.classes is None else len(self.classes.names)
        if self.groups is None:
            rows = [each.distinct for each in (index, other)]
            # Near-duplicates are counted by a sample of them, and thin all strata alike.
            shares = [each.n_units / len(each.distinct) for each in (index, other)]
        else:
            rows = [np.unique(groups, return_index=True)[1] for groups in (self.groups.train, self.groups.holdout)]
            shares = [1.0, 1.0]
        counts = [np.bincount(labels[units], minlength=n_strata) for labels, units in zip(strata, rows, strict=True)]
        return np.stack([np.round(n * share).astype(np.int64) for n, share in zip(counts, shares, strict=True)], axis=1)
