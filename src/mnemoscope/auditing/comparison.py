"""One comparison with the training set, the same for samples and for honest items."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Int

from mnemoscope.auditing.features import FeatureSpace
from mnemoscope.auditing.measures import Geometry, Search
from mnemoscope.auditing.nearest import Nearest, NeighbourSearch, TrainingIndex
from mnemoscope.auditing.transformations import Transformation
from mnemoscope.data import Dataset
from mnemoscope.data.arrays import Array
from mnemoscope.neighbours import nearest_neighbours


class Comparison:
    """How items are compared: in which feature space, and in which variants.

    Args:
        train: the training set.
        first: for each training item the row of its first identical item.
        rng: for the index.
        space: where distances are taken.
        transformation: under which copies are searched.
        progress: show bars.
        search: in place of ``nearest_neighbours``.

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
        space: FeatureSpace,
        transformation: Transformation,
        progress: bool = False,
        search: NeighbourSearch = nearest_neighbours,
    ) -> None:
        self.train, self._progress, self._rng, self._search = train, progress, rng, search
        self._transformation = transformation
        self._embedding = space.fit(self._under(train), progress=progress)
        self.features = self.embed(train)
        self.index = TrainingIndex(self.features.array, first, rng, progress=progress, search=search)
        self.geometry = Geometry(self.features.dim, float(np.ptp(self.features.value_range)))

    def nearest(self, items: Array, index: TrainingIndex, reference: Dataset) -> Nearest:
        """The nearest of the reference items and their variants, by the index of those as they are.

        Args:
            items: where distances are taken, as ``Search.items`` is.
            index: of the reference items.
            reference: themselves, for their variants.
        """
        return Nearest.over_variants([each.nearest(items) for each in self._indices(index, reference)])

    def search(self, items: Dataset) -> Search:
        """Items from elsewhere against the training set."""
        queries = self.embed(items).array
        return Search(self.nearest(queries, self.index, self.train), self.geometry, self.index, queries)

    def search_left_out(self, rows: Int[np.ndarray, " items"], *, with_unit: bool) -> Search:
        """Training items against all others."""
        items = self.index.train[rows]
        found = [each.left_out(rows, items, with_unit=with_unit) for each in self._indices(self.index, self.train)]
        return Search(Nearest.over_variants(found), self.geometry, self.index, items, rows)

    def other_index(self, items: Array, first: Int[np.ndarray, " items"]) -> TrainingIndex:
        """An index of other reference items, as the held-out ones, where distances are taken."""
        return TrainingIndex(items, first, self._rng, progress=self._progress, search=self._search)

    def _indices(self, index: TrainingIndex, reference: Dataset) -> Iterator[TrainingIndex]:
        """Of the reference items and of each of their variants, one in memory at a time."""
        yield index
        for variant in self._transformation.variants(reference.array):
            yield index.transformed(self.embed(replace(reference, array=variant)).array)

    def embed(self, items: Dataset) -> Dataset:
        """The items where distances are taken."""
        return self._embedding.embed(self._under(items))

    def _under(self, items: Dataset) -> Dataset:
        """The items where what a transformation does in closed form makes no difference."""
        array = self._transformation.embed(items.array)
        return items if array is items.array else Dataset(array, items.name, names=items.names, notes=items.notes)
