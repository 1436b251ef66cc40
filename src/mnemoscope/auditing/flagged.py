"""One row of an audit: a generated item beside the training item it is nearest to."""

from typing import NamedTuple

from mnemoscope.text import one_name


class Flagged(NamedTuple):
    """A generated item and the training item it is nearest to; their names are None where items have none.

    ``p`` is the conformal p-value of its copy score, ``listed`` whether the list of copies holds it, ``unit`` the row
    that stands for the training item and its near-duplicates.
    """

    generated: int
    train: int
    generated_name: str | None
    train_name: str | None
    distance: float
    ratio: float
    p: float
    listed: bool
    unit: int

    @property
    def shown(self) -> tuple[str, str]:
        """What people are shown of the two items: their names, or their rows where they have none."""
        named = ((self.generated_name, self.generated), (self.train_name, self.train))
        generated, train = (one_name(row if name is None else name) for name, row in named)
        return generated, train
