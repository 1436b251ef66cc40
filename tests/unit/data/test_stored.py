"""Arrays that stay in their file: read like the array that was saved, by copies, and refused once the file changes."""

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from mnemoscope.data import as_array, load, row_chunks, stored
from mnemoscope.data.stored import StoredArray, read_stored
from mnemoscope.errors import InputError
from mnemoscope.neighbours import nearest_neighbours

shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=9)
dtypes = st.sampled_from(["u1", "?", "<f4", ">f8", "<i2"])


def saved(folder: str | Path, array: NDArray[np.generic]) -> StoredArray:
    path = Path(folder) / "a.npy"
    np.save(path, array)
    found = as_array(np.load(path, mmap_mode="r"))
    assert isinstance(found, StoredArray)
    return found


def in_memory(values: object) -> bool:
    return getattr(values, "_file", None) is None


@given(st.data(), hnp.arrays(dtypes, shapes, elements={"allow_nan": False}), st.booleans())
def test_every_index_gives_what_numpy_gives(data: st.DataObject, array: NDArray[np.generic], columns: bool) -> None:
    array = np.asfortranarray(array) if columns else array
    rows = st.integers(-len(array), len(array) - 1)
    key = data.draw(
        st.one_of(
            hnp.basic_indices(array.shape, allow_newaxis=True),
            st.lists(rows, max_size=12),
            st.lists(rows, max_size=12).map(lambda chosen: np.array(chosen, dtype=np.int64)),
            hnp.arrays(bool, len(array)),
            hnp.arrays(bool, array.shape),
        )
    )
    with tempfile.TemporaryDirectory() as folder:
        lying = saved(folder, array)
        found, expected = lying[key], array[key]
        assert in_memory(found) or isinstance(key, slice)
        read = read_stored(found) if isinstance(found, np.ndarray) else found
        np.testing.assert_array_equal(read, expected)
        assert np.shape(read) == np.shape(expected)


@given(hnp.arrays(dtypes, hnp.array_shapes(min_dims=2, max_dims=4, max_side=9), elements={"allow_nan": False}))
def test_chunks_views_and_copies_give_what_was_saved(array: NDArray[np.generic]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lying = saved(folder, array)
        expected = array.reshape(len(array), -1).astype(np.float64)
        for rows in (1, 3, None):
            np.testing.assert_array_equal(np.concatenate([c.numpy() for _, c in row_chunks(lying, rows)]), expected)
        flat = lying.reshape(len(array), -1)
        assert not in_memory(flat)
        np.testing.assert_array_equal(read_stored(flat[::-2]), array.reshape(len(array), -1)[::-2])
        for copied in (lying.copy(), lying.astype(array.dtype), pickle.loads(pickle.dumps(lying))):
            np.testing.assert_array_equal(copied, array)


def test_rows_far_apart_are_not_read_with_what_lies_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_GAP", 100)
    monkeypatch.setattr(stored, "_SPAN", 400)
    array = np.arange(20_000, dtype=np.float32).reshape(1000, 20)
    lying, read = saved(tmp_path, array), []
    real = os.preadv

    def counting(handle: int, buffers: list[memoryview], place: int) -> int:
        read.append(real(handle, buffers, place))
        return read[-1]

    monkeypatch.setattr(os, "preadv", counting)
    rows = np.array([999, 3, 4, 5, 6, 7, 8, 500, 3])
    np.testing.assert_array_equal(lying[rows], array[rows])
    assert sum(read) == 8 * 80, "each row once"
    assert max(read) <= 400


def truncate(path: Path) -> None:
    os.truncate(path, 200)


def write(path: Path) -> None:
    time.sleep(0.02)  # the clock of files has ticks
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")


@pytest.mark.parametrize("change", [truncate, write])
@pytest.mark.parametrize("name", ["a.npy", "a-idx2-ubyte"])
def test_a_file_that_changes_is_refused(tmp_path: Path, name: str, change: Callable[[Path], None]) -> None:
    path = tmp_path / name
    rows = np.random.default_rng(0).integers(0, 255, (4000, 100), dtype=np.uint8)
    if name.endswith(".npy"):
        np.save(path, rows)
    else:
        path.write_bytes(b"\0\0\x08\2" + np.array(rows.shape, ">u4").tobytes() + rows.tobytes())
    data = load(path)
    chunks = row_chunks(data.array, 100)
    next(chunks)
    change(path)
    for read in (lambda: list(chunks), lambda: data.fingerprint, lambda: data.array[[3999, 1]], data.to_model):
        with pytest.raises(InputError, match=rf"{name}: was (changed or )?truncated while it was read"):
            read()


@pytest.mark.slow
def test_a_callers_own_map_is_guarded_wherever_it_enters(tmp_path: Path) -> None:
    """In a process of its own: without the guard it ends by SIGBUS."""
    np.save(tmp_path / "a.npy", np.random.default_rng(0).random((3000, 50)))
    code = """
import os, sys, numpy as np
from mnemoscope import nearest_neighbours, InputError, EmpiricalScore, VariancePreserving, audit
rows = np.load(sys.argv[1], mmap_mode="r")
queries = np.array(rows[:5])
os.truncate(sys.argv[1], 4096)
for call in (
    lambda: nearest_neighbours(queries, rows, 1),
    lambda: EmpiricalScore(rows, VariancePreserving()),
    lambda: audit(queries, rows),
):
    try:
        call()
    except InputError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.npy")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 3


def test_what_cannot_be_guarded_stays_as_it_is(tmp_path: Path) -> None:
    """A private copy of a file holds changes that the file lacks; a map may have lost its file."""
    np.save(tmp_path / "a.npy", np.zeros((4, 3)))
    private = np.load(tmp_path / "a.npy", mmap_mode="c")
    private[2] = 7
    assert list(as_array(private)[2]) == [7] * 3
    gone = np.load(tmp_path / "a.npy", mmap_mode="r")
    (tmp_path / "a.npy").unlink()
    assert as_array(gone) is gone
    np.save(tmp_path / "a.npy", np.ones((9, 3)))
    assert as_array(gone) is gone, "another file of that name"


def test_a_callers_writable_map_may_be_written_to(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((50, 3)))
    writable = np.load(tmp_path / "a.npy", mmap_mode="r+")
    writable[7] = 1
    found = nearest_neighbours(np.ones((1, 3)), writable, 1)
    assert (found.indices[0, 0], found.distances[0, 0]) == (7, 0)
