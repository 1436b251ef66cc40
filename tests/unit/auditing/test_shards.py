"""A search in shards is one search: the same answer, whatever the cuts, and nothing is computed twice."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.auditing import audit, shards
from mnemoscope.data import load
from mnemoscope.errors import InputError, OutputError
from mnemoscope.neighbours import Neighbours, nearest_neighbours
from mnemoscope.sweeps import Certificates


@pytest.fixture(autouse=True, scope="module")
def all_in_shards() -> object:
    """Searches of any size, in shards of 16 rows and more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SMALL", 0)
        patch.setattr(shards, "FEWEST_ROWS", 16)
        patch.setattr(shards, "_QUERIES", 40)
        yield


def same(found: Neighbours, expected: Neighbours) -> None:
    np.testing.assert_array_equal(found.indices, expected.indices)
    assert found.distances.tobytes() == expected.distances.tobytes()


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 70),
    dim=st.sampled_from([2, 13]),
    decimals=st.integers(0, 2),
    k=st.integers(1, 30),
    ignored=st.floats(0, 1),
    excluded=st.booleans(),
)
def test_the_answer_of_one_search(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    n: int,
    dim: int,
    decimals: int,
    k: int,
    ignored: float,
    excluded: bool,
) -> None:
    """Bit by bit, amid ties, with rows passed over, shards of which nothing is left, and fewer rows than k in each."""
    rng = np.random.default_rng(seed)
    data, queries = np.round(rng.normal(size=(n, dim)), decimals), np.round(rng.normal(size=(9, dim)), decimals)
    ignore = rng.random(n) < ignored
    exclude = rng.integers(-1, n, size=9) if excluded else None
    k = min(k, n - int(ignore.sum()) - excluded)
    if k < 1:
        return
    with shards.sharded_search(tmp_path_factory.mktemp("store") / "shards", scheduler=None) as search:
        found = search(queries, data, k, ignore=ignore, exclude=exclude)
    same(found, nearest_neighbours(queries, data, k, ignore=ignore, exclude=exclude))


def test_finished_shards_are_not_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is stopped goes on where the files end, a damaged one is computed again, and the end leaves no folder."""
    rng, folder = np.random.default_rng(0), tmp_path / "shards"
    np.save(tmp_path / "train.npy", rng.normal(size=(160, 3)))
    data, queries = load(tmp_path / "train.npy").array, rng.normal(size=(70, 3))
    calls = []
    run = shards.Shard.run

    def until_the_fifth(shard: shards.Shard) -> object:
        calls.append(shard.key)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return run(shard)

    monkeypatch.setattr(shards.Shard, "run", until_the_fifth)
    with pytest.raises(KeyboardInterrupt), shards.sharded_search(folder, scheduler=None) as search:
        search(queries, data, 4)
    finished = sorted((folder / "trials").iterdir())
    assert len(finished) == 4
    assert len(list((folder / shards.INPUTS).iterdir())) == 1, "the training set is read where it lies"
    finished[0].write_bytes(finished[0].read_bytes()[:-1] + b"!")
    with shards.sharded_search(folder, scheduler=None) as search:
        same(search(queries, data, 4), nearest_neighbours(queries, data, 4))
        assert search.computed == 2 * 10 - 3
        same(search(queries, np.array(data), 4), nearest_neighbours(queries, data, 4))
        assert search.computed == 2 * 10 - 3, "what is searched is known by its content"
        other = np.array(data) + 1
        same(search(queries, other, 4), nearest_neighbours(queries, other, 4))
    assert not folder.exists()


@pytest.mark.slow
def test_a_killed_audit_ends_with_the_same_report(tmp_path: Path) -> None:
    """SIGKILL to a worker and to the driver: what is finished is not computed again."""
    rng = np.random.default_rng(0)
    for name, n in {"train": 30_000, "samples": 300}.items():
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(n, 500)).astype(np.float32))
    command = [sys.executable, "-m", "mnemoscope", "audit", "samples.npy", "train.npy", "--out"]
    subprocess.run([*command, "whole"], cwd=tmp_path, check=True, capture_output=True)
    command += ["killed", "--scheduler", "local:2"]

    def finished() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "killed/shards/trials").glob("*.safetens*")}

    def wait_for(n: int) -> None:
        give_up = time.monotonic() + 300
        while len(finished()) < n:
            assert time.monotonic() < give_up
            assert driver.poll() is None
            time.sleep(0.01)

    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        wait_for(2)
        workers = [
            child for child in psutil.Process(driver.pid).children() if "spawn_main" in " ".join(child.cmdline())
        ]
        workers[0].kill()
        wait_for(5)
        driver.kill()
    kept = finished()
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        wait_for(len(kept) + 1)
        assert {name: when for name, when in finished().items() if name in kept} == kept
        assert driver.wait(600) == 0
    assert not (tmp_path / "killed/shards").exists()
    assert (tmp_path / "killed/report.json").read_bytes() == (tmp_path / "whole/report.json").read_bytes()


def test_others_files_stay(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    data = np.random.default_rng(0).normal(size=(40, 3))
    with shards.sharded_search(tmp_path, scheduler=None) as search:
        search(data, data, 2, exclude=np.arange(40))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_training_set_that_changes_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "train.npy", np.zeros((40, 3)))
    place = load(tmp_path / "train.npy").array[3:].place
    assert place is not None
    assert place.open().shape == (37, 3)
    np.save(tmp_path / "train.npy", np.ones((41, 3)))
    with pytest.raises(InputError, match="changed since the search began"):
        place.open()
    assert load(tmp_path / "train.npy").array[::2].place is None


@pytest.mark.parametrize(("n", "expected"), [(3, 2), (8, 4), (9, 3), (10, 4), (40, 4)])
def test_as_many_shards_as_wanted_but_none_of_few_rows(
    n: int, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "FEWEST_ROWS", 2)
    monkeypatch.setattr(shards, "SHARDS", 4)
    data = np.random.default_rng(0).normal(size=(n, 3))
    with shards.sharded_search(tmp_path / "shards", scheduler=None) as search:
        search(data[:2], data, 1)
        assert search.computed == expected


@pytest.mark.parametrize("certificates", [None, ("ca.pem", "cert.pem", "key.pem")])
def test_the_scheduler_is_met_with_the_certificates(
    certificates: tuple[str, ...] | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[dict[str, object]] = []

    def session(_: object, **given: object) -> object:
        met.append(given)
        raise InputError("met")

    monkeypatch.setattr(shards, "session", session)
    with (
        pytest.raises(InputError, match="met"),
        shards.sharded_search(tmp_path, scheduler="tls://here:1", certificates=certificates),
    ):
        pass
    expected = None if certificates is None else Certificates(*certificates)
    assert met == [{"scheduler": "tls://here:1", "certificates": expected}]


def test_a_worker_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    shard = shards.Shard(data="a", queries="b", ignore=None, first=0, stop=2, k=1).at(tmp_path, None)
    with pytest.raises(OutputError, match=r"a\.npy: workers need a shared directory"):
        shard.run()


def test_the_same_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "FEWEST_ROWS", 80)
    monkeypatch.setattr(shards, "_QUERIES", 2000)
    rng = np.random.default_rng(0)
    train, holdout = rng.normal(size=(150, 12)), rng.normal(size=(60, 12))
    samples = np.concatenate([train[:4] + 1e-3, rng.normal(size=(56, 12))])
    expected = audit(samples, train, holdout=holdout).to_dict()
    found = audit(samples, train, holdout=holdout, shards=tmp_path / "shards").to_dict()
    assert found == expected


def test_what_is_asked_must_fit(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(60, 3))
    with pytest.raises(InputError, match="scheduler needs shards"):
        audit(data, data, scheduler="local:1")
    with pytest.raises(InputError, match="local:N"):
        audit(data, data, scheduler="here", shards=tmp_path)
