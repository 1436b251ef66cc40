"""A trial's checksum is what its file has always held, however its arrays lie in memory."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mnemoscope.records import canonical_json
from mnemoscope.sweeps.stored import parse_trial, serialize_trial
from tests.unit.sweeps.sweep_trials import Coin

TRIAL = Coin(bias=0.5, seed=0)
ARRAYS = hnp.arrays(st.sampled_from(["f4", "f8", "i4", "i8", "?"]), hnp.array_shapes(min_dims=0, min_side=0))
LAYOUTS = {
    "as it is": lambda array: array,
    "Fortran's": np.asfortranarray,
    "backwards": lambda array: array[::-1] if array.ndim else array,
    "every other": lambda array: np.repeat(array, 2, axis=0)[::2] if array.ndim else array,
}


def slow_checksum(about: object, arrays: dict[str, np.ndarray]) -> str:
    parts = [canonical_json(about)]
    for name in sorted(arrays):
        head = f"\n{name} {arrays[name].dtype.str} {arrays[name].shape}\n"
        parts += [head.encode(), arrays[name].tobytes()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@given(st.dictionaries(st.sampled_from("abc"), ARRAYS, min_size=1), st.sampled_from(sorted(LAYOUTS)))
def test_the_checksum_is_that_of_copies(arrays: dict[str, np.ndarray], layout: str) -> None:
    arrays = {name: LAYOUTS[layout](array) for name, array in arrays.items()}
    variables = {name: (tuple(f"{name}{axis}" for axis in range(a.ndim)), a) for name, a in arrays.items()}
    content = serialize_trial(TRIAL, variables, {"code": "0"})
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    assert metadata["sha256"] == slow_checksum(json.loads(metadata["record"]), arrays)
    back = parse_trial(Path("x"), TRIAL.key, content).variables
    for name, (dims, array) in variables.items():
        assert back[name][0] == dims
        np.testing.assert_array_equal(back[name][1], array)


def test_no_copy_is_made_of_what_lies_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    summed = []

    class Digest:
        def update(self, data: object) -> None:
            summed.append(data)

        def hexdigest(self) -> str:
            return ""

    monkeypatch.setattr("mnemoscope.sweeps.stored.hashlib.sha256", lambda _: Digest())
    array = np.arange(6.0).reshape(2, 3)
    serialize_trial(TRIAL, {"a": (("x", "y"), array)}, {})
    assert np.shares_memory(np.asarray(summed[-1]), array)
