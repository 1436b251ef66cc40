"""Closeness of two models, each trained on one half of a random split: are samples nearer to the own half?

Every item has a label, its half, that the split dealt and nothing else did. Each sample votes for the item of the whole
data that it is nearest to; identical items share a vote evenly. With a_i and b_i the votes that item i gets from the
samples of the two models, the share of samples that are nearer to the half that their own model was trained on is

    S = (Σ_{i in A} a_i + Σ_{i in B} b_i) / Σ_i (a_i + b_i) = const + Σ_{i in A} (a_i − b_i) / Σ_i (a_i + b_i),

the statistic of ``closeness`` for both models at once, each half the held-out set of the other model. Models that know
nothing of which items they were trained on give the same votes whatever the labels: dealing them anew, the sizes of the
halves kept, gives the exact law of S. Nothing is assumed of the items: those that repeat each other, or belong together
(a patient, a video), were dealt one by one as well. What both models have in common cancels in a_i − b_i, votes for
hubs above all.

It is graded as in ``closeness``: by Gaussians fitted to each half, and by blurred items of each half.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from mnemoscope.auditing.closeness import (
    Closeness,
    attraction,
    bootstrap_shares,
    dealt_sums,
    graded,
    interval_of,
    permutation_rank,
)
from mnemoscope.auditing.intervals import FAMILY_WISE
from mnemoscope.auditing.nearest import TrainingIndex
from mnemoscope.auditing.pool import BLURRED, REFERENCE_SAMPLES
from mnemoscope.auditing.references import blurred_shares, fitted_gaussians
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.data import Halves
from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError
from mnemoscope.neighbours import nearest_neighbours


class _Votes(NamedTuple):
    """Votes of the samples of both models.

    Attributes:
        counts: for each item its votes from the first and from the second model.
        own: for each sample of the first and then of the second model, the share of its vote that went to its half.
        distances: of the same samples to their nearest items.
    """

    counts: Float[np.ndarray, "2 items"]
    own: Float[np.ndarray, " samples"]
    distances: Float[np.ndarray, " samples"]


class OwnHalf:
    """The test, against one split.

    Args:
        halves: the split.
        rng: for the references, permutations and bootstrap.
        progress: show bars.

    Raises:
        InputError: a half without two distinct items.
    """

    def __init__(self, halves: Halves, rng: np.random.Generator, *, progress: bool = False) -> None:
        self.halves, self._rng, self._progress = halves, rng, progress
        self._items, self._repeated = halves.data.array, Repeated(halves.data.array)
        for name, where in (("A", halves.in_a), ("B", ~halves.in_a)):
            if len(np.unique(self._repeated.first[where])) < 2:
                raise InputError(f"{halves.data.name}: half {name} needs at least 2 distinct items")

    @property
    def shared(self) -> int:
        """How many distinct items are in both halves."""
        first, in_a = self._repeated.first, self.halves.in_a
        return len(np.intersect1d(first[in_a], first[~in_a]))

    def test(self, first: Array, second: Array) -> Closeness:
        """How close samples of the model of half A, and as many of that of half B, are to their own halves.

        Args:
            first: samples of the model of half A, shape ``(samples, *event)``.
            second: of the model of half B.
        """
        votes, rng = self._votes(first, second), self._rng
        in_a, n_a = self.halves.in_a, int(self.halves.in_a.sum())
        difference, total = votes.counts[0] - votes.counts[1], float(votes.counts.sum())
        n, n_b = len(difference), len(difference) - n_a
        drawn = dealt_sums(difference[difference != 0], n_a, n_b, rng)
        p = permutation_rank(float(difference[in_a].sum()), drawn, float(np.abs(difference).sum()))
        several, blurred = [votes], np.zeros(0)
        if p <= FAMILY_WISE:
            several.append(self._gaussians(min(len(first), REFERENCE_SAMPLES)))
            blurred = self._blurred()
        shares = [self._share(each) for each in several]
        draws = bootstrap_shares(self._by_unit(several), np.array(shares), rng)
        about_mean = float(np.sum(difference**2)) - float(difference.sum()) ** 2 / n
        return Closeness(
            shares[0],
            interval_of(draws[0]),
            float(n_a / n * difference.sum() + votes.counts[1].sum()) / total,
            p,
            float(np.sqrt(n_a * n_b / (n * (n - 1)) * max(about_mean, 0.0))) / total,
            graded(shares, draws, blurred) if p <= FAMILY_WISE else None,
            attraction(votes.own, votes.distances),
            votes.own,
        )

    def _votes(self, first: Array, second: Array) -> _Votes:
        repeated, in_a = self._repeated, self.halves.in_a
        ignore = repeated.first != np.arange(len(repeated.first)) if repeated.redundant else None
        copies = np.bincount(repeated.first, minlength=len(in_a))
        copies_in_a = np.bincount(repeated.first[in_a], minlength=len(in_a))
        counts, own, distances = [], [], []
        for samples, where in ((first, copies_in_a), (second, copies - copies_in_a)):
            found = nearest_neighbours(samples, self._items, 1, ignore=ignore, progress=self._progress)
            rows = found.indices[:, 0]
            counts.append(np.bincount(rows, minlength=len(in_a))[repeated.first] / copies[repeated.first])
            own.append(where[rows] / copies[rows])
            distances.append(found.distances[:, 0])
        return _Votes(np.stack(counts), np.concatenate(own), np.concatenate(distances))

    def _share(self, votes: _Votes) -> float:
        return float(self._own(votes).sum() / votes.counts.sum())

    def _own(self, votes: _Votes) -> Float[np.ndarray, " items"]:
        return np.asarray(np.where(self.halves.in_a, votes.counts[0], votes.counts[1]))

    def _by_unit(self, several: list[_Votes]) -> Float[np.ndarray, "items 2 several"]:
        """Own and all votes of each item; those of its repeats count for the first of them."""
        first, n = self._repeated.first, len(self._repeated.first)
        sums = [
            [np.bincount(first, weights=part, minlength=n) for part in (self._own(votes), votes.counts.sum(axis=0))]
            for votes in several
        ]
        return np.moveaxis(np.array(sums), (0, 1, 2), (2, 1, 0))

    def _gaussians(self, n: int) -> _Votes:
        """Votes of samples of Gaussians fitted to each half, in the way in which they are closer."""
        fitted = (fitted_gaussians(self._half(where), n, self._rng) for where in (self.halves.in_a, ~self.halves.in_a))
        return max((self._votes(a, b) for a, b in zip(*fitted, strict=False)), key=self._share)

    def _blurred(self) -> Float[np.ndarray, " blurs"]:
        parts = [self._half(where) for where in (self.halves.in_a, ~self.halves.in_a)]
        found = []
        for own, other in (parts, parts[::-1]):
            scale = TrainingIndex(own, Repeated(own).first, self._rng).neighbour_distance
            found.append(blurred_shares(own, other, scale, BLURRED, self._rng))
        return np.asarray(np.mean(found, axis=0))

    def _half(self, where: Bool[np.ndarray, " items"]) -> Array:
        return self._items[np.flatnonzero(where)]
