"""That a held-out set was really kept from training, as far as identical and nearly identical items tell.

If the two sets come from one law their labels are exchangeable. Then a group of s identical items falls on both sides
with probability 1 − [C(n, s) + C(m, s)]/C(n + m, s), and a held-out item has a near-duplicate in train no more often
than a training item has among the others.
"""

import numpy as np
from jaxtyping import Int
from scipy.stats import binom, hypergeom

from mnemoscope.auditing.nearest import Nearest, TrainingIndex
from mnemoscope.auditing.repeats import Repeated
from mnemoscope.data import Dataset
from mnemoscope.errors import InputError

_LEAK = 1e-3
"""Level of the tests that tell a leak from repeats which belong to the data: they end an audit, so they are strict."""

_NAMED = 3


def check_identical(holdout: Dataset, train: Dataset, repeated: Repeated, held_out: Repeated) -> None:
    """That no more held-out items are identical to training items than repeats in the data explain.

    Args:
        holdout: the held-out set.
        train: the training set.
        repeated: repeats within train.
        held_out: repeats within the held-out set.

    Raises:
        InputError: a held-out set that is the training set row by row; held-out items identical to training items where
            neither set repeats an item of its own, or in more groups than that chance explains (level 0.1 %).
    """
    row = repeated.rows_of(held_out)
    same = np.flatnonzero(row >= 0)
    if len(same) == 0:
        return
    if len(same) == train.n_samples == holdout.n_samples and bool((row == repeated.first).all()):
        raise InputError(f"{holdout.name}: is the training set {train.name} itself, row by row: hold out other items")
    n_train = train.n_samples
    group = np.where(row >= 0, row, n_train + held_out.first)
    in_train = np.bincount(repeated.first, minlength=n_train + holdout.n_samples)
    shared = np.bincount(group, minlength=len(in_train))
    sizes, both = in_train + shared, (in_train > 0) & (shared > 0)
    if (in_train.max() > 1 or shared.max() > 1) and not _too_many(
        int(both.sum()), sizes[sizes > 1], n_train, holdout.n_samples
    ):
        return
    raise InputError(
        f"{holdout.name}: {len(same)} of {holdout.n_samples} held-out items are identical to training items, so copies "
        f"would hide in the null: {_pairs(holdout, train, same, row[same])}; take them out of one set"
    )


def check_near(holdout: Dataset, train: Dataset, index: TrainingIndex, null: Nearest, left_out: Nearest) -> None:
    """That no more held-out items are near-duplicates of training items than training items are of each other.

    Args:
        holdout: the held-out set.
        train: the training set.
        index: of train.
        null: the nearest training items of the held-out items.
        left_out: those of training items that were left out alone.

    Raises:
        InputError: too many, at a level of 0.1 % where each two are counted as one, since they may belong together.
    """
    n = holdout.n_samples
    near, usual = (index.are_near_duplicates(found) for found in (null, left_out))
    count, total = int(near.sum()) // 2, len(near) // 2 + len(usual) // 2
    drawn = hypergeom.sf(count - 1, total, count + int(usual.sum()) // 2, len(near) // 2)
    if count and drawn < _LEAK:
        rows = np.flatnonzero(near)
        raise InputError(
            f"{holdout.name}: {len(rows)} of {n} held-out items are nearly identical to training items, "
            f"but only {int(usual.sum())} of {len(usual)} training items to one another, so copies would hide in the "
            f"null: {_pairs(holdout, train, rows, null.indices[rows], 'nearly ')}; take them out of one set"
        )


def _pairs(
    holdout: Dataset,
    train: Dataset,
    rows: Int[np.ndarray, " same"],
    others: Int[np.ndarray, " same"],
    how: str = "",
) -> str:
    """The first few pairs, by name where they have one."""
    pairs = [
        f"{_named(holdout, int(row))} is {how}{_named(train, int(other))} of train"
        for row, other in zip(rows[:_NAMED], others[:_NAMED], strict=True)
    ]
    return f"{', '.join(pairs)}{', …' if len(rows) > _NAMED else ''}"


def made_by_hand(repeated: Repeated, held_out: Repeated) -> bool:
    """Whether repeats were made in either set: those of the law would be on both sides, too (level 0.1 %)."""
    if (repeated.rows_of(held_out) >= 0).any():
        return False
    n, m = len(repeated.first), len(held_out.first)
    sizes = np.concatenate([np.bincount(each.first) for each in (repeated, held_out)])
    return float(np.prod([_one_side(int(size), n, m) for size in sizes[sizes > 1]])) < _LEAK


def _one_side(size: int, n: int, m: int) -> float:
    """The probability that a group of so many falls on one side, for labels dealt at random."""
    steps = np.arange(size)
    left = n + m - steps
    sides = (np.prod(np.clip(side - steps, 0, None) / left) for side in (n, m))
    return float(np.clip(sum(sides), 0, 1))


def _too_many(both: int, sizes: Int[np.ndarray, " groups"], n: int, m: int) -> bool:
    """Whether so many groups on both sides are improbable for labels dealt at random."""
    law = np.ones(1)
    for size, groups in zip(*np.unique(sizes, return_counts=True), strict=True):
        law = np.convolve(law, binom.pmf(np.arange(groups + 1), groups, 1 - _one_side(int(size), n, m)))
    return float(law[both:].sum()) < _LEAK


def _named(data: Dataset, row: int) -> str:
    name = data.name_of(row)
    return f"item {row}" if name is None else f"item {row} ({name!r})"
