"""Identical items: repeats within the training set, samples that are training items, held-out items that are.

A sample at distance zero is evidence of its own kind, too rare for a rate of copies to notice. In continuous data one
is too many; in discrete data honest samples meet training items too, as often as held-out items do.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from scipy.stats import binom

from mnemoscope.auditing.intervals import Rate, difference_interval
from mnemoscope.auditing.nearest import Nearest
from mnemoscope.data import Dataset
from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError

_LEAK = 1e-3
"""Level of the test that tells a leak from repeats which belong to the data: it ends an audit, so it is strict."""

_NAMED = 3


def exact_duplicates(array: Array) -> Array:
    """For each item the index of its first identical item, by a 128-bit digest of values; shape ``(n_samples,)``."""
    first: dict[bytes, int] = {}
    # Adding zero turns -0.0, which rounded tables are full of, into the 0.0 that it equals.
    items = (np.ascontiguousarray(item + 0 if array.dtype.kind == "f" else item) for item in array)
    digests = (hashlib.blake2b(item.data, digest_size=16).digest() for item in items)
    return np.array([first.setdefault(digest, index) for index, digest in enumerate(digests)])


@dataclass(frozen=True)
class Duplicates:
    """Identical items of one set.

    Attributes:
        first: for each item the index of its first identical item.
    """

    first: Int[np.ndarray, " items"]

    @property
    def mask(self) -> Bool[np.ndarray, " items"]:
        """True for every item that repeats an earlier one."""
        return np.asarray(self.first != np.arange(len(self.first)))

    @property
    def redundant(self) -> int:
        """Items that repeat an earlier one."""
        return int(self.mask.sum())

    @property
    def clusters(self) -> int:
        """Groups of two or more identical items."""
        return len(self._sizes)

    @property
    def items(self) -> int:
        """Items in such groups."""
        return int(self._sizes.sum())

    @property
    def _sizes(self) -> Int[np.ndarray, " clusters"]:
        sizes = np.unique(self.first, return_counts=True)[1]
        return np.asarray(sizes[sizes > 1])


@dataclass(frozen=True)
class Identical:
    """Samples that are identical to a training item, beside what the null leads one to expect.

    Attributes:
        rate: identical samples among all.
        distinct: training items that they are identical to; items that repeat each other count once.
        null: held-out items identical to a training item. None where that cannot be known: without a held-out set, if
            training items repeat each other, an honest sample may or may not meet them.
        repeats: whether training items repeat each other.
    """

    rate: Rate
    distinct: int
    null: Rate | None
    repeats: bool

    @classmethod
    def find(cls, found: Nearest, null: Nearest, *, held_out: bool, repeats: bool) -> "Identical":
        """From the nearest training items of the samples and of the null."""
        same = found.distances[:, 0] == 0
        expected = Rate(int((null.distances[:, 0] == 0).sum()), len(null.distances))
        return cls(
            Rate(int(same.sum()), len(same)),
            len(np.unique(found.indices[same])),
            expected if held_out or not repeats else None,
            repeats,
        )

    @property
    def expected(self) -> float | None:
        """Identical samples that the null leads one to expect: its rate times the number of samples."""
        return None if self.null is None else self.null.fraction * self.rate.total

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the difference between the rate of identical samples and that of the null."""
        return None if self.null is None else difference_interval(self.rate, self.null)

    @property
    def beyond(self) -> bool | None:
        """Whether there are more than the null explains; None where these data cannot tell.

        The interval decides where the null has some, and where training items repeat each other. Where neither is so,
        identical items do not happen, and one sample is beyond.
        """
        if self.rate.count == 0:
            return False
        if self.null is None or self.interval is None:
            return None
        if self.interval[0] > 0 or (self.null.count == 0 and not self.repeats):
            return True
        return False if self.null.count else None

    @property
    def sentence(self) -> str:
        """Count, distinct training items and expected number in words."""
        count, total = self.rate.count, self.rate.total
        distinct = f" ({self.distinct:,} distinct)" if count else ""
        if self.expected is None:
            expected = "how many to expect is not known from train alone, which has repeated items: use a held-out set"
        else:
            expected = f"{self.expected:.3g} expected from the null"
        return (
            f"{count:,} of {total:,} samples {'is' if count == 1 else 'are'} identical to a training item{distinct}; "
            f"{expected}"
        )

    def to_dict(self) -> dict[str, Any]:
        """As in ``report.json``."""
        return {
            "count": self.rate.count,
            "distinct": self.distinct,
            "expected": self.expected,
            "interval": None if self.interval is None else list(self.interval),
        }


def check_disjoint(holdout: Dataset, train: Dataset, null: Nearest, duplicates: Duplicates) -> None:
    """That the held-out set was really kept from training, as far as identical items tell.

    Held-out items may equal training items only where repeats belong to the data, as in tables of integers: then the
    items of each set repeat each other too. If the two sets come from one law, their labels are exchangeable over all
    items, and a group of s identical ones falls on both sides with probability 1 − [C(n, s) + C(m, s)]/C(n + m, s).

    Raises:
        InputError: a held-out set that is the training set row by row; held-out items identical to training items where
            neither set repeats an item of its own, or in more groups than that chance explains (level 0.1 %).
    """
    same = np.flatnonzero(null.distances[:, 0] == 0)
    if len(same) == 0:
        return
    if len(same) == train.n_samples == holdout.n_samples and bool((null.indices == duplicates.first).all()):
        raise InputError(f"{holdout.name}: is the training set {train.name} itself, row by row: hold out other items")
    in_train, shared = _group_sizes(holdout, null, same, duplicates)
    sizes, both = in_train + shared, (in_train > 0) & (shared > 0)
    if (in_train.max() > 1 or shared.max() > 1) and not _too_many(
        int(both.sum()), sizes[sizes > 1], train.n_samples, holdout.n_samples
    ):
        return
    rows = [(int(row), int(null.indices[row])) for row in same[:_NAMED]]
    pairs = [f"{_named(holdout, row)} is {_named(train, other)} of train" for row, other in rows]
    raise InputError(
        f"{holdout.name}: {len(same)} of {holdout.n_samples} held-out items are identical to training items, so copies "
        f"would hide in the null: {', '.join(pairs)}{', …' if len(same) > _NAMED else ''}; take them out of one set"
    )


def _group_sizes(
    holdout: Dataset, null: Nearest, same: Int[np.ndarray, " same"], duplicates: Duplicates
) -> tuple[Int[np.ndarray, " groups"], Int[np.ndarray, " groups"]]:
    """Of every group of identical items how many are in train, and how many are held out."""
    n_train = len(duplicates.first)
    group = n_train + exact_duplicates(holdout.array)
    group[same] = null.indices[same]
    in_train = np.bincount(duplicates.first, minlength=n_train + holdout.n_samples)
    return in_train, np.bincount(group, minlength=len(in_train))


def _too_many(both: int, sizes: Int[np.ndarray, " groups"], n: int, m: int) -> bool:
    """Whether so many groups on both sides are improbable for labels dealt at random."""
    law = np.ones(1)
    for size, groups in zip(*np.unique(sizes, return_counts=True), strict=True):
        steps = np.arange(size)
        left = n + m - steps
        one_side = np.prod(np.clip(n - steps, 0, None) / left) + np.prod(np.clip(m - steps, 0, None) / left)
        law = np.convolve(law, binom.pmf(np.arange(groups + 1), groups, np.clip(1 - one_side, 0, 1)))
    return float(law[both:].sum()) < _LEAK


def _named(data: Dataset, row: int) -> str:
    name = data.name_of(row)
    return f"item {row}" if name is None else f"item {row} ({name!r})"
