import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import xarray as xr

from mnemoscope.errors import InputError, OutputError
from mnemoscope.sweeps import CorruptRecordError, Store, grid, read_sweep, sweep
from mnemoscope.sweeps.trial import batches

from .sweep_trials import Batched, Bulky, Coin, Flaky, Logged, Walk


class OtherBatched(Batched):
    pass


Namesake = type("Coin", (Bulky,), {"__module__": __name__, "__doc__": "Another trial of that name."})

Ledger = Callable[[], list[str]]


def opened(out: Path, kind: str) -> xr.Dataset:
    return xr.open_datatree(out / "results.zarr")[kind].to_dataset().load()


def test_the_table_on_disk_has_named_dimensions(tmp_path: Path) -> None:
    done = sweep(grid(Coin, bias=[0.2, 0.7], seed=range(3)), tmp_path, attrs={"study": "coins"})
    assert xr.open_datatree(tmp_path / "results.zarr").attrs["study"] == "coins"
    table = opened(tmp_path, "coin")
    assert dict(table.sizes) == {"bias": 2, "seed": 3, "toss": 5}
    xr.testing.assert_equal(table.drop_vars("side"), done.results["coin"].to_dataset().drop_vars("side"))
    assert table["count"].sel(bias=0.7, seed=2) == Coin(bias=0.7, seed=2).run()["count"]
    assert bool(table.finished.all())


def test_a_second_run_computes_only_what_is_new(tmp_path: Path, ledger: Ledger) -> None:
    assert sweep(grid(Logged, n_samples=3, seed=range(4)), tmp_path).computed == 4
    assert sweep(grid(Logged, n_samples=3, seed=range(6)), tmp_path).computed == 2
    assert len(ledger()) == 6
    assert opened(tmp_path, "logged").sizes["seed"] == 6


def test_a_spec_that_occurs_twice_is_computed_once(tmp_path: Path, ledger: Ledger) -> None:
    sweep([Logged(n_samples=1, seed=0), Logged(n_samples=1, seed=0), Logged(n_samples=1, seed=1)], tmp_path)
    assert len(ledger()) == 2


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"trials": []}, "trials"),
        ({"trials": [Coin(bias=0.5, seed=0), Namesake(seed=0)]}, "two classes are called coin"),
        ({"now": []}, "there are none"),
        ({"now": [Logged(n_samples=2, seed=0)]}, "now: has trials that are not among"),
        ({"retries": -1}, "retries"),
        ({"scheduler": "local:0"}, "local:0"),
        ({"scheduler": "local:two"}, "local:two"),
        ({"scheduler": "nowhere"}, "nowhere"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], named: str, tmp_path: Path, ledger: Ledger) -> None:
    with pytest.raises(InputError, match=named):
        sweep(**{"trials": grid(Logged, n_samples=1, seed=[0]), "out": tmp_path, **arguments})  # type: ignore[arg-type]
    assert not ledger()
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:scheduler tcp.* is not encrypted")
def test_a_scheduler_that_does_not_answer_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemoscope.sweeps.cluster._CONNECT_TIMEOUT", 0.2)
    with pytest.raises(InputError, match=r"tcp://127\.0\.0\.1:9"):
        sweep([Coin(bias=0.5, seed=0)], tmp_path, scheduler="tcp://127.0.0.1:9")


def test_a_directory_with_other_trials_is_refused(tmp_path: Path) -> None:
    sweep([Coin(bias=0.5, seed=0)], tmp_path)
    with pytest.raises(InputError, match="holds trials of Coin, not of Bulky"):
        sweep([Bulky(seed=0)], tmp_path)


def test_several_kinds_share_a_directory(tmp_path: Path, ledger: Ledger) -> None:
    logged, walks = grid(Logged, n_samples=3, seed=range(4)), grid(Walk, n_samples=[2, 3], seed=range(4))
    done = sweep([*logged, *walks], tmp_path)
    assert done.computed == 12
    assert list(done.results.children) == ["logged", "walk"]
    xr.testing.assert_identical(xr.open_datatree(tmp_path / "results.zarr").load(), done.results)
    assert done.results["walk"].sizes == {"n_samples": 2, "seed": 4, "step": 3}, "each on its own axes"
    assert done.records.keys() == {trial.key for trial in [*logged, *walks]}
    assert len(ledger()) == 12


def test_some_trials_may_be_computed_now_and_the_others_later(tmp_path: Path, ledger: Ledger) -> None:
    logged, walks = grid(Logged, n_samples=3, seed=range(4)), grid(Walk, n_samples=2, seed=range(5))
    trials = [*logged, *walks]
    half = sweep(trials, tmp_path, now=walks)
    assert half.computed == 5
    assert (int(half.results["logged"].finished.sum()), int(half.results["walk"].finished.sum())) == (0, 5)
    xr.testing.assert_identical(read_sweep(trials, tmp_path).results, half.results)
    assert sweep(trials, tmp_path).computed == 4
    assert len(ledger()) == 9


def test_a_batch_holds_one_kind() -> None:
    trials = [Batched(scale=1.0, seed=0), OtherBatched(scale=1.0, seed=0), Batched(scale=1.0, seed=1)]
    assert batches(trials) == [(trials[0], trials[2]), (trials[1],)]


def test_each_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read_bytes = Path.read_bytes

    def counted(path: Path) -> bytes:
        reads.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    trials = grid(Coin, bias=0.5, seed=range(3))
    sweep(trials, tmp_path)
    reads.clear()
    sweep(trials, tmp_path)
    assert sorted(name for name in reads if name.endswith(".safetensors")) == sorted(
        f"{trial.key}.safetensors" for trial in trials
    )


def test_a_directory_of_the_first_schema_is_read(tmp_path: Path) -> None:
    trials = grid(Coin, bias=0.5, seed=range(2))
    sweep(trials, tmp_path, attrs={"study": "coins"})
    old = {"trial": "Coin", "attrs": {"study": "coins"}, "specs": {trial.key: trial.spec for trial in trials}}
    (tmp_path / "sweep.json").write_text(json.dumps(old))
    listed = {trial.key: {"trial": "Coin", "spec": trial.spec} for trial in trials}
    assert Store(tmp_path).manifest() == {"attrs": {"study": "coins"}, "trials": listed}
    assert sweep(trials, tmp_path).computed == 0


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '{"schema": 99}', '{"schema": 2}', '{"schema": 2, "attrs": {}, "trials": {"a": 1}}'],
)
def test_a_sweep_json_that_cannot_be_read_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(InputError, match=r"sweep\.json: (is not|cannot be read as) the record of a sweep") as error:
        sweep([Coin(bias=0.5, seed=0)], tmp_path)
    assert "\n" not in str(error.value)


def test_failures_are_retried_recorded_and_tried_again(tmp_path: Path, ledger: Ledger) -> None:
    trials = [Flaky(failures=1, seed=0), Flaky(failures=3, seed=1), Flaky(failures=0, seed=2)]
    done = sweep(trials, tmp_path, retries=1)
    assert [(failure.key, failure.spec["seed"]) for failure in done.failures] == [(trials[1].key, 1)]
    assert done.failures[0].error == "ZeroDivisionError: on purpose"
    assert 'raise ZeroDivisionError("on purpose")' in done.failures[0].traceback
    assert done.failures[0].provenance["attempts"] == 2
    assert done.computed == 2
    assert opened(tmp_path, "flaky").finished.values.tolist() == [True, False, True]
    assert Store(tmp_path).read(trials[0].key).provenance["attempts"] == 2
    assert len(ledger()) == 2 + 2 + 1
    again = sweep(trials, tmp_path, retries=1)
    assert again.failures == []
    assert again.computed == 1
    assert not list((tmp_path / "failed").iterdir())
    assert len(ledger()) == 5 + 2


def test_a_result_that_cannot_be_labelled_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Coin, "run", lambda _: {"seed": 1.0})
    assert "result seed" in sweep([Coin(bias=0.5, seed=0)], tmp_path).failures[0].error


def test_a_batch_is_stored_as_single_trials(tmp_path: Path, ledger: Ledger) -> None:
    trials = grid(Batched, scale=[1.0, 3.0], seed=range(6))
    done = sweep(trials, tmp_path)
    assert sorted(line.count("/") for line in ledger()) == [2, 2, 4, 4]
    for trial in trials:
        assert done.results["batched"].value.sel(scale=trial.scale, seed=trial.seed) == trial.scale * trial.seed
    Store(tmp_path).discard(trials[1].key)
    assert sweep(trials, tmp_path).computed == 1
    assert ledger()[-1] == "1.0/1"


def test_a_bad_trial_does_not_take_its_batch_along(tmp_path: Path, ledger: Ledger) -> None:
    done = sweep(grid(Batched, scale=1.0, seed=[11, 12, 13, 14]), tmp_path, retries=0)
    assert [failure.spec["seed"] for failure in done.failures] == [13]
    assert done.computed == 3


@pytest.mark.parametrize("scheduler", [None, "local:1"])
def test_a_full_disk_is_an_error_at_once(
    scheduler: str | None,
    tmp_path: Path,
    full_disk: Callable[[int], AbstractContextManager[None]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    trials = [Bulky(seed=0), Bulky(seed=1), Bulky(seed=2, n_values=50_000), Bulky(seed=3), Bulky(seed=4)]
    out = tmp_path / "out"
    with (
        full_disk(100_000),
        pytest.raises(OutputError, match=r"safetensors: cannot be written \(File too large\)") as error,
    ):
        sweep(trials, out, scheduler=scheduler)
    assert "\n" not in str(error.value)
    assert "Traceback" not in capfd.readouterr().err
    table = Store(out).tree(trials)["bulky"]
    assert table.finished.values[:3].tolist() == [True, True, False]
    assert table["values"].values[1, :10].tolist() == [1.0] * 10
    assert opened(out, "bulky").sizes["trial"] == 5
    assert not list(out.rglob(".*.tmp"))
    assert sweep(trials, out).failures == []
    reference = sweep(trials, tmp_path / "reference").results["bulky"]
    xr.testing.assert_identical(opened(out, "bulky"), opened(tmp_path / "reference", "bulky"))
    assert bool(reference.finished.all())


def test_a_disk_too_full_for_the_table_keeps_the_previous_one(
    tmp_path: Path, full_disk: Callable[[int], AbstractContextManager[None]]
) -> None:
    sweep(grid(Bulky, seed=range(2)), tmp_path)
    before = opened(tmp_path, "bulky")
    with full_disk(200), pytest.raises(OutputError, match="cannot be written"):
        Store(tmp_path).refresh(grid(Bulky, seed=range(2)))
    xr.testing.assert_identical(opened(tmp_path, "bulky"), before)


@pytest.mark.usefixtures("plain_user")
def test_a_read_only_output_is_an_error_at_once(tmp_path: Path, ledger: Ledger) -> None:
    out, trials = tmp_path / "out", grid(Logged, n_samples=2, seed=range(3))
    sweep(trials[:2], out)
    for directory in (out, out / "trials", out / "failed"):
        directory.chmod(0o555)
    (out / "lock").chmod(0o444)
    with pytest.raises(OutputError, match=r"out: cannot write there \(Permission denied\)"):
        sweep(trials, out)
    assert opened(out, "logged").sizes["seed"] == 2
    assert len(ledger()) == 2, "nothing was computed"
    with pytest.raises(OutputError, match=r"out/new: cannot write there \(Permission denied\)"):
        sweep(trials, out / "new")
    for directory in (out, out / "trials", out / "failed"):
        directory.chmod(0o755)


def test_a_file_in_the_way_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("not a directory")
    with pytest.raises(OutputError, match="out: cannot write there"):
        sweep([Coin(bias=0.5, seed=0)], tmp_path / "out")


def test_any_damaged_byte_is_found_and_only_that_trial_computed_again(tmp_path: Path, ledger: Ledger) -> None:
    trials = grid(Logged, n_samples=2, seed=range(3))
    sweep(trials, tmp_path)
    store, victim = Store(tmp_path), trials[1].key
    path = tmp_path / "trials" / f"{victim}.safetensors"
    content, record = path.read_bytes(), store.read(victim)
    found = 0
    for i in range(len(content)):
        path.write_bytes(content[:i] + bytes([content[i] ^ 1]) + content[i + 1 :])
        try:
            read = Store(tmp_path).read(victim)
        except CorruptRecordError:
            found += 1
        else:  # padding
            assert (read.spec, read.provenance) == (record.spec, record.provenance)
            assert str(read.variables) == str(record.variables)
    assert found > 0.9 * len(content)
    for length in (0, 7, 100, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(CorruptRecordError, match=victim):
            Store(tmp_path).read(victim)
    before = opened(tmp_path, "logged")
    assert (done := sweep(trials, tmp_path)).damaged == 1
    assert done.computed == 1
    assert [line.split()[0] for line in ledger()] == [*(t.key for t in trials), victim]
    xr.testing.assert_identical(opened(tmp_path, "logged"), before)


def test_a_damaged_table_is_noticed_and_made_again(tmp_path: Path, ledger: Ledger) -> None:
    trials = grid(Logged, n_samples=50, seed=range(3))
    sweep(trials, tmp_path)
    before = opened(tmp_path, "logged")
    chunk = tmp_path / "results.zarr" / "logged" / "draws" / "0.0"
    content = bytearray(chunk.read_bytes())
    content[len(content) // 2] ^= 1
    chunk.write_bytes(content)
    with pytest.raises(RuntimeError):
        opened(tmp_path, "logged")
    assert sweep(trials, tmp_path).computed == 0
    xr.testing.assert_identical(opened(tmp_path, "logged"), before)
    assert len(ledger()) == 3


def test_two_drivers_on_one_store(tmp_path: Path, ledger: Ledger) -> None:
    # The first driver is another process; a driver that is gone leaves no lock behind.
    script = (
        "import fcntl, sys; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX); file.write('the first')\n"
        "file.flush(); print('locked', flush=True); sys.stdin.read()"
    )
    trials = grid(Logged, n_samples=2, seed=range(3))
    sweep(trials[:1], tmp_path)
    command = [sys.executable, "-c", script, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "locked\n"
        with pytest.raises(InputError, match=r"another sweep is writing here \(the first\)"):
            sweep(trials, tmp_path)
        assert len(ledger()) == 1
        first.kill()
    assert sweep(trials, tmp_path).computed == 2
    with Store(tmp_path).lock(), pytest.raises(InputError, match=rf"\(process {os.getpid()} on "):
        sweep(trials, tmp_path)


def test_the_table_can_be_read_while_the_sweep_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("mnemoscope.sweeps.sweep")
    monkeypatch.setattr(module, "_REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(module, "_REFRESH_SHARE", 1e9)
    seen = []

    def look(_: Coin) -> dict[str, float]:
        seen.append(int(opened(tmp_path, "coin").finished.sum()))
        return {"value": 1.0}

    monkeypatch.setattr(Coin, "run", look)
    sweep(grid(Coin, bias=0.5, seed=range(4)), tmp_path)
    assert seen == [0, 1, 2, 3]


def test_progress_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sweep([Coin(bias=0.5, seed=0)], tmp_path, progress=True)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "1 done, 0 failed, 0 left" in captured.err


def test_leftovers_of_killed_writers_are_removed(tmp_path: Path) -> None:
    sweep([Coin(bias=0.5, seed=0)], tmp_path)
    (tmp_path / "trials" / ".mnemoscope-0123456789abcdef.tmp").write_bytes(b"half a tri")
    (tmp_path / ".results.zarr-1234").mkdir()
    sweep([Coin(bias=0.5, seed=0)], tmp_path)
    assert not list(tmp_path.rglob(".*.tmp"))
    assert len(list(tmp_path.glob(".results.zarr-*"))) == 1
