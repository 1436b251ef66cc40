"""Arrays that stay in their file: memory maps that the library never reads through.

A page of a map whose file was truncated cannot be read: the system ends the process by SIGBUS, without a word. So rows
are copied out by ``pread`` on a descriptor that stays open, which at the worst comes back short, and the file's size
and time of change are compared before and after every block: what was changed while it was read is refused, not mixed.

The map is left for what a caller does with the array himself, and as the account of what lies where: slices and
reshapes are views, as of any array, and still know their place in the file.
"""

import mmap
import operator
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnemoscope.errors import InputError
from mnemoscope.reading import reading

_GAP = 2**15
"""Bytes between two rows that are cheaper to read than to ask for both."""
_SPAN = 2**24
"""The most bytes that are read at once for rows that do not follow each other."""


class _File:
    """An open file, and whether it is still what it was when it was opened."""

    def __init__(self, path: str, handle: int, *, may_change: bool, shared: bool = True) -> None:
        self.path, self.handle, self.may_change, self.shared = path, handle, may_change, shared
        weakref.finalize(self, os.close, handle)
        self.state = self._state()

    def read(self, into: NDArray[Any], place: int) -> None:
        """Fill a contiguous array from a place in the file."""
        view = into.reshape(-1).view(np.uint8).data
        done = 0
        while done < len(view):
            count = os.preadv(self.handle, [view[done:]], place + done)
            if not count:
                raise InputError(f"{self.path}: was truncated while it was read")
            done += count

    def check(self) -> None:
        """Raise an ``InputError`` if the file was changed or truncated since it was opened."""
        if self._state() != self.state:
            raise InputError(f"{self.path}: was changed or truncated while it was read")

    def _state(self) -> tuple[int, int]:
        found = os.fstat(self.handle)
        return found.st_size, 0 if self.may_change else found.st_mtime_ns


class Place(NamedTuple):
    """Where the values of an array lie, one after the other, for another process that sees the same file.

    Attributes:
        path: of the file.
        offset: of the first value, in bytes.
        dtype: their format, as NumPy writes it.
        shape: of the array.
        state: the file's size and time of change; a file of another state is another one.
    """

    path: str
    offset: int
    dtype: str
    shape: tuple[int, ...]
    state: tuple[int, int]

    def open(self) -> "StoredArray":
        """The array.

        Raises:
            InputError: the file is not there, or not what it was.
        """
        with reading(self.path), Path(self.path).open("rb") as file:
            array = StoredArray.open(file, np.dtype(self.dtype), self.shape, self.offset)
        if array._file is None or array._file.state != self.state:
            raise InputError(f"{self.path}: was changed since the search began")
        return array


class StoredArray(np.memmap[Any, Any]):
    """A memory map whose rows are read by copies.

    Slices and reshapes are views; whatever else is picked out of it, as rows by their numbers, is an array in memory.
    """

    _file: _File | None
    _start: int

    @classmethod
    def open(
        cls,
        file: BinaryIO,
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        offset: int,
        *,
        fortran_order: bool = False,
        shared: bool = True,
    ) -> "StoredArray":
        """An array that begins ``offset`` bytes into an open file, and has values; if not ``shared``, without place."""
        mapped = np.memmap(file, dtype, "r", offset, shape, "F" if fortran_order else "C")
        return cls._guarding(mapped, _File(file.name, os.dup(file.fileno()), may_change=False, shared=shared))

    @classmethod
    def of(cls, mapped: np.memmap[Any, Any]) -> "np.memmap[Any, Any]":
        """The same for a map that a caller made, where its file is there and it is no private copy of it."""
        path, whole = mapped.filename, getattr(mapped, "_mmap", None)
        if isinstance(mapped, StoredArray) or path is None or whole is None or mapped.mode == "c":
            return mapped
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            file = _File(str(path), handle, may_change=mapped.mode != "r")
            if file.state[0] != whole.size():  # another file of that name
                return mapped
        except (OSError, ValueError):
            return mapped
        return cls._guarding(mapped, file)

    @classmethod
    def _guarding(cls, mapped: np.memmap[Any, Any], file: _File) -> "StoredArray":
        guarded: StoredArray = mapped.view(cls)
        # The address that the file's first byte would have.
        whole = np.frombuffer(mapped.__dict__["_mmap"], np.uint8)
        guarded._start = _address(whole) - (mapped.offset - mapped.offset % mmap.ALLOCATIONGRANULARITY)
        guarded._file = file
        return guarded

    def __array_finalize__(self, obj: object) -> None:
        super().__array_finalize__(obj)
        shares = self.__dict__["_mmap"] is not None  # np.memmap keeps it of what shares its memory only
        self._file = getattr(obj, "_file", None) if shares else None
        self._start = getattr(obj, "_start", 0)

    def __getitem__(self, key: Any) -> Any:
        """A view for slices; what else is asked for, in memory."""
        if self._file is None or isinstance(key, slice):
            return super().__getitem__(key)
        if isinstance(key, tuple):
            if all(one is None or one is Ellipsis or isinstance(one, slice | int | np.integer) for one in key):
                whole = key if Ellipsis in key else (*key, ...)  # a view even of a single value
                return read_stored(super().__getitem__(whole))[()]
            return read_stored(self)[key]
        numbers = np.asarray(key)
        if numbers.ndim == 1 and (numbers.dtype.kind in "biu" or not len(numbers)):
            return self._picked(np.arange(len(self))[key])  # with NumPy's own rules and errors
        if isinstance(key, int | np.integer):
            row = range(len(self))[operator.index(key)]
            return read_stored(super().__getitem__(slice(row, row + 1)))[0]
        return read_stored(self)[key]

    @property
    def place(self) -> Place | None:
        """Where its values are; None where they do not follow each other in a file that others see and that stays."""
        file = self._file
        if file is None or file.may_change or not file.shared or not self.flags.c_contiguous:
            return None
        path = str(Path(file.path).absolute())
        return Place(path, _address(self) - self._start, self.dtype.str, self.shape, file.state)

    def astype(self, dtype: Any, *args: Any, **options: Any) -> NDArray[Any]:
        """In memory."""
        if self._file is None:
            return super().astype(dtype, *args, **options)
        return read_stored(self).astype(dtype, *args, **options)

    def copy(self, *args: Any, **options: Any) -> Any:
        """In memory."""
        return np.array(read_stored(self), *args, **options) if self._file else super().copy(*args, **options)

    def __reduce__(self) -> Any:
        """In other processes it is an array in memory."""
        return read_stored(self).__reduce__()

    def _picked(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """Items by their numbers, read in the order in which they are stored."""
        found = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        order = np.argsort(numbers, kind="stable")
        size = self[:1].nbytes
        pieces = max(1, size // max(self.itemsize, abs(self.strides[0])))  # an item lies in, as by columns
        for run in _runs(numbers[order], size, pieces):
            where = order[run]
            first, last = numbers[where[0]], numbers[where[-1]]
            found[where] = read_stored(self[first : last + 1])[numbers[where] - first]
        return found


def read_stored(values: NDArray[Any]) -> NDArray[Any]:
    """What is stored, in memory; any other array as it is.

    Raises:
        InputError: its file was changed or truncated.
    """
    file = getattr(values, "_file", None)
    if not isinstance(values, StoredArray) or file is None:
        return values
    order = sorted(range(values.ndim), key=lambda axis: -abs(values.strides[axis]))
    sorted_axes = values.view(np.ndarray).transpose(order)
    found = np.empty(sorted_axes.shape, values.dtype)
    file.check()
    if found.size:
        _fill(file, sorted_axes, found, values._start)
    file.check()
    return found.transpose(np.argsort(order))


def _fill(file: _File, values: NDArray[Any], found: NDArray[Any], start: int) -> None:
    """Read ``found``, contiguous, part by part where the values do not follow each other in the file."""
    if values.flags.c_contiguous:
        file.read(found, _address(values) - start)
    elif values.ndim > 1:
        for one, into in zip(values, found, strict=True):
            _fill(file, one, into, start)
    else:
        (stride,) = values.strides
        step = max(1, _SPAN // max(1, abs(stride)))
        for at in range(0, len(values), step):
            part = values[at : at + step]
            low = part[-1:] if stride < 0 else part
            raw = np.empty((len(part) - 1) * abs(stride) + values.itemsize, np.uint8)
            file.read(raw, _address(low) - start)
            strided = np.ndarray(len(part), values.dtype, raw, strides=(abs(stride),))
            found[at : at + step] = strided[::-1] if stride < 0 else strided


def _runs(numbers: NDArray[Any], size: int, pieces: int) -> Iterator[slice]:
    """Parts of ascending row numbers that are read at once, for items of ``size`` bytes in so many pieces each."""
    ends = [*(np.flatnonzero(np.diff(numbers) * size > _GAP * pieces) + 1), len(numbers)]
    at, most = 0, max(1, _SPAN // max(1, size))
    for end in ends:
        while at < end:
            stop = at + int(np.searchsorted(numbers[at:end], numbers[at] + most))
            yield slice(at, stop)
            at = stop


def _address(values: NDArray[Any]) -> int:
    return int(values.__array_interface__["data"][0])
