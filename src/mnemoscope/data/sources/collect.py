"""Items that come one by one, from objects in Python, into one array."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from mnemoscope.data.arrays import Array, as_array
from mnemoscope.data.images import as_picture
from mnemoscope.data.options import Options
from mnemoscope.errors import InputError
from mnemoscope.reading import check_memory

_IMAGE_KEYS = ("image", "images", "img", "pixel_values", "x", "data", "input", "inputs")
_CLASS_KEYS = ("label", "labels", "class", "classes", "y", "target", "targets", "fine_label")


class Collected:
    """An array that grows item by item or batch by batch, and what was done to the items.

    Args:
        name: what errors call the source.
        n_expected: the number of items, where it is known.
        options: how pictures are asked for.
    """

    def __init__(self, name: str, n_expected: int | None, options: Options) -> None:
        self._name, self._n_expected, self._options = name, n_expected, options
        self._remarks: Counter[str] = Counter()
        self._made: Array | None = None
        self._end = 0

    def add(self, item: Any) -> None:
        """One item: an array, a tensor or a Pillow image."""
        self.extend(self.as_item(item)[None])

    def as_item(self, item: Any) -> Array:
        """The item as an array.

        Raises:
            InputError: something else.
        """
        if isinstance(item, Image.Image):
            picture = as_picture(item, self._name, self._options.resize, self._options.channels)
            self._remarks.update(picture.remarks)
            return picture.pixels
        if not isinstance(item, Tensor | np.ndarray | int | float | Sequence) or isinstance(item, str):
            raise InputError(f"{self._name}: item {self._end} is a {type(item).__name__}, not an array or a picture")
        return np.asarray(as_array(item) if isinstance(item, Tensor) else item)

    def extend(self, items: Array) -> None:
        """Several items, along the first axis.

        Raises:
            InputError: of another shape or number format than the first.
        """
        if self._made is None:
            expected = max(self._n_expected or 0, len(items))
            check_memory(self._name, expected * int(np.prod(items.shape[1:])) * items.dtype.itemsize)
            self._made = np.empty((expected, *items.shape[1:]), items.dtype)
        if (items.shape[1:], items.dtype) != (self._made.shape[1:], self._made.dtype):
            remedy = "; load(..., resize=SIZE) brings all to one size" if items.ndim in (3, 4) else ""
            raise InputError(
                f"{self._name}: item {self._end} has shape {items.shape[1:]} of {items.dtype}, but the first has "
                f"{self._made.shape[1:]} of {self._made.dtype}{remedy}"
            )
        if self._end + len(items) > len(self._made):
            check_memory(self._name, 2 * self._made.nbytes)
            more = np.empty_like(self._made, shape=(max(len(items), len(self._made)), *self._made.shape[1:]))
            self._made = np.concatenate([self._made, more])
        self._made[self._end : self._end + len(items)] = items
        self._end += len(items)

    def array(self) -> Array:
        """All items.

        Raises:
            InputError: there were none.
        """
        if self._made is None:
            raise InputError(f"{self._name}: gives no items")
        return self._made[: self._end]

    def notes(self) -> tuple[str, ...]:
        """What was done to pictures."""
        return tuple(f"{count} of {self._end} images were {done}" for done, count in self._remarks.items())


def split_item(item: Any, name: str) -> tuple[Any, Any, tuple[str, ...]]:
    """The data of an item, its class (None without one) and the names of the fields that are not read.

    A tuple is ``(data, class, ...)``; of a dictionary the usual names are known.

    Raises:
        InputError: a dictionary without a usual name, or an empty tuple.
    """
    if isinstance(item, dict):
        fields = {str(field): value for field, value in item.items()}
        image, label = (_first_of(keys, fields) for keys in (_IMAGE_KEYS, _CLASS_KEYS))
        if image is None:
            raise InputError(
                f"{name}: its items have fields {', '.join(fields)}, none of them {', '.join(_IMAGE_KEYS)}"
            )
        unread = tuple(field for field in fields if field not in (image, label))
        return fields[image], None if label is None else fields[label], unread
    if isinstance(item, tuple | list):
        if not item:
            raise InputError(f"{name}: its items are empty")
        return item[0], item[1] if len(item) > 1 else None, tuple(f"field {place}" for place in range(2, len(item)))
    return item, None, ()


def _first_of(known: Iterable[str], fields: dict[str, Any]) -> str | None:
    return next((field for field in known if field in fields), None)


def class_names(labels: list[Any], say: Callable[[Any], str] = str) -> tuple[str, ...] | None:
    """Labels as text, None where they are no single values."""
    plain = [label.item() if isinstance(label, Tensor | np.generic) and label.ndim == 0 else label for label in labels]
    if not plain or any(not isinstance(label, str | int | bool) for label in plain):
        return None
    return tuple(say(label) for label in plain)
