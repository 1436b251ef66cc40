"""Data sets of the library ``datasets`` as objects, and ``hf:NAME[:SPLIT[:COLUMN]]`` for one of a hub or a folder.

Objects are told by what they have, so that the library is needed by the second form only. Image columns are asked for
undecoded: images are read as all others are, with their orientation and all their bits.
"""

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mnemoscope.choose import choose
from mnemoscope.data.census import Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.data.sources.collect import Collected
from mnemoscope.data.sources.contract import Source
from mnemoscope.data.sources.picture_rows import decode_rows
from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.progress import track

PREFIX = "hf:"
_ARRAYS = ("Array2D", "Array3D", "Array4D", "Array5D", "List", "Sequence", "LargeList")


@runtime_checkable
class Rows(Protocol):
    """What a ``datasets.Dataset`` is told by."""

    features: Any
    column_names: Any

    def cast_column(self, column: Any, feature: Any) -> Any:
        """The same rows, with one column in another form."""

    def __getitem__(self, key: Any) -> Any: ...


class HuggingFaceDataset(Source):
    """A ``datasets.Dataset`` in Python; its one image column, or else its one column of arrays."""

    reads = "a datasets.Dataset"

    def recognises(self, where: Any) -> bool:
        return isinstance(where, Rows)

    def read(self, where: Any, key: str | None, options: Options) -> Dataset:
        return read_column(where, None, "datasets.Dataset", options)


class HuggingFaceHub(Source):
    """``hf:NAME``, ``hf:NAME:SPLIT`` or ``hf:NAME:SPLIT:COLUMN``; NAME is of the hub or a folder."""

    reads = "hf:NAME[:SPLIT[:COLUMN]]"

    def recognises(self, where: Any) -> bool:
        return isinstance(where, str) and where.startswith(PREFIX)

    def read(self, where: Any, key: str | None, options: Options) -> Dataset:
        datasets = optional("datasets", "hub")
        name, split, column = (*where.removeprefix(PREFIX).split(":"), None, None)[:3]
        if where.count(":") > 3 or not name:
            raise InputError(f"{where}: needs the form hf:NAME[:SPLIT[:COLUMN]]")
        on_disk = any((Path(name) / mark).is_file() for mark in ("state.json", "dataset_dict.json"))
        opened = datasets.load_from_disk(name) if on_disk else datasets.load_dataset(name)
        if isinstance(opened, dict):
            if split is None and len(opened) != 1:
                raise InputError(f"{where}: has splits {', '.join(opened)}; name one as {PREFIX}{name}:SPLIT")
            opened = next(iter(opened.values())) if split is None else choose(split, opened, f"{where}: split")
        return read_column(opened, column, where, options)


def read_column(rows: Any, column: str | None, name: str, options: Options) -> Dataset:
    """The items of one column, with the classes of another.

    Raises:
        InputError: no column of images or arrays, several and none named, or what cannot be read.
    """
    kinds = {field: type(feature).__name__ for field, feature in rows.features.items()}
    column = _column(kinds, column, name)
    census = Census("columns")
    census.read()
    labels = [field for field, kind in kinds.items() if kind == "ClassLabel"]
    classes = None
    if len(labels) == 1:
        named = rows.features[labels[0]].names
        classes = tuple("none" if one is None else named[one] for one in rows[labels[0]])
        census.read()
    for field in kinds:
        if field != column and not (classes is not None and field in labels):
            census.pass_over(field, "which are neither the items nor their classes")
    if kinds[column] == "Image":
        encoded = rows.cast_column(column, type(rows.features[column])(decode=False))
        pixels, notes = decode_rows(name, len(rows), lambda row: encoded[row][column], options, follow=True)
        data = Dataset(pixels, name, notes=notes)
    else:
        collected = Collected(name, len(rows), options)
        for row in track(range(len(rows)), "reading items", enabled=options.progress):
            collected.add(rows[row][column])
        data = Dataset(collected.array(), name, notes=collected.notes())
    return data.described(classes=classes, notes=(*census.notes(), *data.notes), source=census.to_dict())


def _column(kinds: dict[str, str], column: str | None, name: str) -> str:
    if column is not None:
        choose(column, kinds, f"{name}: column")
        return column
    for wanted in (("Image",), _ARRAYS):
        found = [field for field, kind in kinds.items() if kind in wanted]
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(f"{name}: name one of its columns {', '.join(found)} (hf:NAME:SPLIT:COLUMN)")
    raise InputError(f"{name}: has no column of images or arrays among {', '.join(kinds)}")
