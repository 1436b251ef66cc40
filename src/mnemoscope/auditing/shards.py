"""The search of a training set in shards of its rows, which other processes and machines compute.

Each shard gives its own exact k nearest of each query, with the certificate of ``neighbours``; whatever is among the k
nearest of all is among the k nearest of its shard, so that their union, ranked by distance and then by row, is the
answer of one search, bit by bit. What a query passes over (itself) is left to the ranking: shards give one more.

A shard is a trial of ``sweeps``: known by the content of what it searches, computed once, one file with a checksum.
Workers read the training set where it lies, if that is an array in a file, or a copy that is made for them.
"""

import hashlib
import shutil
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr

from mnemoscope.data.arrays import CHUNK_BYTES, Array
from mnemoscope.data.numpy_files import as_bytes, write_npy
from mnemoscope.data.stored import Place, StoredArray, read_stored
from mnemoscope.errors import InputError, OutputError
from mnemoscope.neighbours import Neighbours, nearest_neighbours, rank
from mnemoscope.output import atomic_file, output_subfolder
from mnemoscope.reading import reading
from mnemoscope.sweeps import Certificates, Result, Session, Store, Trial, session

INPUTS = "inputs"
SHARDS, FEWEST_ROWS = 32, 4096
"""A set is cut into so many shards, but none has fewer rows: what a kill costs, and how many workers have work."""

SMALL = 2**32
"""Searches of fewer multiplications than this are done at once, where they are asked for."""

_QUERIES = 8192
_Known: TypeAlias = dict[int, tuple["weakref.ref[Array]", str]]


class Shard(Trial, frozen=True):
    """The k nearest of some rows.

    Attributes:
        data: what is searched; this and the following are SHA-256 of contents.
        queries: of what.
        ignore: rows that are passed over; None for none.
        first: the first of the rows.
        stop: the first that is none of them any more.
        k: how many neighbours.
    """

    data: str
    queries: str
    ignore: str | None
    first: int = Field(ge=0)
    stop: int = Field(ge=1)
    k: int = Field(ge=1)

    # No part of what it is: another machine, another day, the same result.
    _where: dict[str, Any] = PrivateAttr(default_factory=dict)

    def at(self, inputs: Path, place: Place | None) -> "Shard":
        """The same, knowing where its inputs are."""
        self._where.update(inputs=inputs, place=place)
        return self

    def run(self) -> Result:
        rows = slice(self.first, self.stop)
        place: Place | None = self._where["place"]
        data = self._open(self.data) if place is None else place.open()
        ignore = None if self.ignore is None else np.array(self._open(self.ignore)[rows])
        device = "cuda" if torch.cuda.is_available() else "cpu"
        found = nearest_neighbours(self._open(self.queries), data[rows], self.k, ignore=ignore, device=device)
        dims = ("query", "neighbour")
        return {"distances": (dims, found.distances), "indices": (dims, found.indices + self.first)}

    def _open(self, key: str) -> Array:
        path = _file_of(self._where["inputs"], key)
        if not path.exists():
            raise OutputError(f"{path}: workers need a shared directory")
        with reading(path):
            found: Array = np.load(path, mmap_mode="r")
        return found


class ShardedSearch:
    """``nearest_neighbours`` over shards, with the same answer."""

    def __init__(self, trials: Session) -> None:
        self._trials, self._inputs = trials, trials.root / INPUTS
        output_subfolder(self._inputs)
        self._known: _Known = {}

    @property
    def computed(self) -> int:
        """How many shards were computed; others were finished already."""
        return self._trials.computed

    def __call__(
        self,
        queries: Array,
        data: Array,
        k: int,
        *,
        ignore: NDArray[np.bool_] | None = None,
        exclude: NDArray[np.int64] | None = None,
        progress: bool = False,
    ) -> Neighbours:
        """As ``nearest_neighbours`` says."""
        if len(queries) * data.size < SMALL:
            return nearest_neighbours(queries, data, k, ignore=ignore, exclude=exclude, progress=progress)
        found = []
        for start in range(0, len(queries), _QUERIES):
            some = slice(start, start + _QUERIES)
            skipped = None if exclude is None else exclude[some]
            found.append(self._merged(read_stored(queries[some]), data, k, ignore, skipped))
        return Neighbours(*(np.concatenate([getattr(one, each) for one in found]) for each in ("distances", "indices")))

    def _merged(
        self,
        queries: Array,
        data: Array,
        k: int,
        ignore: NDArray[np.bool_] | None,
        exclude: NDArray[np.int64] | None,
    ) -> Neighbours:
        shards = self._shards(queries, data, k + (exclude is not None), ignore)
        if not shards:
            raise InputError(f"k must lie between 1 and the number of eligible data points, 0; got k={k}")
        if self._trials.missing(shards):
            one = shards[0]
            self._write(queries, one.queries)
            if ignore is not None and one.ignore is not None:
                self._write(ignore, one.ignore)
            place = data.place if isinstance(data, StoredArray) else None
            if place is None:
                self._write(data, one.data)
            shards = [shard.at(self._inputs, place) for shard in shards]
        records = self._trials.compute(shards)
        distances, indices = (
            np.concatenate([record.variables[name][1] for record in records], axis=1)
            for name in ("distances", "indices")
        )
        if exclude is not None:
            distances = np.where(indices == exclude[:, None], np.inf, distances)
        return Neighbours(*(each.numpy() for each in rank(torch.from_numpy(distances), torch.from_numpy(indices), k)))

    def _shards(self, queries: Array, data: Array, k: int, ignore: NDArray[np.bool_] | None) -> list[Shard]:
        n = len(data)
        rows = max(FEWEST_ROWS, -(-n // SHARDS))
        keys = self._key(data), content_key(queries), None if ignore is None else content_key(ignore)
        cuts = [(first, min(first + rows, n)) for first in range(0, n, rows)]
        eligible = [stop - first - (0 if ignore is None else int(ignore[first:stop].sum())) for first, stop in cuts]
        return [
            Shard(data=keys[0], queries=keys[1], ignore=keys[2], first=first, stop=stop, k=min(k, some))
            for (first, stop), some in zip(cuts, eligible, strict=True)
            if some
        ]

    def _key(self, data: Array) -> str:
        """Of a large array, which is read once for it as long as it lives."""
        reference, key = self._known.get(id(data), (None, ""))
        if reference is None or reference() is not data:
            key = content_key(data)
            self._known[id(data)] = weakref.ref(data), key
        return key

    def _write(self, values: Array, key: str) -> None:
        path = _file_of(self._inputs, key)
        if path.exists():
            return
        with atomic_file(path) as temporary, temporary.open("wb") as file:
            write_npy(file, values.shape, values.dtype, _parts(values))


@contextmanager
def sharded_search(
    folder: str | Path, *, scheduler: str | None, certificates: tuple[str | Path, ...] | None = None
) -> Iterator["ShardedSearch"]:
    """A search that keeps finished shards in ``folder`` until the block ends well; then they go, as do its copies.

    Args:
        folder: on a file system that all workers share, at the same path.
        scheduler: as of ``sweeps.sweep``.
        certificates: as ``sweeps.Certificates``.

    Raises:
        InputError: the scheduler cannot be had, or another process is working in the folder.
        OutputError: the folder cannot be written to.
        MissingExtraError: a scheduler without Dask.
    """
    known = None if certificates is None else Certificates(*certificates)
    with session(folder, scheduler=scheduler, certificates=known) as trials:
        yield ShardedSearch(trials)
        shutil.rmtree(trials.root / INPUTS, ignore_errors=True)
        Store(trials.root).remove()


def content_key(values: Array) -> str:
    """SHA-256 of an array's dtype, shape and values."""
    digest = hashlib.sha256(f"{values.dtype.str} {values.shape}\n".encode())
    for part in _parts(values):
        digest.update(as_bytes(part).data)
    return digest.hexdigest()


def _parts(values: Array) -> Iterator[Array]:
    """An array's values, in order, a chunk at a time."""
    rows = max(1, CHUNK_BYTES // max(1, values[:1].nbytes))
    for start in range(0, len(values), rows):
        yield read_stored(values[start : start + rows])


def _file_of(inputs: Path, key: str) -> Path:
    return inputs / f"{key}.npy"
