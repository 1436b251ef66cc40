"""A random split in two halves that know what they are."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnemoscope as mn
from mnemoscope.data import Dataset, halves
from mnemoscope.errors import InputError


@given(n=st.integers(4, 200), seed=st.integers(0, 2**63 - 1))
def test_halves_are_a_partition(n: int, seed: int) -> None:
    data = np.arange(n)[:, None]
    split = halves(data, seed)
    a, b = split.a, split.b
    assert (len(a), len(b)) == ((n + 1) // 2, n // 2)
    np.testing.assert_array_equal(np.sort(np.concatenate([a.array, b.array]), axis=0), data)
    assert (np.diff(a.array[:, 0]) > 0).all()
    np.testing.assert_array_equal(split.in_a, halves(np.zeros((n, 3)), seed).in_a)
    assert a.half is not None
    assert a.half.rows == hashlib.sha256(a.array[:, 0].astype("<i8").tobytes()).hexdigest()


def test_a_half_knows_what_it_is() -> None:
    data = Dataset(np.arange(10.0)[:, None], "/somewhere/mine.npy", names=tuple("abcdefghij"))
    first, other = mn.halves(data, 7).a.half, mn.halves(data, 8).a.half
    assert first is not None
    assert other is not None
    assert (first.name, first.seed, first.of_name, first.of_samples) == ("A", 7, "mine.npy", 10)
    assert first.of == data.fingerprint == other.of
    assert first.rows != other.rows
    assert mn.halves(data, 7).b.take(np.arange(2)).half is None
    assert mn.halves(data, 7).b.names is not None


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="mine: two halves need at least 4 items, there are 3"):
        halves(Dataset(np.zeros((3, 1)), "mine"))
    with pytest.raises(InputError, match="half: unknown name 'C', choose one of A, B"):
        halves(np.zeros((4, 1))).half("C")
    with pytest.raises(InputError, match="seed"):
        halves(np.zeros((4, 1)), -1)
