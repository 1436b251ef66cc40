"""Votes: each sample votes for the training or held-out item that it is nearest to."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from mnemoscope.auditing.labels import Labels
from mnemoscope.auditing.nearest import Nearest


@dataclass(frozen=True)
class Votes:
    """Votes of samples for units of the pooled reference items that got any.

    Attributes:
        unit: name of each unit, held-out ones behind all training items.
        is_train: its label.
        count: its votes.
        stratum: within which labels are exchangeable; all one where nothing else is known.
        nearer_to_train: for each sample, the share of its vote that went to train.
    """

    unit: Int[np.ndarray, " units"]
    is_train: Bool[np.ndarray, " units"]
    count: Float[np.ndarray, " units"]
    stratum: Int[np.ndarray, " units"]
    nearer_to_train: Float[np.ndarray, " samples"]

    @property
    def share(self) -> float:
        """S."""
        return float(self.nearer_to_train.mean())


def cast_votes(
    to_train: Nearest,
    to_holdout: Nearest,
    repeats: Int[np.ndarray, " n_train"],
    repeats_holdout: Int[np.ndarray, " n_holdout"],
    classes: Labels | None = None,
    groups: Labels | None = None,
) -> Votes:
    """Each sample votes for its nearest reference item; a tie is shared in proportion to the identical items behind it.

    Args:
        to_train: the samples' nearest training items.
        to_holdout: their nearest held-out items.
        repeats: for each training item how many are identical to it, itself included.
        repeats_holdout: the same for the held-out items.
        classes: strata, by the nearest item of a unit that some sample votes for.
        groups: units, in place of near-duplicates.
    """
    near, far = to_train.distances[:, 0], to_holdout.distances[:, 0]
    here, there = repeats[to_train.indices], repeats_holdout[to_holdout.indices]
    part = np.where(near == far, here / (here + there), (near < far).astype(float))
    n_train = len(repeats)
    units, other = to_train.units, n_train + to_holdout.units
    if groups is not None:
        units, other = groups.train[to_train.indices], n_train + groups.holdout[to_holdout.indices]
    strata = np.zeros(2 * len(part), dtype=np.int64)
    if classes is not None:
        strata = np.concatenate([classes.train[to_train.indices], classes.holdout[to_holdout.indices]])
    votes = np.concatenate([part, 1 - part])
    unit, first, place = np.unique(np.concatenate([units, other])[votes > 0], return_index=True, return_inverse=True)
    count = np.bincount(place, weights=votes[votes > 0])
    return Votes(unit, unit < n_train, count, strata[votes > 0][first], part)
