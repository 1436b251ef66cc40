"""Intervals for rates and their differences, valid at any count, zero included.

Clopper–Pearson inverts the exact binomial test: its coverage is at least 95 % for every true rate. The interval for a
difference of two independent rates combines theirs by Zou & Donner's (2008) square-and-add rule,

    p₁ − p₂ − √((p₁ − l₁)² + (u₂ − p₂)²)  to  p₁ − p₂ + √((u₁ − p₁)² + (p₂ − l₂)²),

Newcombe's (1998) method 10 with exact limits in place of Wilson's.
"""

import math
from dataclasses import dataclass

from scipy.special import betaincinv

LEVEL = 0.95
"""Confidence level of every interval in the library."""


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


def difference_interval(first: Rate, second: Rate) -> tuple[float, float]:
    """The square-and-add interval at 95 % for the difference of two independent rates, first − second."""
    (low_1, high_1), (low_2, high_2) = first.interval, second.interval
    difference = first.fraction - second.fraction
    below = math.hypot(first.fraction - low_1, high_2 - second.fraction)
    above = math.hypot(high_1 - first.fraction, second.fraction - low_2)
    return max(-1.0, difference - below), min(1.0, difference + above)


def samples_needed(resolution: float) -> int:
    """The fewest samples of which none flagged puts the rate below ``resolution``: 1 − (0.025)^{1/n} ≤ resolution."""
    return math.ceil(math.log((1 - LEVEL) / 2) / math.log1p(-resolution))
