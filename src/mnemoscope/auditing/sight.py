"""What the chosen settings can see in the data at hand: copies are planted, and those found are counted."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from mnemoscope.auditing.comparison import Comparison
from mnemoscope.auditing.copies import conformal_p_values
from mnemoscope.auditing.intervals import Rate
from mnemoscope.auditing.measures import DistanceRatio
from mnemoscope.auditing.planted import KINDS, STANDARD_KINDS, TABLE_KINDS, planted
from mnemoscope.data import Dataset, image_layout
from mnemoscope.pages import percent

FOUND_AT = 0.02
"""A planted copy is found where its conformal p-value is at most this: honest items are so in 2 % of cases."""

_COPIES = 50


@dataclass(frozen=True)
class Sight:
    """Of each kind of planted copies, how many are found.

    Attributes:
        found: by kind, as ``planted`` calls it.
    """

    found: dict[str, Rate]

    @property
    def sentence(self) -> str:
        """The shares in words."""
        kinds = ", ".join(f"{kind} {percent(rate.fraction)}" for kind, rate in self.found.items())
        return f"of copies planted in these data these settings find, at {percent(FOUND_AT)} false alarms: {kinds}"

    def to_dict(self) -> dict[str, Any]:
        """As in ``report.json``."""
        return {kind: {"fraction": rate.fraction, "interval": list(rate.interval)} for kind, rate in self.found.items()}


def look(comparison: Comparison, null: Float[np.ndarray, " null"], rng: np.random.Generator) -> Sight:
    """Of each kind of copy that these items can have, how many of fifty planted ones the distance ratio finds.

    Args:
        comparison: with the training set, in the space and under the transformations of the audit.
        null: distance ratios of honest items.
        rng: chooses training items, and plants.
    """
    train = comparison.train
    pictures = image_layout(train.event_shape) is not None
    kinds = [kind for kind in STANDARD_KINDS if pictures or not KINDS[kind.partition(":")[0]].images]
    kinds = kinds if train.schema is None else list(TABLE_KINDS)
    copies = []
    for kind in kinds:
        items = train.array[np.sort(rng.permutation(len(train))[:_COPIES])]
        copies.append(planted(kind, items, rng, train.value_range))
    # One search for all kinds: each passes over the training set.
    scores = DistanceRatio().scores(
        comparison.search(Dataset(np.concatenate(copies), "planted copies", train.value_range))
    )
    found = np.split(conformal_p_values(scores, null) <= FOUND_AT, np.cumsum([len(part) for part in copies])[:-1])
    return Sight({kind: Rate(int(part.sum()), len(part)) for kind, part in zip(kinds, found, strict=True)})
