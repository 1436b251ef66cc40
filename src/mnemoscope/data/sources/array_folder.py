"""Folders of arrays: each file is one item, or a shard with items along its first axis.

What the shapes say decides, and the notes say what was decided. Files of different lengths and otherwise one shape are
shards. Files of one shape are items where that shape is a vector's or a picture's, ``(height, width)`` or with 1 or 3
channels, and shards otherwise; a single file is a shard.
"""

from collections.abc import Iterator
from pathlib import Path

from mnemoscope.data.arrays import Array
from mnemoscope.data.census import Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.images import image_layout
from mnemoscope.data.kept import State, gathered
from mnemoscope.data.options import Options
from mnemoscope.data.sources.contract import ArrayFile
from mnemoscope.data.sources.image_files import folder_classes
from mnemoscope.data.sources.numpy_arrays import NpyFile, NpzFile
from mnemoscope.data.sources.tensors import SafetensorsFile, TorchFile
from mnemoscope.data.walk import readable
from mnemoscope.errors import InputError
from mnemoscope.progress import track

ARRAY_FILES: tuple[ArrayFile, ...] = (NpyFile(), NpzFile(), SafetensorsFile(), TorchFile())
"""The files of which a folder may be made."""


def array_source(name: str) -> ArrayFile | None:
    """What reads a file of this name as an array; None where nothing does."""
    return next((source for source in ARRAY_FILES if name.lower().endswith(source.suffixes)), None)


def read_arrays(folder: Path, files: list[Path], key: str | None, census: Census, options: Options) -> Dataset:
    """The items of all files in their order; files that are items each lend them their names.

    Every file is read twice, first for its shape: what all need is compared with memory before it is taken.

    Raises:
        InputError: a file that cannot be read, or whose shape or number format is not that of the others.
    """
    inner = Census("arrays")
    shapes = []
    for path in track(files, "reading shapes", enabled=options.progress):
        values, counted = _read(path, key)
        shapes.append((values.shape, values.dtype))
        inner.add(counted)
        if values.dtype != shapes[0][1]:
            raise InputError(f"{path}: holds {values.dtype}, but {files[0].name} holds {shapes[0][1]}")
    as_shards = _are_shards(files, [shape for shape, _ in shapes])
    first, dtype = shapes[0]
    lengths = [shape[0] if as_shards else 1 for shape, _ in shapes]
    event = first[1:] if as_shards else first

    def parts(notes: list[str]) -> Iterator[Array]:
        del notes  # there are none
        for path in track(files, "reading arrays", enabled=options.progress):
            values, _ = _read(path, key)
            yield values if as_shards else values[None]

    states = [State.of(path) for path in files]
    made, kept = gathered(folder, states, ["arrays", key, as_shards], (sum(lengths), *event), dtype, parts)
    what = "a shard of items" if as_shards else "one item"
    note = f"each of {len(files)} files was taken for {what}, by their shapes such as {first}"
    names = None if as_shards else tuple(readable(path.relative_to(folder)) for path in files)
    notes = (*census.notes(), *inner.notes(), *((note,) if len(files) > 1 else ()), *kept)
    classes = None if names is None else folder_classes(names)
    return Dataset(made, str(folder), names=names, notes=notes, classes=classes, source=census.to_dict())


def _read(path: Path, key: str | None) -> tuple[Array, Census]:
    source = array_source(path.name)
    if source is None:
        raise InputError(f"{path}: is no array")
    if key is not None and not source.keyed:
        raise InputError(f"{path}: holds one array, which has no name: leave out :{key}")
    return source.array(path, key)


def _are_shards(files: list[Path], shapes: list[tuple[int, ...]]) -> bool:
    if len(files) == 1:
        return True
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return not (len(first) == 1 or image_layout(first) is not None)
    for path, shape in zip(files, shapes, strict=True):
        if len(shape) < 2 or shape[1:] != first[1:]:
            raise InputError(
                f"{path}: holds shape {shape}, but {files[0].name} holds {first}: neither items nor shards"
            )
    return True
