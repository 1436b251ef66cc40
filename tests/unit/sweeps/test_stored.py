"""A trial's checksum is the same however its arrays lie in memory, and those of older files are still compared."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save

from mnemoscope.errors import InputError
from mnemoscope.records import canonical_json
from mnemoscope.sweeps.stored import parse_trial, serialize_trial
from tests.references.checksums import crc32c
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
        head = f"\n{name} {arrays[name].dtype.str} {arrays[name].shape} {crc32c(arrays[name].tobytes()):08x}"
        parts.append(head.encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()


@given(st.dictionaries(st.sampled_from("abc"), ARRAYS, min_size=1), st.sampled_from(sorted(LAYOUTS)))
def test_the_checksum_is_that_of_copies(arrays: dict[str, np.ndarray], layout: str) -> None:
    arrays = {name: LAYOUTS[layout](array) for name, array in arrays.items()}
    variables = {name: (tuple(f"{name}{axis}" for axis in range(a.ndim)), a) for name, a in arrays.items()}
    content = serialize_trial(TRIAL, variables, {"code": "0"})
    metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    assert metadata["checksum"] == slow_checksum(json.loads(metadata["record"]), arrays)
    back = parse_trial(Path("x"), TRIAL.key, content).variables
    for name, (dims, array) in variables.items():
        assert back[name][0] == dims
        np.testing.assert_array_equal(back[name][1], array)


def test_no_copy_is_made_of_what_lies_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    summed: list[object] = []
    monkeypatch.setattr("google_crc32c.value", lambda data: len(summed) + bool(summed.append(data)))
    array = np.arange(6.0).reshape(2, 3)
    serialize_trial(TRIAL, {"a": (("x", "y"), array)}, {})
    (data,) = summed
    assert np.shares_memory(np.asarray(data), array)


def test_older_files_held_one_checksum_of_all() -> None:
    array = np.arange(6.0).reshape(2, 3)
    about = {"key": TRIAL.key, "spec": TRIAL.spec, "dims": {"a": ["x", "y"]}, "provenance": {}}
    record = canonical_json(about)
    digest = hashlib.sha256(record + f"\na <f8 {array.shape}\n".encode() + array.tobytes()).hexdigest()
    content = save({"a": array}, metadata={"record": record.decode(), "sha256": digest})
    np.testing.assert_array_equal(parse_trial(Path("x"), TRIAL.key, content).variables["a"][1], array)
    changed = save({"a": array + 1}, metadata={"record": record.decode(), "sha256": digest})
    with pytest.raises(InputError, match="damaged"):
        parse_trial(Path("x"), TRIAL.key, changed)
