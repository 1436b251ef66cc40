"""What a feature space is, and the one loop that embeds a set batch by batch.

A feature space is fitted to the training set and then maps every set in the same way: what it learns (the axes of
``pca``) and what it must know of the data (the value range that black and white stand for) come from the training set
alone. Held-out and generated items that brought their own would be embedded differently, and a null that is
calibrated on the one would not hold for the other.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from torch import Tensor

from mnemoscope.data import Dataset, as_array, row_chunks
from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError
from mnemoscope.progress import progress_bar
from mnemoscope.reading import check_memory


class FeatureSpace(ABC):
    """Where items are compared: a map from items to feature vectors, once it is fitted to a training set."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What errors and reports call it; never a folder of somebody's machine."""

    @abstractmethod
    def fit(self, train: Dataset, *, progress: bool = False) -> "Embedding":
        """The map for sets of the training set's event shape.

        Args:
            train: shape ``(n_train, *event)``; a memory map is fine.
            progress: show a bar whenever a set is embedded.

        Raises:
            InputError: a training set that the space cannot be fitted to.
        """


class Embedding(ABC):
    """A feature space fitted to a training set."""

    @property
    @abstractmethod
    def identity(self) -> str | None:
        """All that the features depend on beside the items, as one string; None where that cannot be told."""

    @abstractmethod
    def embed(self, items: Dataset) -> Dataset:
        """The features of ``items``, shape ``(n, dim)``, in their order, with their name, names and notes.

        They are float32 and in memory: 4·n·dim bytes. (Pixels alone keep shape, dtype and memory map.)

        Raises:
            InputError: another event shape than the training set's (axes of size one do not matter), or features
                that are not finite, not one row for each item, or not of one width; the feature space is named.
        """


def with_features(items: Dataset, array: Array, *notes: str) -> Dataset:
    """The same items, told by their features."""
    return Dataset(array, items.name, names=items.names, notes=(*items.notes, *notes))


def check_event_shape(items: Dataset, event_shape: tuple[int, ...], space: str) -> None:
    """Items of the training set's event shape, axes of size one aside.

    Raises:
        InputError: another one.
    """
    if [size for size in items.event_shape if size != 1] != [size for size in event_shape if size != 1]:
        raise InputError(
            f"features {space}: {items.name} has event shape {items.event_shape}, the training set {event_shape}"
        )


def embed_rows(items: Dataset, function: Callable[[Tensor], object], space: str, batch: int, progress: bool) -> Array:
    """The features of ``items``, shape ``(n, dim)`` float32, computed in batches and checked.

    Args:
        items: shape ``(n, *event)``.
        function: from flattened items, shape ``(batch, dim)`` float64, to their features, shape ``(batch, ...)``.
        space: the feature space, for errors.
        batch: items at a time.
        progress: show a bar.

    Raises:
        InputError: as ``Embedding.embed``.
    """
    features: Array | None = None
    bar = progress_bar(f"features of {items.name}", -(-items.n_samples // batch), enabled=progress)
    with bar as advance:
        for where, rows in row_chunks(items.array, rows=batch):
            found = _checked(function(rows), items, where, space)
            if features is None:
                check_memory(f"features {space} of {items.name}", 4 * items.n_samples * found.shape[1])
                features = np.empty((items.n_samples, found.shape[1]), np.float32)
            if found.shape[1] != features.shape[1]:
                raise InputError(
                    f"features {space}: returned {found.shape[1]} values for each item from {where.start} on, "
                    f"and {features.shape[1]} for those before"
                )
            features[where] = found
            advance()
    assert features is not None, "a Dataset is not empty"
    return features


def _checked(values: object, items: Dataset, where: slice, space: str) -> Array:
    n = where.stop - where.start
    if not isinstance(values, Tensor | np.ndarray):
        raise InputError(f"features {space}: returned {type(values).__name__} for {n} items, not one tensor")
    if (isinstance(values, Tensor) and values.is_complex()) or not _has_rows(values, n):
        raise InputError(
            f"features {space}: returned {values.dtype} of shape {tuple(values.shape)} for {n} items, not real numbers "
            f"of shape ({n}, ...)"
        )
    with np.errstate(over="ignore"):  # what exceeds single precision is named below
        found = as_array(values).reshape(n, -1).astype(np.float32)
    finite = np.isfinite(found).all(axis=1)
    if not finite.all():
        index = where.start + int(np.argmin(finite))
        raise InputError(
            f"features {space}: {items.name}, item {index} has features that are not finite float32 numbers"
        )
    return found


def _has_rows(values: Tensor | Array, n: int) -> bool:
    shape = tuple(values.shape)
    real = isinstance(values, Tensor) or values.dtype.kind in "biuf"
    return real and len(shape) >= 2 and shape[0] == n and 0 not in shape
