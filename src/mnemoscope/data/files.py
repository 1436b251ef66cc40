"""Data sets from files: one entry, ``load``, that asks each source in turn. No pickle is ever loaded."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import numpy as np
from safetensors.numpy import save as serialize_safetensors

from mnemoscope.data.arrays import Array
from mnemoscope.data.channels import Channels
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.first_bytes import told_apart
from mnemoscope.data.options import Options
from mnemoscope.data.sources import SOURCES, source_of
from mnemoscope.data.sources.tables import rows_of_array
from mnemoscope.data.tables import Declaration, TableSchema, read_declaration
from mnemoscope.errors import InputError
from mnemoscope.output import atomic_file, check_output_file
from mnemoscope.reading import limits_memory, reading

_WRITERS: dict[str, Callable[[BinaryIO, Array], object]] = {
    # Into a file of the system numpy writes through a buffer of C, and is not told when the disk is full at its end.
    ".npy": lambda file, array: np.save(SimpleNamespace(write=file.write), array, allow_pickle=False),
    ".npz": lambda file, array: np.savez_compressed(file, images=array),
    ".safetensors": lambda file, array: file.write(serialize_safetensors({"images": array})),
}


@limits_memory
def load(
    source: Any,
    *,
    resize: int | None = None,
    channels: Channels | None = None,
    value_range: tuple[float, float] | None = None,
    schema: TableSchema | Declaration | str | Path | None = None,
    max_memory: int | None = None,
    workers: int | None = None,
    progress: bool = False,
) -> Dataset:
    """Load a data set.

    All that lies in a source is read, or passed over by a rule and counted in ``Dataset.notes``, or refused. Images of
    large folders and archives, and arrays of large folders, are kept decoded on disk (see :doc:`/sources`).

    Args:
        source: a path, a name or an object. A file: ``.npy`` (memory-mapped), ``.npz``, ``.safetensors``, ``.pt`` or
            ``.pth`` (tensors only), zarr, an IDX file (plain, memory-mapped, or ``.gz``), a zip or tar archive of
            images. A folder, with all that lies below it: images, arrays (one an item, or shards), tar shards, or IDX
            files (its training images). Where there are several arrays, the name of one follows a colon:
            ``samples.npz:images``, ``folder:images``. Names: ``digits``, and ``hf:NAME[:SPLIT[:COLUMN]]`` for data sets
            of a hub. Tables: ``.csv``, ``.tsv`` and ``.parquet``. Objects: torch's ``Dataset`` and ``DataLoader``,
            ``datasets.Dataset`` and pandas' ``DataFrame``.
        resize: fit pictures into squares of this size: the largest centred square of each, by Pillow's Lanczos filter.
        channels: the axis of channels is to be the ``first`` or the ``last`` of an item; or pictures are to be ``grey``
            (one of three equal channels) or in ``colour`` (three equal channels of a grey picture).
        value_range: what black and white (or the extremes) are, where the number format does not tell: floating point.
        schema: of a table: what its columns are, by their names (``{"grade": "ordinal:low<mid<high", "id": "group"}``),
            or a JSON file of that, where it is not to be inferred; or the ``Dataset.schema`` of a training set, by
            which held-out and generated rows are to be read.
        max_memory: bytes that this process may take in all; what does not fit is refused before it is decoded. Left
            out, what the machine and the limits set on the process leave.
        workers: processes that decode the images of a folder; left out, as many as there are threads
            (``OMP_NUM_THREADS``), where the first images say that it is worth their start.
        progress: show a bar while items are read one by one.

    Raises:
        InputError: nothing there, an unknown format, a damaged or truncated file, a pickle, several arrays and
            none named, pictures of several sizes without ``resize``, more than fits into memory, or what ``Dataset``
            refuses. The message names the file, and what it is by its first bytes where its name says something else.
    """
    del max_memory  # it is in force already
    columns = schema if schema is None or isinstance(schema, TableSchema) else read_declaration(schema)
    options = Options(resize, channels, value_range, progress, columns, workers)
    if not isinstance(source, str | Path):
        name = type(source).__name__
        with reading(name):
            return _made(source_of(source, name).read(source, None, options), options)
    with ExitStack() as stack:
        stack.enter_context(reading(source))
        where, key = split_key(str(source))
        if isinstance(where, Path):
            if not where.exists():
                raise InputError(f"{where}: no such file or folder, and not a bundled data set ('digits')")
            if where.is_file():
                stack.enter_context(told_apart(where))
        stack.enter_context(reading(where))
        data = source_of(where, str(where)).read(where, key, options).described(name=str(source))
        return _made(data, options)


def source_paths(*sources: Any) -> list[Path]:
    """The files and folders that ``load`` would read for these sources: no bundled data sets, no array's names."""
    with reading(str(sources[0]) if sources else ""):
        places = [split_key(str(source))[0] for source in sources if isinstance(source, str | Path)]
        return [place for place in places if isinstance(place, Path)]


def check_savable(path: str | Path) -> None:
    """Find out before long work whether ``save_array`` can write there.

    Raises:
        InputError: a suffix that it does not write.
        OutputError: the folder is missing or cannot be written to, or no file can have that name.
    """
    target = Path(path)
    if target.suffix not in _WRITERS:
        raise InputError(f"{path}: can write {', '.join(_WRITERS)}, not {target.suffix or 'a name without a suffix'}")
    check_output_file(target)


def save_array(path: str | Path, array: Array) -> None:
    """Write an array atomically as ``.npy``, ``.npz`` (named ``images``) or ``.safetensors`` (the same).

    Raises:
        InputError: another suffix, or an array of Python objects.
        OutputError: the file cannot be written.
    """
    check_savable(path)
    if array.dtype.hasobject:
        raise InputError(f"{path}: the array holds Python objects, which only a pickle could store")
    array = np.asarray(array, order="C")  # safetensors writes what lies in memory, whatever the strides say
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        _WRITERS[Path(path).suffix](file, array)


def split_key(source: str) -> tuple[Path | str, str | None]:
    """The place or the name, and the array's name after a colon."""
    if not Path(source).exists():
        if any(each.recognises(source) for each in SOURCES):
            return source, None
        head, colon, key = source.rpartition(":")
        if colon and (
            Path(head).is_dir() or any(head.lower().endswith(each.suffixes) for each in SOURCES if each.keyed)
        ):
            return Path(head), key
    elif source == "digits" or source.startswith("hf:"):
        return source, None
    return Path(source), None


def _made(data: Dataset, options: Options) -> Dataset:
    """The set in the form that is asked for, which reports repeat."""
    if options.schema is not None and data.schema is None:
        if not isinstance(options.schema, TableSchema):
            raise InputError(f"{data.name}: is no table, and has no columns to declare")
        data = rows_of_array(data, options.schema)
    data, asked = options.apply(data), options.to_dict()
    return data.described(source={**(data.source or {}), **asked}) if asked else data
