"""Folders, with all that lies below them: images, arrays, shards, or IDX files.

A folder has one kind of data. Files that are none (``labels.csv``, ``metadata.jsonl`` …) are passed over; of two kinds
of data the one is read that has ten times as many files, and otherwise neither.
"""

import math
import struct
from pathlib import Path
from typing import Any, Literal, TypeAlias

from mnemoscope.data.census import FOREIGN, OTHER_KIND, OTHER_PART, TWIN, Census
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.decoding import Encoded
from mnemoscope.data.first_bytes import first_bytes, is_image
from mnemoscope.data.images import look_at_image
from mnemoscope.data.kept import bytes_in_memory
from mnemoscope.data.options import Options
from mnemoscope.data.sources.archives import TAR_SUFFIXES, read_shards
from mnemoscope.data.sources.array_folder import array_source, read_arrays
from mnemoscope.data.sources.contract import Look, Source
from mnemoscope.data.sources.dicom import DICOM_SUFFIXES, is_dicom, read_dicom
from mnemoscope.data.sources.idx import is_idx_name, labels_beside, load_idx, look_at_idx, with_labels
from mnemoscope.data.sources.image_files import is_image_name, of_images
from mnemoscope.data.sources.nifti import NIFTI_SUFFIXES, read_volumes
from mnemoscope.data.walk import readable, walk
from mnemoscope.errors import InputError
from mnemoscope.reading import reading
from mnemoscope.text import listed

Kind: TypeAlias = Literal["IDX files", "images", "arrays", "tar shards", "NIfTI volumes", "DICOM images"]

_NEARLY_ALL = 10


class Folder(Source):
    """A folder of images, of arrays, of tar shards or of IDX files; ``folder:KEY`` names an array of each file."""

    reads, keyed = "a folder of images, of arrays, of tar shards, of NIfTI or DICOM files or of IDX files", True

    def recognises(self, where: Any) -> bool:
        return isinstance(where, Path) and where.is_dir()

    def look(self, where: Path, key: str | None) -> Look | None:
        kind, files = _survey(where, Census())
        if kind == "IDX files":
            return Look(*look_at_idx(files[0]))
        if kind != "images":
            return None
        with reading(files[0]), files[0].open("rb") as file:
            shape, itemsize = look_at_image(file, files[0])
        n_bytes = len(files) * math.prod(shape) * itemsize
        return Look((len(files), *shape), bytes_in_memory(len(files), n_bytes))

    def read(self, where: Path, key: str | None, options: Options) -> Dataset:
        census = Census()
        kind, files = _survey(where, census)
        if key is not None and kind not in ("arrays", "tar shards"):
            raise InputError(f"{where}: holds {kind}, which have no names: leave out :{key}")
        if kind == "NIfTI volumes":
            return read_volumes(where, files, census, options)
        if kind == "DICOM images":
            return read_dicom(where, files, census, options)
        census.read(len(files))
        if kind == "IDX files":
            data = Dataset(load_idx(files[0]), str(where), notes=census.notes(), source=census.to_dict())
            return data if len(files) == 1 else with_labels(data, files[1])
        if kind == "arrays":
            return read_arrays(where, files, key, census, options)
        if kind == "tar shards":
            data = read_shards(where, files, key, options)
            return data.described(notes=(*census.notes(), *data.notes))
        images = [Encoded.of_file(readable(path.relative_to(where)), path) for path in files]
        return of_images(where, images, census, options)


def _survey(where: Path, census: Census) -> tuple[Kind, list[Path]]:
    """The kind of data that a folder holds, and the files to read; all others are counted as passed over."""
    kinds: dict[Kind, list[Path]] = {}
    foreign: list[Path] = []
    for path in walk(where, census):
        kind = _kind(path)
        (foreign if kind is None else kinds.setdefault(kind, [])).append(path)
    if not kinds:
        _pass_over(where, foreign, FOREIGN, census)
        there = "; ".join(census.notes())
        raise InputError(f"{where}: holds no images" + (f" or arrays: {there}" if there else ""))
    chosen = _choose(where, kinds)
    for kind, paths in kinds.items():
        if kind != chosen:
            _pass_over(where, paths, OTHER_KIND, census)
    _pass_over(where, foreign, FOREIGN if chosen == "images" else f"no {chosen}", census)
    return chosen, _of_training(where, kinds[chosen], census) if chosen == "IDX files" else kinds[chosen]


def _kind(path: Path) -> Kind | None:
    if is_image_name(path.name):
        return "images"
    if is_idx_name(path.name.removesuffix(".gz")):
        return "IDX files"
    if array_source(path.name) is not None:
        return "arrays"
    if path.name.lower().endswith(TAR_SUFFIXES):
        return "tar shards"
    if path.name.lower().endswith(NIFTI_SUFFIXES):
        return "NIfTI volumes"
    if path.name.lower().endswith(DICOM_SUFFIXES):
        return "DICOM images"
    with reading(path):
        first = first_bytes(path)
    if is_dicom(first) and path.name != "DICOMDIR":  # an index of the others
        return "DICOM images"
    return "images" if is_image(first) else None


def _choose(where: Path, kinds: dict[Kind, list[Path]]) -> Kind:
    most, *others = sorted(kinds, key=lambda kind: -len(kinds[kind]))
    if others and len(kinds[most]) < _NEARLY_ALL * len(kinds[others[0]]):
        there = " and ".join(f"{len(paths)} {kind}" for kind, paths in kinds.items())
        raise InputError(f"{where}: holds {there}; name one file, or give the data a folder of their own")
    return most


def _pass_over(where: Path, paths: list[Path], rule: str, census: Census) -> None:
    for path in paths:
        census.pass_over(readable(path.relative_to(where)), rule)


def _of_training(where: Path, paths: list[Path], census: Census) -> list[Path]:
    """The one file of the training images, and that of its labels if there is one; a file and its .gz are one."""
    plain = set(paths)
    twins = [path for path in paths if path.suffix == ".gz" and path.with_suffix("") in plain]
    for twin in twins:
        _check_twin(twin)
    alone = [path for path in paths if path not in twins]
    unlabelled = [path for path in alone if "label" not in path.name]
    train = [path for path in unlabelled if "train" in path.name] or unlabelled
    if len(train) != 1:
        files = listed([readable(path.relative_to(where)) for path in alone])
        raise InputError(f"{where}: cannot tell which IDX file holds the training images; name one of {files}")
    labels = labels_beside(train[0])
    read = train if labels not in alone else [train[0], labels]
    _pass_over(where, twins, TWIN, census)
    _pass_over(where, [path for path in alone if path not in read], OTHER_PART, census)
    return read


def _check_twin(twin: Path) -> None:
    """Compare the length in the last four bytes of a .gz file with that of the file beside it."""
    size = twin.with_suffix("").stat().st_size
    with reading(twin), twin.open("rb") as file:
        file.seek(-4, 2)
        (claimed,) = struct.unpack("<I", file.read(4))
    if claimed != size % 2**32:
        raise InputError(
            f"{twin}: holds {claimed} bytes, but the file beside it without .gz has {size}: which one is it?"
        )
