"""One comparison with the training set, the same for samples and for honest items."""

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Int

from mnemoscope.auditing.measures import Geometry, Search
from mnemoscope.auditing.nearest import TrainingIndex
from mnemoscope.data import Dataset
from mnemoscope.data.arrays import Array


def _none(items: Array) -> Iterator[Array]:  # noqa: ARG001
    return iter(())


def _as_they_are(items: Array) -> Array:
    return items


class Comparison:
    """How items are compared: in which space, and in which variants.

    Args:
        train: the training set.
        first: for each training item the row of its first identical item.
        rng: for the index.
        embed: maps items, training items included, to where distances are taken.
        variants: of items from elsewhere, what to look for besides the items themselves.
        progress: show bars.
    """

    def __init__(
        self,
        train: Dataset,
        first: Int[np.ndarray, " n_train"],
        rng: np.random.Generator,
        *,
        embed: Callable[[Array], Array] = _as_they_are,
        variants: Callable[[Array], Iterator[Array]] = _none,
        progress: bool = False,
    ) -> None:
        self.train, self._embed, self._variants, self._progress, self._rng = train, embed, variants, progress, rng
        self.index = TrainingIndex(embed(train.array), first, rng, progress=progress)
        self.geometry = Geometry(train.dim, train.value_range[1] - train.value_range[0])

    def look(self, items: Array) -> Iterator[Array]:
        """The items and their variants, where distances are taken."""
        yield self._embed(items)
        yield from (self._embed(variant) for variant in self._variants(items))

    def search(self, items: Array) -> Search:
        """Items from elsewhere against the training set."""
        return Search(self.index.nearest(self.look(items)), self.geometry, self.index, lambda: self.look(items))

    def search_left_out(self, rows: Int[np.ndarray, " items"], *, with_unit: bool) -> Search:
        """Training items against all others."""
        items = self.train.array[rows]
        found = self.index.left_out(rows, self.look(items), with_unit=with_unit)
        return Search(found, self.geometry, self.index, lambda: self.look(items), rows)

    def other_index(self, items: Array, first: Int[np.ndarray, " items"]) -> TrainingIndex:
        """An index of other reference items, as the held-out ones."""
        return TrainingIndex(self._embed(items), first, self._rng, progress=self._progress)
