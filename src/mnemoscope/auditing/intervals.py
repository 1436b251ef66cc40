"""Intervals for rates and their differences, valid at any count, zero included; and Student's, of a mean.

Clopper–Pearson inverts the exact binomial test: its coverage is at least 95 % for every true rate. The interval for a
difference of two independent rates combines theirs by Zou & Donner's (2008) square-and-add rule,

    p₁ − p₂ − √((p₁ − l₁)² + (u₂ − p₂)²)  to  p₁ − p₂ + √((u₁ − p₁)² + (p₂ − l₂)²),

Newcombe's (1998) method 10 with exact limits in place of Wilson's. Two rates of the same items are correlated, with r,
and 2 r (p₁ − l₁)(u₂ − p₂), and 2 r (u₁ − p₁)(p₂ − l₂), come off under the roots.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import betaincinv, stdtrit

LEVEL = 0.95
"""Confidence level of every interval in the library."""

FAMILY_WISE = 0.05
"""Probability, at most, that honest samples fail any of an audit's tests."""


@dataclass(frozen=True)
class Rate:
    """``count`` of ``total`` with its Clopper–Pearson interval at 95 %."""

    count: int
    total: int

    @property
    def fraction(self) -> float:
        """Count / total."""
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """The Clopper–Pearson interval."""
        return clopper_pearson(self.count, self.total)

    def thinned(self, total: float) -> "Rate":
        """The same rate from fewer items: what dependent ones are worth. The count is rounded up."""
        total = min(self.total, max(1, math.floor(total)))
        return self if total == self.total else Rate(math.ceil(self.count * total / self.total), total)


def clopper_pearson(count: int, total: int) -> tuple[float, float]:
    """The exact binomial interval at 95 % for ``count`` successes in ``total`` trials (Clopper & Pearson 1934)."""
    tail = (1 - LEVEL) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, total - count + 1, tail))
    high = 1.0 if count == total else float(betaincinv(count + 1, total - count, 1 - tail))
    return low, high


def student_error(values: Float[np.ndarray, " n"], at_once: int = 1) -> float:
    """Half-width of Student's interval for the mean of independent values, NaN of fewer than two.

    Args:
        values: what the mean is of.
        at_once: so many such intervals cover together with 95 % (Bonferroni).
    """
    n = len(values)
    if n <= 1:
        return math.nan
    quantile = float(stdtrit(n - 1, 1 - (1 - LEVEL) / (2 * at_once)))
    return quantile * float(values.std(ddof=1)) / math.sqrt(n)


def difference_interval(first: Rate, second: Rate) -> tuple[float, float]:
    """The square-and-add interval at 95 % for the difference of two independent rates, first − second."""
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    difference = first.fraction - second.fraction
    below = math.hypot(first.fraction - low_1, high_2 - second.fraction)
    above = math.hypot(high_1 - first.fraction, second.fraction - low_2)
    return max(-1.0, difference - below), min(1.0, difference + above)


def paired_difference_interval(
    first: Float[np.ndarray, " items"], second: Float[np.ndarray, " items"]
) -> tuple[float, float]:
    """The square-and-add interval at 95 % for the difference of two rates of the same items, first − second.

    Args:
        first: for each item whether it counts, 0 or 1, or a share.
        second: the same in the other respect.
    """
    rates = [Rate(round(float(values.sum())), len(values)) for values in (first, second)]
    (low_1, high_1), (low_2, high_2) = (rate.interval for rate in rates)
    p_1, p_2 = float(first.mean()), float(second.mean())
    spread = float(first.std() * second.std())
    r = float(np.mean((first - p_1) * (second - p_2))) / spread if spread > 0 else 0.0
    below = (p_1 - low_1) ** 2 + (high_2 - p_2) ** 2 - 2 * r * (p_1 - low_1) * (high_2 - p_2)
    above = (high_1 - p_1) ** 2 + (p_2 - low_2) ** 2 - 2 * r * (high_1 - p_1) * (p_2 - low_2)
    difference = p_1 - p_2
    return max(-1.0, difference - math.sqrt(max(0.0, below))), min(1.0, difference + math.sqrt(max(0.0, above)))


def samples_needed(resolution: float) -> int:
    """The fewest samples of which none flagged puts the rate below ``resolution``: 1 − (0.025)^{1/n} ≤ resolution."""
    return math.ceil(math.log((1 - LEVEL) / 2) / math.log1p(-resolution))
