"""Membership: can items that were trained on be told from held-out ones by a statistic of the model?

The area under the ROC curve is the probability that a training item scores lower than a held-out one,

    A = P(s < z) + ½ P(s = z),

which the Mann–Whitney statistic estimates; ½ is its null: the items are exchangeable while the model knows nothing of
which were trained on. The interval inverts |Â − A| = z √V(A), with

    V(A) = A (1 − A) [1 + (N − 1) ((1 − A)/(2 − A) + A/(1 + A))] / (n m),    N = (n + m)/2

(Newcombe 2006, method 5, after Hanley & McNeil 1982). At A = ½ and n = m this is the exact variance of the null, and
the interval has a width at 0 and 1, where those from estimated variances have none. Scores that share their noise by
pairs, one of train and one held out, are positively correlated: their A varies less, and the interval covers more than
it says.

Differences of paired scores have a t interval; ratios of their means one by the delta method.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit
from scipy.stats import rankdata

from mnemoscope.auditing.intervals import LEVEL

CHANCE = 0.5
"""The area under the curve where nothing tells."""

_TAIL = (1 - LEVEL) / 2


@dataclass(frozen=True)
class Signal:
    """A number with its 95 % interval, beside what it would be if the model knew nothing of its training items.

    Attributes:
        value: as estimated.
        interval: 95 %.
        null: what a model gives that does not know which items were trained on.
    """

    value: float
    interval: tuple[float, float]
    null: float

    def to_dict(self) -> dict[str, object]:
        """As in the file of records."""
        return {"value": self.value, "interval": list(self.interval), "null": self.null}


def area(train: Float[np.ndarray, " n_train"], holdout: Float[np.ndarray, " n_holdout"]) -> float:
    """How often a training item scores lower than a held-out one, ties by halves."""
    n, m = len(train), len(holdout)
    below = rankdata(np.concatenate([train, holdout]))[:n].sum() - n * (n + 1) / 2
    return float(1 - below / (n * m))


def area_bound(found: float, n: int, m: int, error: float, *, upper: bool = False) -> float:
    """The one-sided confidence bound of an area that is wrong with probability ``error``.

    Args:
        found: the area of n training and m held-out items.
        n: training items.
        m: held-out items.
        error: of the bound, below ½.
        upper: whether it bounds from above.
    """
    if upper:
        return 1 - area_bound(1 - found, n, m, error)
    if found <= 0:
        return 0.0
    z = -float(ndtri(error))

    def beyond(a: float) -> float:
        spread = 1 + ((n + m) / 2 - 1) * ((1 - a) / (2 - a) + a / (1 + a))
        # Over √(1 − a), which both sides have as a factor where found is 1: else the root would be found there.
        if found == 1:
            return math.sqrt(1 - a) - z * math.sqrt(a * spread / (n * m))
        return found - a - z * math.sqrt(a * (1 - a) * spread / (n * m))

    return float(brentq(beyond, 0.0, found))


def membership(train: Float[np.ndarray, " n_train"], holdout: Float[np.ndarray, " n_holdout"]) -> Signal:
    """The area with its interval."""
    found, n, m = area(train, holdout), len(train), len(holdout)
    low, high = (area_bound(found, n, m, _TAIL, upper=upper) for upper in (False, True))
    return Signal(found, (low, high), CHANCE)


def paired_gap(train: Float[np.ndarray, " pairs"], holdout: Float[np.ndarray, " pairs"]) -> Signal:
    """The mean of holdout − train over pairs, with its t interval."""
    difference = holdout - train
    return _around(float(difference.mean()), difference)


def paired_share(train: Float[np.ndarray, " pairs"], holdout: Float[np.ndarray, " pairs"]) -> Signal:
    """1 − mean(train)/mean(holdout) over pairs: 0 where both are alike, 1 where train is zero; by the delta method.

    Where both are zero nothing is known, and the interval is [−1, 1].
    """
    mean = float(holdout.mean())
    if mean <= 0:
        return Signal(0.0, (-1.0, 1.0), 0.0)
    ratio = float(train.mean()) / mean
    found = _around(1 - ratio, (ratio * holdout - train) / mean)
    return Signal(found.value, (found.interval[0], min(1.0, found.interval[1])), 0.0)


def share_bound(found: Signal, pairs: int, error: float) -> float:
    """The one-sided lower bound of a ``paired_share`` of so many pairs that is wrong with probability ``error``."""
    spread = (found.value - found.interval[0]) / -stdtrit(pairs - 1, _TAIL)
    return float(found.value + stdtrit(pairs - 1, error) * spread)


def _around(value: float, parts: Float[np.ndarray, " pairs"]) -> Signal:
    half = float(-stdtrit(len(parts) - 1, _TAIL) * parts.std(ddof=1) / math.sqrt(len(parts)))
    return Signal(value, (value - half, value + half), 0.0)
