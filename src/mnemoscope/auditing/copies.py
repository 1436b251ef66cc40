"""Calibrated copies: the threshold of a copy score comes from the null.

A fixed threshold means something else in every data set. Let s be a copy score, smaller for what is more like a copy,
s₁ … s_n the samples' and z₁ … z_m those of honest items that entered the comparison in the same way. If a sample is
honest, its score has the law of the z, whatever law and dimension the data have. Hence

- the conformal p-value of a sample, p_i = (1 + #{z ≤ s_i})/(m + 1);
- the list of copies: Benjamini–Hochberg on the p_i at 5 %, valid although they share the z (Bates, Candès, Lei, Romano
  & Sesia 2023): in the mean at most 5 % of the listed are false;
- the share of copies: with F_n the distribution function of the p_i, a share π of anything at all leaves
  F_n(t) ≤ π + (1 − π) G(t), so (F_n(t) − t − c · sd(t))/(1 − t) is below π at all t ≤ ½ together, with probability
  95 %, for sd² = t(1 − t)(1/n + 1/m) and c the 95 % quantile of sup (G_n(t) − t)/sd(t) over honest samples, simulated
  for this n and m (after Meinshausen & Rice 2006). It proves copies where no single one can be listed. The same
  supremum, at the samples, gives the p-value of the test that there are none.

Honest items that lean on each other are worth fewer, m' < m, independent ones. Of m/2 equal pairs the two smallest
scores are one: the probability of falling below them is 1/(m' + 1), twice what one would think. So each item then
counts m'/m, p_i = (1 + (m'/m) #{z ≤ s_i})/(m' + 1).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import gammaln
from scipy.stats import beta, false_discovery_control

FALSE_DISCOVERY_RATE = 0.05
"""Of the listed samples at most this share is false, in the mean."""

DRAWS = 4000
"""Of the simulation of c."""

_CONFIDENCE = 0.95
_LARGEST_T = 0.5
_LEVELS = 48


def conformal_p_values(
    scores: Float[np.ndarray, " samples"], null: Float[np.ndarray, " null"], effective: float | None = None
) -> Float[np.ndarray, " samples"]:
    """(1 + the number of null scores up to each score)/(m + 1), the number in units of what each item is worth."""
    m = len(null) if effective is None else effective
    below = np.searchsorted(np.sort(null), scores, side="right") / len(null)
    return np.asarray((1 + m * below) / (m + 1))


@dataclass(frozen=True)
class Copies:
    """Samples whose copy scores honest items do not have.

    Attributes:
        score: name of the copy score.
        null_source: where the honest items come from.
        p_values: conformal, one a sample.
        listed: the samples in the list of copies.
        share_lower: 95 % lower bound on the share of copies.
        p: of the test that there are none.
        detectable: the smallest share of copies nearer than every honest item which that test finds in 95 % of cases;
            1 or more where these numbers of samples and honest items can find none.
    """

    score: str
    null_source: str
    p_values: Float[np.ndarray, " samples"]
    listed: Bool[np.ndarray, " samples"]
    share_lower: float
    p: float
    detectable: float

    def to_dict(self) -> dict[str, Any]:
        """As in ``report.json``."""
        return {
            "score": self.score,
            "null": self.null_source,
            "listed": int(self.listed.sum()),
            "fdr": FALSE_DISCOVERY_RATE,
            "share_lower": self.share_lower,
            "p": self.p,
            "detectable": self.detectable,
        }


def calibrated(
    score: str,
    null_source: str,
    scores: Float[np.ndarray, " samples"],
    null: Float[np.ndarray, " null"],
    rng: np.random.Generator,
    *,
    samples_worth: float | None = None,
    null_worth: float | None = None,
    draws: int = DRAWS,
) -> Copies:
    """Calibrate a copy score by the scores of honest items.

    Args:
        score: its name.
        null_source: where the honest items come from.
        scores: of the samples, smaller for what is more like a copy.
        null: of the honest items.
        rng: for the simulation of c.
        samples_worth: how many independent items the samples are worth, if fewer than they are.
        null_worth: the same for the honest items.
        draws: of the simulation; no p-value is below 1/(draws + 1).
    """
    n = len(scores) if samples_worth is None else max(1, round(min(samples_worth, len(scores))))
    m = len(null) if null_worth is None else min(null_worth, len(null))
    p_values = conformal_p_values(scores, null, m)
    listed = false_discovery_control(p_values, method="bh") <= FALSE_DISCOVERY_RATE
    ranks = _ranks(len(null))
    t = (1 + (ranks - 1) * (m / len(null))) / (m + 1)
    sd, law, c = _simulated(t, n, m, rng, draws)
    # A p-value is at most (1 + (k − 1) m'/m)/(m' + 1) if the score is below the k-th of the null.
    share = np.searchsorted(np.sort(scores), np.sort(null)[ranks - 1], side="left") / len(scores)
    return Copies(
        score,
        null_source,
        p_values,
        np.asarray(listed),
        float(max(0.0, np.max((share - t - c * sd) / (1 - t)))),
        float((1 + np.sum(law >= np.max((share - t) / sd))) / (1 + len(law))),
        _detectable(n, float(t[0] + c * sd[0])),
    )


def below_all_p(
    scores: Float[np.ndarray, " samples"], null: Float[np.ndarray, " null"], samples_worth: float, null_worth: float
) -> float:
    """The probability that as many honest samples fall below every honest item: exact, however small.

    That the c smallest of n + m scores in random order are all of samples has probability C(n + m − c, m)/C(n + m, m).

    Args:
        scores: of the samples.
        null: of the honest items.
        samples_worth: how many independent items the samples are worth, n.
        null_worth: the same for the honest items, m.
    """
    n, m = min(samples_worth, len(scores)), min(null_worth, len(null))
    c = np.floor(n * np.mean(scores < null.min()) + 1e-9)
    return float(np.exp(gammaln(n + m - c + 1) - gammaln(n - c + 1) - gammaln(n + m + 1) + gammaln(n + 1)))


def numbers_needed(
    share: float, n: int, m: float, rng: np.random.Generator, most: float = 1024
) -> tuple[int, int] | None:
    """How many samples and honest items find such a share of copies in 95 % of cases, if both grow in proportion.

    Args:
        share: of copies nearer than every honest item.
        n: samples at hand.
        m: honest items at hand, or what they are worth.
        rng: for the simulations.
        most: growth beyond which the search is given up, and None returned.
    """
    for factor in np.geomspace(1, most, 21):
        samples, items = int(np.ceil(n * factor)), int(np.ceil(m * factor))
        t = _ranks(items) / (items + 1)
        sd, _, c = _simulated(t, samples, items, rng)
        if _detectable(samples, float(t[0] + c * sd[0])) <= share:
            return samples, items
    return None


def _simulated(
    t: Float[np.ndarray, " levels"], n: int, m: float, rng: np.random.Generator, draws: int = DRAWS
) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " draws"], float]:
    """The standard deviation at each level, the law of the supremum over honest samples, and its 95 % quantile c."""
    sd = np.sqrt(t * (1 - t) * (1 / n + 1 / m))
    law = _honest_suprema(t, sd, n, m, rng, draws)
    return sd, law, float(np.quantile(law, _CONFIDENCE, method="higher"))


def _ranks(m: int) -> Int[np.ndarray, " levels"]:
    """Ranks in the null at which the distribution functions are compared, dense where they are small."""
    return np.unique(np.geomspace(1, max(1, int(_LARGEST_T * (m + 1))), _LEVELS).astype(np.int64))


def _honest_suprema(
    t: Float[np.ndarray, " levels"],
    sd: Float[np.ndarray, " levels"],
    n: int,
    m: float,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Float[np.ndarray, " draws"]:
    """Draws of sup (G_n − t)/sd: uniform order statistics of the null, and how many of n uniforms lie below each."""
    steps = np.diff(t, prepend=0, append=1) * (m + 1)
    gaps = rng.standard_gamma(steps, (draws, len(steps)))
    counts = rng.multinomial(n, gaps / gaps.sum(axis=1, keepdims=True))[:, :-1]
    return np.asarray(np.max((np.cumsum(counts, axis=1) / n - t) / sd, axis=1))


def _detectable(n: int, needed: float) -> float:
    """The share of copies of which a sample of n holds more than the share ``needed``, in 95 % of cases."""
    count = int(np.floor(needed * n + 1e-9)) + 1
    return float(beta.ppf(_CONFIDENCE, count, n - count + 1)) if count <= n else float(needed)
