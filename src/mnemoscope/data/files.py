"""Data sets from files: one entry, ``load``, that tells the formats apart. Nothing here ever loads a pickle."""

import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialize_safetensors

from mnemoscope.data.arrays import Array, as_array
from mnemoscope.data.dataset import Dataset
from mnemoscope.data.images import load_image_folder
from mnemoscope.errors import InputError
from mnemoscope.output import atomic_file, check_writable

_IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_KEYED = (".npz", ".safetensors")
_WRITERS: dict[str, Callable[[BinaryIO, Array], object]] = {
    ".npy": lambda file, array: np.save(file, array, allow_pickle=False),
    ".npz": lambda file, array: np.savez_compressed(file, images=array, allow_pickle=False),
    ".safetensors": lambda file, array: file.write(serialize_safetensors({"images": array})),
}
FORMATS = ".npy, .npz, .safetensors, an IDX file (plain or .gz), a folder of IDX files or of images, or 'digits'"


def load(source: str | Path, *, progress: bool = False) -> Dataset:
    """Load a data set.

    Args:
        source: ``digits``; or a path to ``.npy`` (memory-mapped), ``.npz``, ``.safetensors``, an IDX file (plain,
            memory-mapped, or ``.gz``), a folder of IDX files (its training images) or a folder of images. A file
            with several arrays takes the array's name after a colon: ``samples.npz:images``.
        progress: show a bar while an image folder is read.

    Raises:
        InputError: nothing there, an unknown format, a damaged or truncated file, a pickle, several arrays and
            none named, or what ``Dataset`` refuses. The message names the file.
    """
    if str(source) == "digits":
        return load_digits()
    path, key = _split_key(str(source))
    if not path.exists():
        raise InputError(f"{path}: no such file or folder, and not a bundled data set ('digits')")
    try:
        if path.is_dir():
            return _load_folder(path, str(source), progress)
        return Dataset(_load_file(path, key), str(source))
    except PermissionError:
        raise InputError(f"{path}: permission denied") from None


def check_savable(path: str | Path) -> None:
    """Find out before long work whether ``save_array`` can write there.

    Raises:
        InputError: a suffix that it does not write.
        OutputError: the folder is missing or cannot be written to.
    """
    target = Path(path)
    if target.suffix not in _WRITERS:
        raise InputError(f"{path}: can write {', '.join(_WRITERS)}, not {target.suffix or 'a name without a suffix'}")
    check_writable(target.parent)


def save_array(path: str | Path, array: Array) -> None:
    """Write an array atomically as ``.npy``, ``.npz`` (named ``images``) or ``.safetensors`` (the same).

    Raises:
        InputError: another suffix.
        OutputError: the file cannot be written.
    """
    check_savable(path)
    with atomic_file(path) as temporary, temporary.open("wb") as file:
        _WRITERS[Path(path).suffix](file, array)


def load_digits() -> Dataset:
    """The 1,797 real handwritten digits that scikit-learn bundles: 8×8 pixels with values 0 to 16 (uint8)."""
    from sklearn.datasets import load_digits as bundled

    return Dataset(bundled().images.astype(np.uint8), "digits", (0.0, 16.0))


def _split_key(source: str) -> tuple[Path, str | None]:
    head, colon, key = source.rpartition(":")
    keyed = colon and head.endswith(_KEYED) and not Path(source).exists()
    return (Path(head), key) if keyed else (Path(source), None)


def _load_file(path: Path, key: str | None) -> Array:
    name = path.name.removesuffix(".gz")
    if path.suffix == ".npy":
        return _load_npy(path)
    if path.suffix == ".npz":
        return _load_npz(path, key)
    if path.suffix == ".safetensors":
        return _load_safetensors(path, key)
    if is_idx_name(name):
        return load_idx(path)
    raise InputError(f"{path}: unknown format; mnemoscope reads {FORMATS}")


def _load_npy(path: Path) -> Array:
    try:
        return np.asanyarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError, OSError) as error:
        raise InputError(f"{path}: {_why_not_numpy(error)}") from None


def _load_npz(path: Path, key: str | None) -> Array:
    try:
        # Opened here, since NumPy leaves a damaged archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return np.asarray(arrays[_pick(path, arrays.files, key)])
    except InputError:
        raise
    except (ValueError, EOFError, OSError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{path}: {_why_not_numpy(error)}") from None


def _why_not_numpy(error: Exception) -> str:
    if "pickle" in str(error) or "Python objects" in str(error):
        return "holds pickled Python objects, which are never loaded; save a plain numeric array instead"
    return f"is damaged or truncated ({str(error).splitlines()[0] if str(error) else type(error).__name__})"


def _load_safetensors(path: Path, key: str | None) -> Array:
    try:
        with safe_open(path, framework="pt") as tensors:
            return as_array(tensors.get_tensor(_pick(path, list(tensors.keys()), key)))
    except SafetensorError as error:
        raise InputError(f"{path}: is damaged or truncated ({error})") from None


def _pick(path: Path, keys: list[str], key: str | None) -> str:
    if key is None and len(keys) == 1:
        return keys[0]
    if key is not None and key in keys:
        return key
    wrong = f"has no array {key!r}" if key is not None else f"holds {len(keys)} arrays"
    raise InputError(f"{path}: {wrong}; name one as {path.name}:KEY among {', '.join(sorted(keys)) or '(none)'}")


def is_idx_name(name: str) -> bool:
    """Whether a file of this name (without .gz) is in the IDX format, as MNIST and its kin name theirs."""
    return name.endswith((".idx", "-ubyte")) or "-idx" in name


def load_idx(path: Path) -> Array:
    """An IDX file, plain (memory-mapped) or gzipped: a big-endian header, then the values.

    Raises:
        InputError: not an IDX file, or one whose length is not what its header says.
    """
    compressed = path.suffix == ".gz"
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            shape, dtype, offset = _read_idx_header(path, file)
            expected = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
            content = file.read() if compressed else b""
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: is damaged or truncated ({error})") from None
    found = len(content) if compressed else path.stat().st_size - offset
    if found != expected:
        raise InputError(f"{path}: is truncated or damaged: {found} bytes of values, its header says {expected}")
    if compressed:
        return np.frombuffer(content, dtype).reshape(shape)
    if expected == 0:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, mode="r", offset=offset, shape=shape)


def _read_idx_header(path: Path, file: Any) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES:
        raise InputError(f"{path}: is not an IDX file (it begins with {magic.hex() or 'nothing'})")
    n_axes = magic[3]
    sizes = file.read(4 * n_axes)
    if len(sizes) < 4 * n_axes:
        raise InputError(f"{path}: is truncated within its header")
    return struct.unpack(f">{n_axes}I", sizes), np.dtype(_IDX_TYPES[magic[2]]), 4 + 4 * n_axes


def _load_folder(folder: Path, name: str, progress: bool) -> Dataset:
    idx = sorted(p for p in folder.iterdir() if p.is_file() and is_idx_name(p.name.removesuffix(".gz")))
    if not idx:
        images, names, notes = load_image_folder(folder, progress=progress)
        return Dataset(images, name, names=names, notes=notes)
    unlabelled = [p for p in idx if "label" not in p.name]
    train = [p for p in unlabelled if "train" in p.name] or unlabelled
    if len(train) != 1:
        files = ", ".join(p.name for p in idx)
        raise InputError(f"{folder}: cannot tell which IDX file holds the training images; name one of {files}")
    return Dataset(load_idx(train[0]), name)
