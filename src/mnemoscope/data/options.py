"""How pictures are brought to one form, whether they are image files or arrays."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from mnemoscope.choose import check_name, check_whole
from mnemoscope.data.channels import Channels, recolour
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.images import ImageLayout, image_layout
from mnemoscope.data.resizing import fit
from mnemoscope.data.tables import Declared, TableSchema
from mnemoscope.errors import InputError
from mnemoscope.progress import track
from mnemoscope.reading import check_memory

_MOST_WORKERS = 256


@dataclass(frozen=True)
class Options:
    """How a source is to be read.

    Attributes:
        resize: fit pictures into squares of this size: the largest centred square of each, by Pillow's Lanczos filter.
        channels: the axis of channels is the ``first`` or the ``last`` of an item; or pictures are ``grey`` (one of
            three equal channels is taken; colours are refused) or ``colour`` (of grey pictures three equal channels).
        value_range: what black and white are in sets of floating point, whose numbers do not tell.
        progress: show a bar.
        schema: of tables: what columns are declared to be, or the schema of the training set by which rows are read.
        workers: processes that decode images; None for as many as are worth their start.
    """

    resize: int | None = None
    channels: Channels | None = None
    value_range: tuple[float, float] | None = None
    progress: bool = False
    schema: TableSchema | Mapping[str, Declared] | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.resize is not None and check_whole(self.resize, "resize") > 2**14:
            raise InputError(f"resize must be at most {2**14}, got {self.resize}")
        if self.workers is not None and check_whole(self.workers, "workers") > _MOST_WORKERS:
            raise InputError(f"workers must be at most {_MOST_WORKERS}, got {self.workers}")
        if self.channels is not None:
            check_name(self.channels, get_args(Channels), "channels")
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise InputError(f"value_range must go from low to high, got {self.value_range}")

    def to_dict(self) -> dict[str, Any]:
        """What was asked for, as reports repeat it."""
        asked = {"resize": self.resize, "channels": self.channels, "value_range": self.value_range}
        return {key: value for key, value in asked.items() if value is not None}

    def apply(self, data: Dataset) -> Dataset:
        """The set as it is asked for; one that was read in this form already is returned as it is.

        Raises:
            InputError: items that are no pictures, or colours that were to be grey.
        """
        if data.schema is not None and self.value_range is not None:
            raise InputError(f"{data.name}: is a table, whose columns have ranges of their own: leave out value_range")
        data = self._declared(data)
        if self.resize is None and self.channels is None:
            return data
        layout = image_layout(data.event_shape)
        if layout is None:
            raise InputError(f"{data.name}: items of shape {data.event_shape} are no pictures to resize or recolour")
        return self._resized(self._recoloured(data, layout))

    def _declared(self, data: Dataset) -> Dataset:
        if self.value_range is None or data.array.dtype.kind != "f":
            return data
        (low, high), (least, most) = self.value_range, data.value_range
        if least < low - (high - low) or most > high + (high - low):
            raise InputError(f"{data.name}: has values from {least:.4g} to {most:.4g}, far beyond [{low:g}, {high:g}]")
        return data.described(value_range=(float(low), float(high)))

    def _recoloured(self, data: Dataset, layout: ImageLayout) -> Dataset:
        array, notes = data.array, tuple[str, ...]()
        if self.channels in ("first", "last") and layout not in ("HW", {"first": "CHW", "last": "HWC"}[self.channels]):
            array = np.moveaxis(array, 3, 1) if layout == "HWC" else np.moveaxis(array, 1, 3)
            notes = (f"the axis of channels was brought from {layout} to the {self.channels}",)
        if self.channels in ("grey", "colour"):
            shown = array if layout == "HW" else np.moveaxis(array, 1, 3) if layout == "CHW" else array
            made = recolour(shown, self.channels, data.name)
            if made is not shown:
                array, notes = made, (f"pictures stored in {layout} were read as {self.channels}",)
        return data if not notes else replace(data, array=array, notes=(*data.notes, *notes))

    def _resized(self, data: Dataset) -> Dataset:
        if self.resize is None:
            return data
        layout = image_layout(data.event_shape)
        size, first_axis = (self.resize, self.resize), layout == "CHW"
        stored, n_channels = _size_and_depth(data.event_shape, layout)
        if stored == size:
            return data
        check_memory(data.name, data.n_samples * self.resize**2 * n_channels * data.array.dtype.itemsize)
        shape = size if layout == "HW" else (n_channels, *size) if first_axis else (*size, n_channels)
        made, remarks = np.empty((data.n_samples, *shape), data.array.dtype), Counter[str]()
        for index in track(range(data.n_samples), "resizing", enabled=self.progress):
            item = np.asarray(data.array[index])
            pixels, done = fit(np.moveaxis(item, 0, 2) if first_axis else item, self.resize)
            made[index] = np.moveaxis(pixels, 2, 0) if first_axis else pixels
            remarks.update(done)
        notes = tuple(f"{count} of {data.n_samples} images were {done}" for done, count in remarks.items())
        return replace(data, array=made, notes=(*data.notes, *notes))


DEFAULT = Options()
"""Pictures as they are."""


def _size_and_depth(event_shape: tuple[int, ...], layout: ImageLayout | None) -> tuple[tuple[int, ...], int]:
    """Height and width of a picture, and how many channels it has."""
    if layout == "HW":
        return event_shape, 1
    return (event_shape[1:], event_shape[0]) if layout == "CHW" else (event_shape[:2], event_shape[2])


def shape_remedy(one: tuple[int, ...], other: tuple[int, ...]) -> str:
    """What brings pictures of two shapes to one; nothing for items that are no pictures."""
    layouts = image_layout(one), image_layout(other)
    if None in layouts:
        return ""
    sizes, depths = zip(*map(_size_and_depth, (one, other), layouts), strict=True)
    remedies = []
    if depths[0] != depths[1]:
        remedies.append("--channels grey (where grey is stored as three equal channels) or --channels colour")
    elif "HW" not in layouts and layouts[0] != layouts[1]:
        remedies.append(f"one is N{layouts[0]}, the other N{layouts[1]}: --channels last")
    if sizes[0] != sizes[1]:
        remedies.append("--resize SIZE")
    return f"; {' and '.join(remedies)}, or the same options of load, bring them to one form" if remedies else ""
