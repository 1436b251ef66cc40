"""Samples that are identical to a training item: evidence of its own kind, too rare for a rate of copies to notice.

In continuous data one is too many; in discrete data honest samples meet training items too, as often as held-out items
do. The test of "no more often than the null" is Fisher's, exact given all identical items. It can say little where the
null has none. But where no item of the data repeats another and values are fine, coincidences do not happen: with
neighbours a distance r apart in d intrinsic dimensions and values in steps of δ, n samples meet training items about
n (δ/r)^d times. That expectation bounds the probability of one, and is the p-value then. Items that have one value
throughout, as blank frames, are no such evidence.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from scipy.stats import hypergeom

from mnemoscope.auditing.intervals import Rate, difference_interval
from mnemoscope.data.arrays import Array

_VALUES = 10_000


@dataclass(frozen=True)
class Identical:
    """Samples that are identical to a training item, beside what the null leads one to expect.

    Attributes:
        rate: identical samples among all.
        distinct: training items that they are identical to; items that repeat each other count once.
        null: items of the null identical to a (other) training item.
        coincidences: how many to expect where no item repeats another; None where some do, or all identical samples
            have one value throughout.
        effective: how many independent items those of the null are worth: of training items that are left out, two
            that are identical both count.
    """

    rate: Rate
    distinct: int
    null: Rate
    coincidences: float | None
    effective: float

    @classmethod
    def find(
        cls,
        rows: Int[np.ndarray, " samples"],
        null: Bool[np.ndarray, " null"],
        coincidences: float | None,
        effective: float | None = None,
    ) -> "Identical":
        """From each sample's identical training item, −1 for none, and which items of the null have one."""
        same = rows >= 0
        return cls(
            Rate(int(same.sum()), len(rows)),
            len(np.unique(rows[same])),
            Rate(int(null.sum()), len(null)),
            None if null.any() else coincidences,
            len(null) if effective is None else effective,
        )

    @property
    def expected(self) -> float:
        """Identical samples that the null leads one to expect: its rate times the number of samples."""
        return self.null.fraction * self.rate.total

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the difference between the rate of identical samples and that of the null."""
        return difference_interval(self.rate, self.null.thinned(self.effective))

    @property
    def p(self) -> float:
        """One-sided, of no more than the null explains."""
        count, n, null = self.rate.count, self.rate.total, self.null.thinned(self.effective)
        if count == 0:
            return 1.0
        fisher = float(hypergeom.sf(count - 1, n + null.total, count + null.count, n))
        return fisher if self.coincidences is None else min(fisher, self.coincidences)

    @property
    def unexplained(self) -> bool:
        """Whether there are some where the null has none: too few to accuse, but no acquittal."""
        return self.rate.count > 0 and self.null.count == 0

    @property
    def sentence(self) -> str:
        """Count, distinct training items and expected number in words."""
        count, total = self.rate.count, self.rate.total
        distinct = f" ({self.distinct:,} distinct)" if count else ""
        return (
            f"{count:,} of {total:,} samples {'is' if count == 1 else 'are'} identical to a training item{distinct}; "
            f"{self.expected:.3g} expected from the null"
        )

    def to_dict(self) -> dict[str, Any]:
        """As in ``report.json``."""
        return {
            "count": self.rate.count,
            "distinct": self.distinct,
            "expected": self.expected,
            "interval": list(self.interval),
            "p": self.p,
        }


def expected_coincidences(n: int, train: Array, spacing: float, dimension: float | None) -> float:
    """N (δ/r)^d, at most n: how many of n samples meet a training item by chance, if values come in steps of δ.

    Args:
        n: number of samples.
        train: shape ``(n_train, *event)``; δ is read off its first values.
        spacing: r, the typical distance between neighbours.
        dimension: d, the intrinsic dimension; None where it is not known.
    """
    rows = max(1, _VALUES // max(1, train[0].size))
    values = np.unique(train[:rows].astype(np.float64))
    steps = np.diff(values)
    # Rounding apart: 0.1 + 0.2 and 0.3 are one value.
    steps = steps[steps > 1e-9 * np.ptp(values)] if len(steps) else steps
    if dimension is None or spacing <= 0 or not len(steps):
        return float(n)
    return float(n * min(1.0, steps.min() / spacing) ** dimension)


def is_constant(array: Array, rows: Int[np.ndarray, " rows"]) -> Bool[np.ndarray, " rows"]:
    """Which of these items have one value throughout."""
    chosen = array[rows].reshape(len(rows), -1)
    return np.asarray((chosen == chosen[:, :1]).all(axis=1))
