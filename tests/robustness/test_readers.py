"""Whatever happens to a file, ``load`` gives a data set or one line that names the file."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.data import load
from mnemoscope.errors import InputError
from tests.robustness.damage import KINDS, SOURCES, SUFFIXES, Damage, write_damaged

damage = st.builds(Damage, st.sampled_from(KINDS), st.floats(0, 1), st.integers(0, 10**6))


@pytest.mark.parametrize("name", SOURCES)
def test_whole_files_are_read(tmp_path: Path, name: str) -> None:
    array = load(write_damaged(tmp_path, name, [])).array
    assert array.shape in {(40, 6, 5), (1, 6, 5), (1, 5, 6, 3), (1, 6, 5, 3), (40, 5)}


@settings(max_examples=40)
@given(damages=st.lists(damage, min_size=1, max_size=4), suffix=st.sampled_from([None, None, *SUFFIXES]))
@pytest.mark.parametrize("name", SOURCES)
def test_damaged_files_are_read_or_named(name: str, damages: list[Damage], suffix: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = write_damaged(Path(folder), name, damages, suffix)
        try:
            data = load(source)
        except InputError as error:
            message = str(error)
            assert message.startswith(source)
            assert "\n" not in message
            assert len(message) < len(source) + 480
        else:
            assert np.isfinite(data.value_range).all()
