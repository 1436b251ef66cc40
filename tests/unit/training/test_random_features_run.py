"""Runs of random features on disk: what comes back is what was fitted, and nothing is overwritten."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mnemoscope.data import Dataset
from mnemoscope.errors import InputError, OutputError
from mnemoscope.networks import NetworkSpec
from mnemoscope.processes import EDM, VariancePreserving
from mnemoscope.random_features import RandomFeatureSpec
from mnemoscope.records import read_record, write_record
from mnemoscope.sampling import sample
from mnemoscope.training import TrainedRun, TrainingSpec, load_run, train_random_features, train_run
from mnemoscope.training.description import RunRecord

SPEC = RandomFeatureSpec(n_features=16, n_times=4, seed=3)
PROCESS = VariancePreserving(beta_max=10.0)


@pytest.fixture
def data() -> Dataset:
    return Dataset(np.random.default_rng(0).integers(0, 256, (12, 4, 4), dtype=np.uint8), "mine")


def drawn(run: TrainedRun) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return sample(run.score, run.score.process, 5, generator=generator, n_steps=4)


def test_a_run_comes_back_bit_for_bit(tmp_path: Path, data: Dataset) -> None:
    run = train_random_features(data, PROCESS, SPEC, tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    assert torch.equal(drawn(loaded), drawn(run))
    assert (loaded.score.process, loaded.score.event_shape) == (PROCESS, (4, 4))
    assert (loaded.value_range, loaded.step) == ((0, 255), None)
    described = loaded.description
    assert described == run.description
    assert described["network"] == {
        "name": "random-features",
        "event_shape": [4, 4],
        "options": {"n_features": 16, "activation": "relu"},
    }
    assert described["training"] == {"ridge": 1e-3, "noise_draws": math.ceil(160 / 12), "n_times": 4, "seed": 3}
    assert described["data"]["fingerprint"] == data.fingerprint
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["run.json", "weights.safetensors"]


def test_what_is_stored_is_what_is_used(tmp_path: Path, data: Dataset) -> None:
    """Not what the seed would draw again: another version of torch may draw something else."""
    run = train_random_features(data, PROCESS, SPEC, tmp_path / "run")
    record = read_record(tmp_path / "run" / "run.json", RunRecord)
    training = {**record.training, "seed": 99}
    write_record(tmp_path / "run" / "run.json", record.model_copy(update={"training": training}))
    assert torch.equal(drawn(load_run(tmp_path / "run")), drawn(run))


def test_a_run_is_not_overwritten(tmp_path: Path, data: Dataset) -> None:
    folder = tmp_path / "run"
    run = train_random_features(data, PROCESS, SPEC, folder)
    before = (folder / "weights.safetensors").stat().st_mtime_ns
    with pytest.raises(InputError, match="holds a training run already"):
        train_random_features(data, PROCESS, SPEC, folder)
    again = train_random_features(data, PROCESS, SPEC, folder, resume=True)
    assert torch.equal(drawn(again), drawn(run))
    assert (folder / "weights.safetensors").stat().st_mtime_ns == before
    for arguments, named in [
        ((data, EDM(), SPEC), "process name"),
        ((data, PROCESS, replace(SPEC, n_features=8)), "network options"),
        ((data, PROCESS, replace(SPEC, ridge=0.1)), "training ridge"),
        ((data.take(np.arange(5)), PROCESS, replace(SPEC, noise_draws=14)), "other data"),
    ]:
        with pytest.raises(InputError, match=named):
            train_random_features(*arguments, folder, resume=True)
    with pytest.raises(InputError, match="network name"):
        train_run(data, PROCESS, NetworkSpec("mlp", (4, 4)), TrainingSpec(steps=1), folder, resume=True)


def test_a_run_cut_short_is_no_run(tmp_path: Path, data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights without a run.json: nothing to load, and a second attempt starts again."""
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("mnemoscope.training.run.write_record", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train_random_features(data, PROCESS, SPEC, folder)
    with pytest.raises(InputError, match="holds no training run"):
        load_run(folder)
    train_random_features(data, PROCESS, SPEC, folder)
    load_run(folder)


def test_unusable_runs(tmp_path: Path, data: Dataset) -> None:
    folder = tmp_path / "run"
    train_random_features(data, PROCESS, SPEC, folder)
    with pytest.raises(InputError, match="there is no step 7"):
        load_run(folder, step=7)
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InputError, match=r"weights\.safetensors: is damaged"):
        load_run(folder)
    weights.unlink()
    with pytest.raises(InputError, match=r"weights\.safetensors: no such file"):
        load_run(folder)


def test_nothing_is_left_of_a_run_that_is_refused(tmp_path: Path, data: Dataset) -> None:
    same = Dataset(np.stack([np.arange(4.0)] * 3), "same")
    with pytest.raises(InputError, match="all 3 items are the same"):
        train_random_features(same, PROCESS, SPEC, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        train_random_features(data, PROCESS, SPEC, tmp_path / "file")
