"""Look before you read: what the headers of several sources say, compared with each other and with memory.

``load`` compares the header of one source with its bytes and with memory. Sources that are to be used together must
also have items of one shape, and fit into memory together: both are known before the first value is decoded.
"""

import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from mnemoscope.data.dataset import Dataset
from mnemoscope.data.files import idx_of, load, pick, split_key
from mnemoscope.data.idx import is_idx_name, look_at_idx
from mnemoscope.data.images import look_at_images
from mnemoscope.data.numpy_files import look_at_npy, npz_members, read_member_header
from mnemoscope.errors import InputError
from mnemoscope.reading import check_memory, limits_memory, reading


@dataclass(frozen=True)
class Look:
    """What headers say of a data set.

    Attributes:
        shape: shape ``(n_samples, *event)``.
        n_bytes: that it takes in memory; 0 for what stays in its file.
    """

    shape: tuple[int, ...]
    n_bytes: int


def look(source: str | Path) -> Look | None:
    """What ``load`` would give for a source, by its headers alone; None where they do not tell.

    Raises:
        InputError: as ``load``, for what is wrong with the headers.
    """
    if str(source) == "digits":
        return None
    with reading(source):
        path, key = split_key(str(source))
        if path.is_dir():
            idx = idx_of(path)
            return _look_at_images(path) if idx is None else Look(*look_at_idx(idx))
        if not path.is_file():
            return None
        with reading(path):
            return _look_at_file(path, key)


@limits_memory
def load_together(
    sources: Mapping[str, str | Path | None], *, max_memory: int | None = None, progress: bool = False
) -> dict[str, Dataset]:
    """Load data sets that are to be compared, after a look at all of them.

    Args:
        sources: as ``load`` takes them, by what they are called in errors; None for a set that there is not. The others
            are compared with the first. They come back by the same names.
        max_memory: as of ``load``, for all of them together.
        progress: show bars.

    Raises:
        InputError: event shapes that differ (axes of size one do not matter), sets that do not fit into memory
            together, or whatever ``load`` raises.
    """
    del max_memory  # it is in force already
    given = {what: source for what, source in sources.items() if source is not None}
    looks = {what: seen for what, source in given.items() if (seen := look(source)) is not None}
    first, *others = looks or [""]
    for what in others:
        shape, expected = looks[what].shape[1:], looks[first].shape[1:]
        if [size for size in shape if size != 1] != [size for size in expected if size != 1]:
            raise InputError(f"{given[what]}: {what} has event shape {shape}, but {given[first]} has {expected}")
    check_memory(", ".join(str(given[what]) for what in looks), sum(seen.n_bytes for seen in looks.values()))
    return {what: load(source, progress=progress) for what, source in given.items()}


def _look_at_file(path: Path, key: str | None) -> Look | None:
    if path.suffix == ".npy":
        return Look(look_at_npy(path).shape, 0)
    if path.suffix == ".npz":
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = npz_members(archive)
            header = read_member_header(path, archive, members[pick(path, list(members), key)])
        return Look(header.shape, header.n_bytes)
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt") as tensors:
            shape = tuple(tensors.get_slice(pick(path, list(tensors.keys()), key)).get_shape())
        return Look(shape, path.stat().st_size)
    if is_idx_name(path.name.removesuffix(".gz")):
        return Look(*look_at_idx(path))
    return None


def _look_at_images(folder: Path) -> Look:
    shape, itemsize = look_at_images(folder)
    return Look(shape, math.prod(shape) * itemsize)
