"""Pixels, which leave the items as they are, and the cosine on top of any feature space.

On the unit sphere ‖u − v‖² = 2(1 − cos(u, v)): Euclidean neighbours are neighbours in cosine, and a threshold c on the
cosine is one of √(2(1 − c)) on the distance.
"""

from dataclasses import dataclass

import numpy as np

from mnemoscope.auditing.features.base import Embedding, FeatureSpace, check_event_shape, with_features
from mnemoscope.data import Dataset, row_chunks
from mnemoscope.errors import InputError


@dataclass(frozen=True)
class Pixels(FeatureSpace):
    """The items themselves: in their own shape and dtype, so that identical items stay so, and never copied."""

    @property
    def name(self) -> str:
        return "pixels"

    def fit(self, train: Dataset, *, progress: bool = False) -> Embedding:  # noqa: ARG002
        return _PixelEmbedding(train.event_shape)


@dataclass(frozen=True)
class _PixelEmbedding(Embedding):
    event_shape: tuple[int, ...]

    @property
    def identity(self) -> str | None:
        return "pixels"

    def embed(self, items: Dataset) -> Dataset:
        check_event_shape(items, self.event_shape, "pixels")
        array = items.array.reshape(len(items), *self.event_shape)
        return Dataset(array, items.name, items.value_range, items.names, items.notes)


@dataclass(frozen=True)
class Cosine(FeatureSpace):
    """The features of another space, each vector scaled to length one.

    Items whose features are all zero have no direction: an ``InputError`` names the first.
    """

    space: FeatureSpace

    @property
    def name(self) -> str:
        return f"cosine:{self.space.name}"

    def fit(self, train: Dataset, *, progress: bool = False) -> Embedding:
        return _CosineEmbedding(self.name, self.space.fit(train, progress=progress))


@dataclass(frozen=True)
class _CosineEmbedding(Embedding):
    name: str
    inner: Embedding

    @property
    def identity(self) -> str | None:
        inner = self.inner.identity
        return None if inner is None else f"cosine of {inner}"

    def embed(self, items: Dataset) -> Dataset:
        features = self.inner.embed(items)
        directions = np.empty((len(features), features.dim), np.float32)
        for where, rows in row_chunks(features.array):
            # By the largest value first: the squares of very small features would vanish.
            rows = rows / rows.abs().amax(dim=1, keepdim=True)
            if bool(rows.isnan().any()):
                index = where.start + int(rows.isnan().any(dim=1).nonzero()[0, 0])
                raise InputError(f"features {self.name}: {items.name}, item {index} is all zero and has no direction")
            directions[where] = (rows / rows.norm(dim=1, keepdim=True)).numpy()
        return with_features(features, directions)
