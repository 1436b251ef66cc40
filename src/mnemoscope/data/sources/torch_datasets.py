"""Data sets and loaders of torch: what they give, in the order in which they give it, once.

A loader may leave items out (``drop_last``, a sampler) or give them more than once, and a data set with a random
transformation gives another array each time. All of that is said in the notes.
"""

from collections.abc import Iterable, Sized
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data import Dataset as TorchDataset

from mnemoscope.data.arrays import as_array
from mnemoscope.data.census import Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.data.sources.collect import Collected, class_names, split_item
from mnemoscope.data.sources.contract import Source
from mnemoscope.errors import InputError
from mnemoscope.progress import progress_bar, track

NOT_GIVEN = "which the loader does not give"


class TorchDatasetSource(Source):
    """A ``torch.utils.data.Dataset``: items, pairs of an item and its class, or dictionaries."""

    reads = "a torch Dataset"

    def recognises(self, where: Any) -> bool:
        return isinstance(where, TorchDataset)

    def read(self, where: Any, key: str | None, options: Options) -> Dataset:
        name = type(where).__name__
        n = len(where) if isinstance(where, Sized) and not isinstance(where, IterableDataset) else None
        collected, labels, unread, census = Collected(name, n, options), [], dict[str, None](), Census("items")
        items: Iterable[Any] = where if n is None else _indexed(where, n, options)
        for item in items:
            value, label, others = split_item(item, name)
            collected.add(value)
            labels.append(label)
            unread |= dict.fromkeys(others)
            census.read()
        array = collected.array()
        notes = [*collected.notes(), *_unread(unread)]
        if n and not np.array_equal(collected.as_item(split_item(where[0], name)[0]), array[0], equal_nan=True):
            notes.append("items change from one reading to the next (a random transformation): they were read once")
        return Dataset(array, name, notes=tuple(notes), classes=class_names(labels), source=census.to_dict())


class DataLoaderSource(Source):
    """A ``torch.utils.data.DataLoader``: batches of what its data set holds."""

    reads = "a torch DataLoader"

    def recognises(self, where: Any) -> bool:
        return isinstance(where, DataLoader)

    def read(self, where: Any, key: str | None, options: Options) -> Dataset:
        name = type(where.dataset).__name__
        total = len(where.dataset) if isinstance(where.dataset, Sized) else None
        if where.batch_size is None and where.batch_sampler is None:
            raise InputError(f"{name}: the loader gives single items, not batches: load its data set")
        collected, labels, unread, census = (
            Collected(name, total, options),
            list[Any](),
            dict[str, None](),
            Census("items"),
        )
        with progress_bar("reading items", total or 0, enabled=options.progress and total is not None) as advance:
            for batch in where:
                values, label, others = split_item(batch, name)
                if not isinstance(values, Tensor | np.ndarray):
                    raise InputError(f"{name}: a batch is a {type(values).__name__}, not a tensor")
                collected.extend(as_array(values))
                labels += list(label) if isinstance(label, Tensor | np.ndarray | list | tuple) else [None] * len(values)
                unread |= dict.fromkeys(others)
                census.read(len(values))
                for _ in values:
                    advance()
        if total is not None and total > census.n_read:
            census.pass_over(f"{total - census.n_read} at its end or by its sampler", NOT_GIVEN, total - census.n_read)
        notes = (*census.notes(), *collected.notes(), *_unread(unread))
        if total is not None and census.n_read > total:
            notes += (f"the loader gives {census.n_read} items of a data set of {total}: some more than once",)
        return Dataset(collected.array(), name, notes=notes, classes=class_names(labels), source=census.to_dict())


def _indexed(where: Any, n: int, options: Options) -> Iterable[Any]:
    return (where[index] for index in track(range(n), "reading items", enabled=options.progress))


def _unread(fields: Iterable[str]) -> tuple[str, ...]:
    named = ", ".join(fields)
    return (f"of each item was not read: {named}",) if named else ()
