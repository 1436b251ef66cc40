"""Stored state knows what it is: what is changed, another's, too new or cut short is found, and named in one line."""

import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemoscope.data import Dataset
from mnemoscope.errors import InputError
from mnemoscope.networks import NetworkSpec
from mnemoscope.processes import VariancePreserving
from mnemoscope.random_features import RandomFeatureSpec
from mnemoscope.records import JsonRecord, read_record, write_record
from mnemoscope.sweeps import CorruptRecordError, Store, read_sweep, sweep
from mnemoscope.training import TrainingSpec, load_run, train_random_features, train_run
from tests.robustness.command import run
from tests.unit.sweeps.sweep_trials import Coin, Flaky

PROCESS = VariancePreserving()
DATA = Dataset(np.random.default_rng(0).random((8, 3)), "mine")
NETWORK = NetworkSpec("mlp", (3,), {"width": 2, "depth": 1, "embedding": 2})
SPEC = TrainingSpec(steps=3, batch_size=2)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    train_run(DATA, PROCESS, NETWORK, SPEC, folder, checkpoint_every=1)
    return folder


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "fitted"
    train_random_features(DATA, PROCESS, RandomFeatureSpec(n_features=4, n_times=2), folder)
    return folder


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweeps") / "sweep"
    sweep(TRIALS, folder, retries=0)
    return folder


TRIALS = [Coin(bias=0.5, seed=0), Coin(bias=0.5, seed=1), Flaky(failures=99, seed=0)]
FILES = {
    "run.json": ("trained", "run.json"),
    "state.json": ("trained", "checkpoints/step-00000003/state.json"),
    "sweep.json": ("swept", "sweep.json"),
    "failure": ("swept", f"failed/{TRIALS[2].key}.json"),
}


def read(folder: Path) -> object:
    """Read back everything that a folder holds."""
    if (folder / "sweep.json").exists():
        return read_sweep(TRIALS, folder)
    if (folder / "weights.safetensors").exists():
        return load_run(folder)
    again = train_run(DATA, PROCESS, NETWORK, SPEC, folder, resume=True)
    return again, load_run(folder, 3)


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: shutil.copytree(request.getfixturevalue(name), tmp_path / name, symlinks=True)


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


NO_RECORDS = [b"", b"{}", b"null", b"[]", b"1", b'"x"', b"{", b"[" * 9999, b"9" * 9999, b"NaN", b"\xff\xfe", b"{}\0"]


@pytest.mark.parametrize("text", NO_RECORDS, ids=lambda text: repr(text[:4]))
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_record(name: str, text: bytes, copy: Callable[[str], Path]) -> None:
    folder, file = copy(FILES[name][0]), FILES[name][1]
    (folder / file).write_bytes(text)
    with pytest.raises(InputError, match=Path(file).name) as raised:
        load_run(folder, 3) if name == "state.json" else read(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("schema", [0, 99, -1, 2.0, True, "2", None, [2]])
def test_another_schema_is_refused_by_name(name: str, schema: object, copy: Callable[[str], Path]) -> None:
    folder, file = copy(FILES[name][0]), FILES[name][1]
    changed(folder / file, lambda content: content.update(schema=schema))
    with pytest.raises(InputError, match=r"schema .* is unknown, this version of mnemoscope reads 1 and 2"):
        load_run(folder, 3) if name == "state.json" else read(folder)


@pytest.mark.parametrize("name", FILES)
def test_every_field_counts(name: str, copy: Callable[[str], Path]) -> None:
    folder, file = copy(FILES[name][0]), FILES[name][1]
    whole = json.loads((folder / file).read_text())
    for field in whole.keys() - {"schema"}:
        for content in ({**whole, field: None}, {key: value for key, value in whole.items() if key != field}):
            (folder / file).write_text(json.dumps(content))
            with pytest.raises(InputError, match=Path(file).name):
                load_run(folder, 3) if name == "state.json" else read(folder)
    (folder / file).write_text(json.dumps({**whole, "more": 1}))
    with pytest.raises(InputError, match="was changed"):
        load_run(folder, 3) if name == "state.json" else read(folder)


@pytest.mark.parametrize("name", FILES)
def test_what_older_code_wrote_is_read_and_validated(name: str, copy: Callable[[str], Path]) -> None:
    """It had neither a version nor a checksum; sweep.json had a version, 2."""
    folder, file = copy(FILES[name][0]), FILES[name][1]
    older = json.loads((folder / file).read_text())
    del older["sha256"], older["schema"]
    older.pop("files", None)
    older |= {"schema": 2} if name == "sweep.json" else {}
    (folder / file).write_text(json.dumps(older))
    read(folder)
    for field in older.keys() - {"schema"}:
        (folder / file).write_text(json.dumps({key: value for key, value in older.items() if key != field}))
        with pytest.raises(InputError, match=Path(file).name):
            load_run(folder, 3) if name == "state.json" else read(folder)


class Example(JsonRecord):
    what: ClassVar[str] = "an example"

    number: float
    names: list[str]


@given(st.dictionaries(st.sampled_from(["schema", "sha256", "number", "names", "other"]), JUNK))
def test_any_json(content: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.json"
        path.write_text(json.dumps(content))
        try:
            read_record(path, Example)
        except InputError as error:
            message = str(error)
            assert message.startswith(str(path))
            assert "\n" not in message


def test_a_record_is_bound_to_its_key(tmp_path: Path) -> None:
    write_record(tmp_path / "x.json", Example(number=1.5, names=["é"]), "key")
    assert read_record(tmp_path / "x.json", Example, "key") == Example(number=1.5, names=["é"])
    with pytest.raises(InputError, match="was changed, or is not of an example other"):
        read_record(tmp_path / "x.json", Example, "other")


class TestSingleBits:
    """A flipped bit in any stored file is found. The words of JSON that say the same may be written in other ways."""

    @pytest.mark.parametrize("kind", ["trained", "fitted", "swept"])
    def test_each_is_found(self, kind: str, copy: Callable[[str], Path]) -> None:
        folder = copy(kind)
        rng = np.random.default_rng(1)
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".safetensors"))
        files = [path for path in files if "results.zarr" not in str(path) and "step-00000001" not in str(path)]
        files = [path for path in files if "step-00000002" not in str(path)]
        assert len(files) >= 2
        store = Store(folder)
        for path in files:
            content = path.read_bytes()
            for bit in rng.integers(8 * len(content), size=25):
                flipped = bytearray(content)
                flipped[bit // 8] ^= 1 << bit % 8
                if path.suffix == ".json" and _same(content, bytes(flipped)):
                    continue
                path.write_bytes(flipped)
                if kind == "swept" and path.suffix == ".safetensors":
                    with pytest.raises(CorruptRecordError, match=path.name):
                        store.read(path.stem)
                elif kind == "trained" and path.name in ("network.safetensors", "optimizer.safetensors"):
                    with pytest.warns(UserWarning, match=rf"{path.name}: is damaged.*; step 2 is used in its place"):
                        train_run(DATA, PROCESS, NETWORK, SPEC, folder, resume=True)
                    (aside,) = (folder / "checkpoints").glob(".mnemoscope-*.damaged-step-00000003")
                    shutil.rmtree(aside)
                else:
                    with pytest.raises(InputError, match=path.name):
                        load_run(folder, 3) if kind == "trained" else read(folder)
            path.write_bytes(content)
        read(folder)


def _same(one: bytes, other: bytes) -> bool:
    try:
        return json.loads(one) == json.loads(other)
    except ValueError:
        return False


def test_a_trial_copied_over_another_is_found(copy: Callable[[str], Path]) -> None:
    folder = copy("swept")
    one, other = (folder / "trials" / f"{trial.key}.safetensors" for trial in TRIALS[:2])
    other.write_bytes(one.read_bytes())
    with pytest.raises(CorruptRecordError, match="the result of another trial"):
        Store(folder).read(TRIALS[1].key)
    again = sweep(TRIALS[:2], folder)
    assert (again.damaged, again.computed) == (1, 1)


class TestCheckpoints:
    def test_the_newest_whole_one_takes_the_place_of_a_damaged_one(
        self, copy: Callable[[str], Path], trained: Path
    ) -> None:
        folder = copy("trained")
        damaged = folder / "checkpoints" / "step-00000003" / "network.safetensors"
        damaged.write_bytes(damaged.read_bytes()[:-1])
        with pytest.warns(UserWarning, match="step 2 is used in its place"):
            again = train_run(DATA, PROCESS, NETWORK, SPEC, folder, resume=True)
        assert len(again.losses) == 3
        whole, mended = (load_run(where).score.network.state_dict() for where in (trained, folder))
        assert all(torch.equal(whole[name], mended[name]) for name in whole)

    def test_a_checkpoint_copied_over_another_is_found(self, copy: Callable[[str], Path]) -> None:
        folder = copy("trained") / "checkpoints"
        shutil.rmtree(folder / "step-00000003")
        shutil.copytree(folder / "step-00000001", folder / "step-00000003")
        with pytest.raises(InputError, match=r"state\.json: was changed, or is not of the checkpoint step-00000003"):
            load_run(folder.parent, 3)
        with pytest.warns(UserWarning, match="step 2 is used in its place"):
            assert load_run(folder.parent).step == 2

    def test_with_none_that_is_whole_the_newest_is_named(self, copy: Callable[[str], Path]) -> None:
        folder = copy("trained")
        for path in folder.rglob("average.safetensors"):
            path.write_bytes(b"")
        with pytest.raises(InputError, match=r"step-00000003/average\.safetensors: is damaged"):
            load_run(folder)
        with pytest.raises(InputError, match=r"step-00000003/average\.safetensors: is damaged"):
            train_run(DATA, PROCESS, NETWORK, SPEC, folder, resume=True)
        assert len(list((folder / "checkpoints").glob("step-*"))) == 3

    def test_the_command_line_says_so_in_one_line(self, copy: Callable[[str], Path], tmp_path: Path) -> None:
        folder = copy("trained")
        (folder / "checkpoints" / "step-00000003" / "state.json").write_text("{}")
        (folder / "checkpoints" / "step-last").mkdir()  # nothing of ours
        arguments = ["sample", str(folder), "--n", "2", "--n-steps", "1", "--out", str(tmp_path / "s.npy")]
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            ran = run(arguments)
        assert ran.code == 0
        (line,) = ran.complaints
        assert line.startswith(f"mnemoscope: warning: {folder}")
        assert line.endswith("step 2 is used in its place")


def test_settings_that_make_no_run(copy: Callable[[str], Path]) -> None:
    """The checksum fits, the content does not: whoever wrote it, it is one line."""
    folder = copy("fitted")
    about = json.loads((folder / "run.json").read_text())
    del about["schema"], about["sha256"]
    for part, value in [
        ("process", {"name": "levy"}),
        ("process", {"nome": "edm"}),
        ("training", {}),
        ("training", {"colour": 1}),
        ("network", {**about["network"], "options": {"n_features": "many"}}),
        ("network", {**about["network"], "event_shape": [10**6, 10**6, 10**6]}),
        ("network", {**about["network"], "event_shape": [-3]}),
        ("data", {**about["data"], "scale": -1.0}),
        ("data", {**about["data"], "value_range": [0.0]}),
    ]:
        (folder / "run.json").write_text(json.dumps({**about, part: value}))
        with pytest.raises(InputError) as raised:
            load_run(folder)
        assert "\n" not in str(raised.value)
