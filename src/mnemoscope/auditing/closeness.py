"""Closeness: are samples drawn to the training items, more than to other items of the same law?

Training and held-out items are pooled; each sample votes for the item it is nearest to. S is the share of votes for
training items. A generator that knows nothing of *which* items were trained on would have voted as it did whatever the
labels: permuting them gives the exact law of S, with mean n/(n + m), for n and m units. Votes cluster on few items, so
S varies more than a binomial share would. Items that belong together are one unit and get one label.

Every fitted model knows something of its items, so a rejected null is not yet memorization. S is graded by

- the same share of a Gaussian fitted to the training items (``references``), with an interval for the difference by
  bootstrap over units, one pool for both;
- the *equivalent blur*: training items blurred by h typical distances between neighbours would be as close.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mnemoscope.auditing.intervals import LEVEL
from mnemoscope.auditing.references import BLURS
from mnemoscope.auditing.votes import Votes

_PERMUTATIONS = 2000
_BOOTSTRAPS, _AT_ONCE = 2000, 100
_BINS = 5


@dataclass(frozen=True)
class Closeness:
    """How near the samples are to the training items, against held-out items and against two yardsticks.

    Attributes:
        share: S, the share of samples whose nearest reference item is a training item.
        expected: of a generator that knows nothing of which items were trained on.
        p: of the permutation test, one-sided.
        reference: S of a Gaussian fitted to the training items.
        excess_interval: 95 % interval of the excess over it.
        p_reference: one-sided, of no excess over it.
        blur: h, the equivalent blur; None where blurred training items are closer at every h that was tried.
        blur_interval: 95 %; an end is None where it lies beyond every h that was tried.
        attraction: S among the samples nearest to any reference item up to those furthest, in fifths.
        nearer_to_train: for each sample, the share of its vote that went to train.
    """

    share: float
    expected: float
    p: float
    reference: float
    excess_interval: tuple[float, float]
    p_reference: float
    blur: float | None
    blur_interval: tuple[float | None, float | None]
    attraction: tuple[float, ...]
    nearer_to_train: Float[np.ndarray, " samples"]

    @property
    def excess(self) -> float:
        """S less the reference's."""
        return self.share - self.reference

    @property
    def p_drawn(self) -> float:
        """Of the samples being no closer than chance, or no closer than the fitted Gaussian."""
        return max(self.p, self.p_reference)

    def to_dict(self) -> dict[str, Any]:
        """As in ``report.json``."""
        return {
            "share": self.share,
            "expected": self.expected,
            "p": self.p,
            "reference": self.reference,
            "excess": self.excess,
            "excess_interval": list(self.excess_interval),
            "p_reference": self.p_reference,
            "blur": self.blur,
            "blur_interval": list(self.blur_interval),
            "attraction": list(self.attraction),
        }


def closeness(
    votes: Votes,
    reference: Votes,
    n_units: Int[np.ndarray, "strata 2"],
    blurred: Float[np.ndarray, " blurs"],
    distances: Float[np.ndarray, " samples"],
    rng: np.random.Generator,
) -> Closeness:
    """Test and grade the votes.

    Args:
        votes: of the samples.
        reference: of samples of a Gaussian fitted to the training items.
        n_units: how many units each stratum has in train and in the held-out set.
        blurred: the share at each of ``BLURS``.
        distances: of the samples to their nearest reference item, for the attraction.
        rng: for permutations and bootstrap.
    """
    share = votes.share
    draws, reference_draws = bootstrap([votes, reference], rng)
    tails = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
    low, high = np.quantile(draws, tails)
    difference = draws - reference_draws
    least, most = np.quantile(difference, tails)
    order = np.array_split(np.argsort(distances, kind="stable"), _BINS)
    return Closeness(
        share,
        expected_share(votes, n_units),
        permutation_p(votes, n_units, rng),
        reference.share,
        (float(least), float(most)),
        float((1 + np.sum(difference <= 0)) / (1 + len(difference))),
        equivalent_blur(share, blurred),
        (equivalent_blur(float(high), blurred), equivalent_blur(float(low), blurred)),
        tuple(float(votes.nearer_to_train[part].mean()) for part in order if len(part)),
        votes.nearer_to_train,
    )


def expected_share(votes: Votes, n_units: Int[np.ndarray, "strata 2"]) -> float:
    """The mean of S over permutations: n/(n + m), averaged over strata by their votes."""
    in_train = n_units[:, 0] / np.maximum(n_units.sum(axis=1), 1)
    return float(np.sum(votes.count * in_train[votes.stratum]) / votes.count.sum())


def permutation_p(votes: Votes, n_units: Int[np.ndarray, "strata 2"], rng: np.random.Generator) -> float:
    """One-sided p-value (b + 1)/(B + 1): labels dealt anew to all units, of which only those with votes matter."""
    drawn = np.zeros(_PERMUTATIONS)
    for stratum in np.unique(votes.stratum):
        inside = votes.stratum == stratum
        count, train = votes.count[inside], votes.is_train[inside]
        # A count of units that is an estimate may fall below what got votes.
        n_train, n_holdout = max(n_units[stratum, 0], train.sum()), max(n_units[stratum, 1], (~train).sum())
        labelled = rng.hypergeometric(n_train, n_holdout, len(count), _PERMUTATIONS)
        drawn += np.array([rng.permutation(count)[:k].sum() for k in labelled])
    observed = votes.count[votes.is_train].sum()
    # Sums of the same votes in another order may differ in the last digits.
    return float((1 + np.sum(drawn >= observed * (1 - 1e-12))) / (1 + _PERMUTATIONS))


def bootstrap(several: Sequence[Votes], rng: np.random.Generator) -> Float[np.ndarray, "several draws"]:
    """Shares under Poisson weights of the units, the same weights for all."""
    unit = np.unique(np.concatenate([votes.unit for votes in several]))
    train, total = np.zeros((2, len(unit), len(several)))
    for column, votes in enumerate(several):
        place = np.searchsorted(unit, votes.unit)
        total[place, column] = votes.count
        train[place, column] = np.where(votes.is_train, votes.count, 0)
    shares = []
    for _ in range(_BOOTSTRAPS // _AT_ONCE):
        weights = rng.poisson(1.0, (_AT_ONCE, len(unit))).astype(float)
        drawn = weights @ total
        # A draw without any vote says nothing: it is left where the votes are.
        observed = np.array([votes.share for votes in several])
        shares.append(np.where(drawn > 0, (weights @ train) / np.where(drawn > 0, drawn, 1), observed))
    return np.concatenate(shares).T


def equivalent_blur(share: float, blurred: Float[np.ndarray, " blurs"]) -> float | None:
    """The blur at which training items are as close as ``share``; 0 where closer than at the least, None beyond."""
    falling = np.minimum.accumulate(blurred)
    if share >= falling[0]:
        return 0.0
    if share < falling[-1]:
        return None
    return float(np.exp(np.interp(-share, -falling, np.log(BLURS))))
