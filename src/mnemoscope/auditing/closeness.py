"""Closeness: are samples drawn to the training items, more than to other items of the same law?

Training and held-out items are pooled; each sample votes for the item it is nearest to. S is the share of votes for
training items. A generator that knows nothing of *which* items were trained on would have voted as it did whatever the
labels: permuting them gives the exact law of S, with mean n/(n + m), for n and m units. Votes cluster on few items, so
S varies more than a binomial share would. Items that belong together are one unit and get one label.

Every fitted model knows something of its items, so a rejected null is not yet memorization. Where chance does not
explain S it is graded by

- the same share of a Gaussian fitted to the training items (``references``), with an interval for the difference by
  bootstrap over units, one pool for both;
- the *equivalent blur*: training items blurred by h typical distances between neighbours would be as close.

Where chance does explain S there is nothing to grade, and the searches of both references, which cost more than all the
rest, are not made.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float, Int

from mnemoscope.auditing.intervals import FAMILY_WISE, LEVEL
from mnemoscope.auditing.references import BLURS
from mnemoscope.auditing.votes import Votes

_PERMUTATIONS = 2000
_BOOTSTRAPS = 2000
_BINS = 5
_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)

References: TypeAlias = Callable[[], tuple[Votes, Float[np.ndarray, " blurs"]]]
"""Makes the votes of samples of a Gaussian fitted to the training items, and the share at each of ``BLURS``."""


@dataclass(frozen=True)
class Grade:
    """How much S says, against two yardsticks.

    Attributes:
        reference: S of a Gaussian fitted to the training items.
        excess_interval: 95 % interval of the samples' excess over it.
        p: one-sided, of no excess over it.
        blur: h, the equivalent blur; None where blurred training items are closer at every h that was tried.
        blur_interval: 95 %; an end is None where it lies beyond every h that was tried.
    """

    reference: float
    excess_interval: tuple[float, float]
    p: float
    blur: float | None
    blur_interval: tuple[float | None, float | None]


@dataclass(frozen=True)
class Closeness:
    """How near the samples are to the training items, against held-out items.

    Attributes:
        share: S, the share of samples whose nearest reference item is a training item.
        share_interval: its 95 % interval.
        expected: of a generator that knows nothing of which items were trained on.
        p: of the permutation test, one-sided.
        chance_spread: standard deviation of S over permutations.
        grade: how much that is; None where chance explains it, p > 5 %.
        attraction: S among the samples nearest to any reference item up to those furthest, in fifths.
        nearer_to_train: for each sample, the share of its vote that went to train.
    """

    share: float
    share_interval: tuple[float, float]
    expected: float
    p: float
    chance_spread: float
    grade: Grade | None
    attraction: tuple[float, ...]
    nearer_to_train: Float[np.ndarray, " samples"]

    @property
    def excess(self) -> float:
        """S less the reference's where it is graded, less what chance gives where it is not."""
        return self.share - (self.expected if self.grade is None else self.grade.reference)

    @property
    def p_drawn(self) -> float:
        """Of the samples being no closer than chance, or no closer than the fitted Gaussian."""
        return self.p if self.grade is None else max(self.p, self.grade.p)

    def to_dict(self) -> dict[str, Any]:
        """As in ``report.json``."""
        grade = self.grade
        return {
            "share": self.share,
            "share_interval": list(self.share_interval),
            "expected": self.expected,
            "p": self.p,
            "grade": grade
            and {
                "reference": grade.reference,
                "excess": self.excess,
                "excess_interval": list(grade.excess_interval),
                "p": grade.p,
                "blur": grade.blur,
                "blur_interval": list(grade.blur_interval),
            },
            "attraction": list(self.attraction),
        }


def closeness(
    votes: Votes,
    n_units: Int[np.ndarray, "strata 2"],
    references: References,
    distances: Float[np.ndarray, " samples"],
    rng: np.random.Generator,
) -> Closeness:
    """Test the votes; grade them if chance does not explain them.

    Args:
        votes: of the samples.
        n_units: how many units each stratum has in train and in the held-out set.
        references: called only where there is something to grade.
        distances: of the samples to their nearest reference item, for the attraction.
        rng: for permutations and bootstrap.
    """
    p = permutation_p(votes, n_units, rng)
    several, blurred = [votes], np.zeros(0)
    if p <= FAMILY_WISE:
        reference, blurred = references()
        several.append(reference)
    draws = bootstrap(several, rng)
    return Closeness(
        votes.share,
        interval_of(draws[0]),
        expected_share(votes, n_units),
        p,
        chance_spread(votes, n_units),
        graded([each.share for each in several], draws, blurred) if p <= FAMILY_WISE else None,
        attraction(votes.nearer_to_train, distances),
        votes.nearer_to_train,
    )


def interval_of(draws: Float[np.ndarray, " draws"]) -> tuple[float, float]:
    """The 95 % interval of a share, from its bootstrap."""
    low, high = np.quantile(draws, _TAILS)
    return float(low), float(high)


def attraction(nearer: Float[np.ndarray, " samples"], distances: Float[np.ndarray, " samples"]) -> tuple[float, ...]:
    """The share among the samples nearest to any reference item up to those furthest, in fifths."""
    order = np.array_split(np.argsort(distances, kind="stable"), _BINS)
    return tuple(float(nearer[part].mean()) for part in order if len(part))


def graded(shares: Sequence[float], draws: Float[np.ndarray, "2 draws"], blurred: Float[np.ndarray, " blurs"]) -> Grade:
    """Grade a share beside that of a fitted Gaussian, by the bootstraps of both and the shares at ``BLURS``."""
    (low, high), difference = np.quantile(draws[0], _TAILS), draws[0] - draws[1]
    least, most = np.quantile(difference, _TAILS)
    return Grade(
        shares[1],
        (float(least), float(most)),
        float((1 + np.sum(difference <= 0)) / (1 + len(difference))),
        equivalent_blur(shares[0], blurred),
        (equivalent_blur(float(high), blurred), equivalent_blur(float(low), blurred)),
    )


def expected_share(votes: Votes, n_units: Int[np.ndarray, "strata 2"]) -> float:
    """The mean of S over permutations: n/(n + m), averaged over strata by their votes."""
    in_train = n_units[:, 0] / np.maximum(n_units.sum(axis=1), 1)
    return float(np.sum(votes.count * in_train[votes.stratum]) / votes.count.sum())


def chance_spread(votes: Votes, n_units: Int[np.ndarray, "strata 2"]) -> float:
    """The standard deviation of S over permutations: of a sum drawn without replacement, in each stratum."""
    variance = 0.0
    for count, n, m in _strata(votes, n_units):
        total = n + m
        about_mean = float(np.sum(count**2)) - float(count.sum()) ** 2 / total
        variance += n * m / (total * max(total - 1, 1)) * about_mean
    return float(np.sqrt(variance) / votes.count.sum())


def permutation_p(votes: Votes, n_units: Int[np.ndarray, "strata 2"], rng: np.random.Generator) -> float:
    """One-sided p-value (b + 1)/(B + 1): labels dealt anew to all units.

    Of units with as many votes only their number in train matters, and these numbers are multivariate hypergeometric.
    """
    drawn = np.zeros(_PERMUTATIONS)
    for count, n, m in _strata(votes, n_units):
        drawn += dealt_sums(count, n, m, rng)
    return permutation_rank(float(votes.count[votes.is_train].sum()), drawn, float(votes.count.sum()))


def dealt_sums(
    values: Float[np.ndarray, " units"], n: int, m: int, rng: np.random.Generator
) -> Float[np.ndarray, " permutations"]:
    """Sums of the values of n units, drawn without replacement from n + m of which the others' values are zero."""
    different, alike = np.unique(values, return_counts=True)
    without = n + m - len(values)
    dealt = rng.multivariate_hypergeometric([*alike, without], n, _PERMUTATIONS, method="marginals")
    return np.asarray(dealt[:, :-1] @ different)


def permutation_rank(observed: float, drawn: Float[np.ndarray, " permutations"], size: float) -> float:
    """(b + 1)/(B + 1), b of B draws no smaller; sums may differ in the last digits of what adds up to ``size``."""
    return float((1 + np.sum(drawn >= observed - 1e-12 * size)) / (1 + len(drawn)))


def _strata(
    votes: Votes, n_units: Int[np.ndarray, "strata 2"]
) -> Iterator[tuple[Float[np.ndarray, " units"], int, int]]:
    """Of each stratum with votes those of its units that got any, and how many units it has in train and held out."""
    for stratum in np.unique(votes.stratum):
        inside = votes.stratum == stratum
        train = votes.is_train[inside]
        # A count of units that is an estimate may fall below what got votes.
        n, m = np.maximum(n_units[stratum], [train.sum(), (~train).sum()])
        yield votes.count[inside], int(n), int(m)


def bootstrap(several: Sequence[Votes], rng: np.random.Generator) -> Float[np.ndarray, "several draws"]:
    """Shares under Poisson weights of the units, the same weights for all.

    Of k units with the same votes the sum of the weights matters, which is Poisson with mean k.
    """
    unit = np.unique(np.concatenate([votes.unit for votes in several]))
    counts = np.zeros((len(unit), 2, len(several)))
    for column, votes in enumerate(several):
        place = np.searchsorted(unit, votes.unit)
        counts[place, 0, column] = np.where(votes.is_train, votes.count, 0)
        counts[place, 1, column] = votes.count
    # A draw without any vote says nothing: it is left where the votes are.
    return bootstrap_shares(counts, np.array([votes.share for votes in several]), rng)


def bootstrap_shares(
    counts: Float[np.ndarray, "units 2 several"], observed: Float[np.ndarray, " several"], rng: np.random.Generator
) -> Float[np.ndarray, "several draws"]:
    """Sums of the first counts over those of the second, under Poisson weights; ``observed`` where that is 0/0."""
    different, alike = np.unique(counts, axis=0, return_counts=True)
    weights = rng.poisson(alike, (_BOOTSTRAPS, len(alike))).astype(float)
    part, total = (weights @ different[:, place] for place in (0, 1))
    return np.where(total > 0, part / np.where(total > 0, total, 1), observed).T


def equivalent_blur(share: float, blurred: Float[np.ndarray, " blurs"]) -> float | None:
    """The blur at which training items are as close as ``share``; 0 where closer than at the least, None beyond."""
    falling = np.minimum.accumulate(blurred)
    if share >= falling[0]:
        return 0.0
    if share < falling[-1]:
        return None
    return float(np.exp(np.interp(-share, -falling, np.log(BLURS))))
