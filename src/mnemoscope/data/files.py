"""Data sets from files: one entry, ``load``, that tells the formats apart. Nothing here ever loads a pickle."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save as serialize_safetensors

from mnemoscope.data.arrays import Array, as_array
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.idx import is_idx_name, load_idx
from mnemoscope.data.images import load_image_folder
from mnemoscope.data.numpy_files import load_npy, npz_members, read_npy_member
from mnemoscope.errors import InputError
from mnemoscope.output import atomic_file, check_output_file
from mnemoscope.reading import check_memory, limits_memory, reading
from mnemoscope.text import listed, one_name

_KEYED = (".npz", ".safetensors")
_WRITERS: dict[str, Callable[[BinaryIO, Array], object]] = {
    ".npy": lambda file, array: np.save(file, array, allow_pickle=False),
    ".npz": lambda file, array: np.savez_compressed(file, images=array),
    ".safetensors": lambda file, array: file.write(serialize_safetensors({"images": array})),
}
FORMATS = ".npy, .npz, .safetensors, an IDX file (plain or .gz), a folder of IDX files or of images, or 'digits'"


@limits_memory
def load(source: str | Path, *, max_memory: int | None = None, progress: bool = False) -> Dataset:
    """Load a data set.

    Args:
        source: ``digits``; or a path to ``.npy`` (memory-mapped), ``.npz``, ``.safetensors``, an IDX file (plain,
            memory-mapped, or ``.gz``), a folder of IDX files (its training images) or a folder of images. A file
            with several arrays takes the array's name after a colon: ``samples.npz:images``.
        max_memory: bytes that this process may take in all; what does not fit is refused before it is decoded. Left
            out, what the machine and the limits set on the process leave.
        progress: show a bar while an image folder is read.

    Raises:
        InputError: nothing there, an unknown format, a damaged or truncated file, a pickle, several arrays and
            none named, more than fits into memory, or what ``Dataset`` refuses. The message names the file.
    """
    del max_memory  # it is in force already
    if str(source) == "digits":
        return load_digits()
    with reading(source):
        path, key = split_key(str(source))
        if path.is_dir():
            return _load_folder(path, str(source), progress)
        if not path.exists():
            raise InputError(f"{path}: no such file or folder, and not a bundled data set ('digits')")
        if not path.is_file():
            raise InputError(f"{path}: is neither a file nor a folder")
        with reading(path):
            return Dataset(_load_file(path, key), str(source))


def source_paths(*sources: str | Path | None) -> list[Path]:
    """The files and folders that ``load`` would read for these sources: no bundled data sets, no array's names."""
    with reading(str(sources[0]) if sources else ""):
        return [split_key(str(source))[0] for source in sources if source is not None and str(source) != "digits"]


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
        InputError: another suffix.
        OutputError: the file cannot be written.
    """
    check_savable(path)
    array = np.asarray(array, order="C")  # safetensors writes what lies in memory, whatever the strides say
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        _WRITERS[Path(path).suffix](file, array)


def load_digits() -> Dataset:
    """The 1,797 real handwritten digits that scikit-learn bundles: 8×8 pixels with values 0 to 16 (uint8)."""
    from sklearn.datasets import load_digits as bundled

    return Dataset(bundled().images.astype(np.uint8), "digits", (0.0, 16.0))


def split_key(source: str) -> tuple[Path, str | None]:
    """The path of a source, and the name of the array within the file, if one is given."""
    head, colon, key = source.rpartition(":")
    keyed = colon and head.endswith(_KEYED) and not Path(source).exists()
    return (Path(head), key) if keyed else (Path(source), None)


def _load_file(path: Path, key: str | None) -> Array:
    name = path.name.removesuffix(".gz")
    if path.suffix == ".npy":
        return load_npy(path)
    if path.suffix == ".npz":
        return _load_npz(path, key)
    if path.suffix == ".safetensors":
        return _load_safetensors(path, key)
    if is_idx_name(name):
        return load_idx(path)
    raise InputError(f"{path}: unknown format; mnemoscope reads {FORMATS}")


def _load_npz(path: Path, key: str | None) -> Array:
    with path.open("rb") as file, zipfile.ZipFile(file) as archive:
        members = npz_members(archive)
        return read_npy_member(path, archive, members[pick(path, list(members), key)])


def _load_safetensors(path: Path, key: str | None) -> Array:
    with safe_open(path, framework="pt") as tensors:  # compares every claim with the file's size
        name = pick(path, list(tensors.keys()), key)
        check_memory(path, path.stat().st_size)
        return as_array(tensors.get_tensor(name), str(path))


def pick(path: Path, keys: list[str], key: str | None) -> str:
    """The name of the array that is meant, of those in a file.

    Raises:
        InputError: it is not there, or there are several and none is named.
    """
    if key is None and len(keys) == 1:
        return keys[0]
    if key is not None and key in keys:
        return key
    wrong = f"has no array {one_name(repr(key))}" if key is not None else f"holds {len(keys)} arrays"
    raise InputError(f"{path}: {wrong}; name one as {path.name}:KEY among {listed(sorted(keys)) or '(none)'}")


def _load_folder(folder: Path, name: str, progress: bool) -> Dataset:
    idx = idx_of(folder)
    if idx is not None:
        return Dataset(load_idx(idx), name)
    images, names, notes = load_image_folder(folder, progress=progress)
    return Dataset(images, name, names=names, notes=notes)


def idx_of(folder: Path) -> Path | None:
    """The IDX file of a folder's training images; None where it holds no IDX files.

    Raises:
        InputError: it holds several, and they do not tell.
    """
    idx = sorted(p for p in folder.iterdir() if p.is_file() and is_idx_name(p.name.removesuffix(".gz")))
    if not idx:
        return None
    unlabelled = [p for p in idx if "label" not in p.name]
    train = [p for p in unlabelled if "train" in p.name] or unlabelled
    if len(train) != 1:
        files = listed([p.name for p in idx])
        raise InputError(f"{folder}: cannot tell which IDX file holds the training images; name one of {files}")
    return train[0]
