"""Features that are computed once: a folder of safetensors files, named by what they are the features of.

The name is the SHA-256 of the items' fingerprint and the embedding's identity: with another item, weight or training
set of ``pca`` another file is looked for, and nothing needs to be cleared. A file is used only if its checksum, bound
to that name, holds and it has a finite row for each item. The checksum finds damage and files in the wrong place; it is
no protection against somebody who may write in the folder.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mnemoscope.auditing.features.base import Embedding, FeatureSpace, with_features
from mnemoscope.data import Dataset
from mnemoscope.data.arrays import Array
from mnemoscope.errors import InputError, OutputError
from mnemoscope.output import atomic_file, output_folder

_LAYOUT = "mnemoscope features 1"


@dataclass(frozen=True)
class Cached(FeatureSpace):
    """The features of another space, kept in a folder and read from there the next time.

    Features whose space cannot tell its identity (a plain callable) are computed every time, and a note says so. A file
    that is damaged, or is not what its name says, is computed again, and a note says so too.

    Args:
        space: whose features are kept.
        folder: where; made if it is not there.

    Raises:
        OutputError: when fitted, a folder that cannot be written to.
    """

    space: FeatureSpace
    folder: str | Path

    @property
    def name(self) -> str:
        return self.space.name

    def fit(self, train: Dataset, *, progress: bool = False) -> Embedding:
        return _CachedEmbedding(self.name, self.space.fit(train, progress=progress), output_folder(self.folder))


@dataclass(frozen=True)
class _CachedEmbedding(Embedding):
    name: str
    inner: Embedding
    folder: Path

    @property
    def identity(self) -> str | None:
        return self.inner.identity

    def embed(self, items: Dataset) -> Dataset:
        identity = self.inner.identity
        if identity is None:
            note = f"features {self.name} were not cached: a callable does not tell what it computes"
            return with_features(items, self.inner.embed(items).array, note)
        key = hashlib.sha256(json.dumps([_LAYOUT, identity, items.fingerprint]).encode()).hexdigest()
        path, notes = self.folder / f"{key}.safetensors", []
        if path.exists():
            try:
                return with_features(items, _read(path, key, len(items)))
            except InputError:
                notes.append(f"cached features {self.name} were damaged or not of these items, and were computed again")
        features = self.inner.embed(items).array
        try:
            _write(path, key, features)
        except OutputError:  # hours of features are worth more than the file
            notes.append(f"features {self.name} could not be written to the cache")
        return with_features(items, features, *notes)


def _write(path: Path, key: str, features: Array) -> None:
    features = np.asarray(features, order="C")  # safetensors writes what lies in memory, whatever the strides say
    with atomic_file(path, sync=False) as temporary:  # the checksum would tell
        save_file({"features": features}, temporary, {"layout": _LAYOUT, "sha256": _checksum(key, features)})


def _read(path: Path, key: str, n: int) -> Array:
    """The features in a file.

    Raises:
        InputError: it does not hold, whole, a finite row of float32 for each item under this key.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            features = file.get_tensor("features")
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: is damaged ({error})") from None
    if features.dtype != np.float32 or features.ndim != 2 or len(features) != n:
        raise InputError(f"{path}: holds {features.dtype} of shape {features.shape} for {n} items")
    if metadata.get("layout") != _LAYOUT or metadata.get("sha256") != _checksum(key, features):
        raise InputError(f"{path}: does not have the content of its checksum")
    return np.asarray(features)


def _checksum(key: str, features: Array) -> str:
    digest = hashlib.sha256(f"{key} {features.dtype.str} {features.shape}".encode())
    digest.update(np.ascontiguousarray(features).data)
    return digest.hexdigest()
