"""One comparison with the training set, the same for samples and for honest items."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int

from mnemoscope.auditing.features import FeatureSpace, Pixels
from mnemoscope.auditing.measures import Geometry, Search
from mnemoscope.auditing.nearest import TrainingIndex
from mnemoscope.data import Dataset
from mnemoscope.data.arrays import Array


class Comparison:
    """How items are compared: in which feature space, and in which variants.

    Args:
        train: the training set.
        first: for each training item the row of its first identical item.
        rng: for the index.
        space: where distances are taken.
        progress: show bars.

    Attributes:
        features: the training set in that space.
        index: its nearest neighbours.
        geometry: what scores may know of it.
    """

    def __init__(
        self,
        train: Dataset,
        first: Int[np.ndarray, " n_train"],
        rng: np.random.Generator,
        *,
        space: FeatureSpace | None = None,
        progress: bool = False,
    ) -> None:
        self.train, self._progress, self._rng = train, progress, rng
        self._embedding = (space or Pixels()).fit(train, progress=progress)
        self.features = self._embedding.embed(train)
        self.index = TrainingIndex(self.features.array, first, rng, progress=progress)
        self.geometry = Geometry(self.features.dim, float(np.ptp(self.features.value_range)))

    def look(self, items: Dataset) -> Iterator[Array]:
        """The items and their variants, where distances are taken."""
        yield self._embedding.embed(items).array

    def search(self, items: Dataset) -> Search:
        """Items from elsewhere against the training set."""
        return Search(self.index.nearest(self.look(items)), self.geometry, self.index, lambda: self.look(items))

    def search_left_out(self, rows: Int[np.ndarray, " items"], *, with_unit: bool) -> Search:
        """Training items against all others."""
        items = self.train.take(rows)
        found = self.index.left_out(rows, self.look(items), with_unit=with_unit)
        return Search(found, self.geometry, self.index, lambda: self.look(items), rows)

    def other_index(self, items: Dataset, first: Int[np.ndarray, " items"]) -> TrainingIndex:
        """An index of other reference items, as the held-out ones."""
        return TrainingIndex(self._embedding.embed(items).array, first, self._rng, progress=self._progress)
