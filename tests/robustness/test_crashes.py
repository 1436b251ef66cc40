"""Whatever happens between two steps of writing: a result is there whole, or not at all, and nothing else is left."""

import importlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnemoscope.auditing.features import cache
from mnemoscope.data.files import save_array
from mnemoscope.errors import InputError, OutputError
from mnemoscope.output import (
    atomic_companions,
    atomic_file,
    atomic_files,
    atomic_folder,
    held_folder,
    locks,
    open_lock,
    output_folder,
    remove_temporaries,
    write_json,
    write_text,
)
from mnemoscope.output.signals import stopped_by, uninterrupted
from mnemoscope.sweeps import store, sweep
from mnemoscope.sweeps.files import lock, replace_folder
from mnemoscope.training import checkpoint
from tests.robustness.command import run
from tests.robustness.faults import FAULTS, DeadError, Fault, Steps, steps
from tests.unit.sweeps.sweep_trials import Coin

PAGES = ("figures/a.svg", "report.html", "report.json")


def fill(folder: Path, names: tuple[str, ...], text: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def over(place: Path) -> None:
    (place / "out").mkdir()
    fill(place / "out", (*PAGES, "figures/theirs.svg"), "old")


def write_pages(place: Path, text: str) -> None:
    with atomic_files(place / "out", PAGES, force=True) as folder:
        fill(folder, PAGES, text)


def write_samples(place: Path, text: str) -> None:
    with atomic_companions(place / "s.npy") as folder:
        fill(folder, ("s.npy", "s.npy.json"), text)


def write_checkpoint(place: Path, text: str) -> None:
    with atomic_folder(place / "step") as folder:
        fill(folder, ("state.json", "weights"), text)


def write_table(place: Path, text: str) -> None:
    replace_folder(place / "table", {"a": text.encode(), "b": text.encode()})


@dataclass(frozen=True)
class Result:
    """Something that writes: ``prepare`` puts there what was before it, ``parts`` are its files."""

    write: Callable[[Path, str], None]
    parts: tuple[str, ...]
    prepare: Callable[[Path], None] = lambda _: None
    one_rename: bool = True

    def texts(self, place: Path) -> list[str]:
        """What its files hold, None's left out."""
        return [(place / part).read_text() for part in self.parts if (place / part).is_file()]

    def is_whole(self, place: Path) -> bool:
        """All of it of one time, or none."""
        texts = self.texts(place)
        return len(set(texts)) <= 1 and len(texts) in (0, len(self.parts))


RESULTS = {
    "a file": Result(lambda place, text: write_text(place / "x", text), ("x",)),
    "a file over another": Result(
        lambda place, text: write_text(place / "x", text), ("x",), lambda place: fill(place, ("x",), "old")
    ),
    "a folder": Result(write_checkpoint, ("step/state.json", "step/weights")),
    "pages": Result(write_pages, tuple(f"out/{name}" for name in PAGES)),
    "pages over others": Result(write_pages, tuple(f"out/{name}" for name in PAGES), over, one_rename=False),
    "pages in a folder": Result(
        write_pages, tuple(f"out/{name}" for name in PAGES), lambda place: (place / "out").mkdir(), one_rename=False
    ),
    "samples": Result(write_samples, ("s.npy", "s.npy.json"), one_rename=False),
    "samples over others": Result(
        write_samples,
        ("s.npy", "s.npy.json"),
        lambda place: fill(place, ("s.npy", "s.npy.json"), "old"),
        one_rename=False,
    ),
    "a table over another": Result(write_table, ("table/a", "table/b"), lambda place: write_table(place, "old")),
}


def listing(place: Path) -> set[str]:
    """Everything there but the folder that a table is a link to, whose name is random."""
    return {str(path.relative_to(place)) for path in place.rglob("*") if ".table-" not in str(path)}


def all_steps(result: Result, place: Path) -> Steps:
    place.mkdir()
    result.prepare(place)
    with steps() as counted:
        result.write(place, "new")
    assert result.texts(place) == ["new"] * len(result.parts)
    return counted


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", RESULTS)
def test_a_fault_at_every_step(name: str, fault: Fault, tmp_path: Path) -> None:
    result = RESULTS[name]
    n_steps = len(all_steps(result, tmp_path / "undisturbed").taken)
    seen = set()
    for at in range(n_steps + 1):
        place = tmp_path / str(at)
        place.mkdir()
        result.prepare(place)
        before, names = result.texts(place), listing(place)
        with suppress(DeadError, OSError, KeyboardInterrupt), steps(at, fault):
            result.write(place, "new")
        if fault == "dies":
            texts = result.texts(place)
            assert len(set(texts)) <= 1, f"step {at}: files of two results side by side"
            assert result.is_whole(place) or not result.one_rename, f"step {at}: half of a result"
            with suppress(RuntimeError):
                again(name, place)  # the next run, which comes to nothing itself
        assert result.is_whole(place), f"step {at}"
        texts = result.texts(place)
        assert texts == before or set(texts) == {"new"}, f"step {at}"
        seen.add("".join(texts[:1]))
        if not texts:
            assert listing(place) <= names | {"out"}, f"step {at}: something is left"
            assert fault == "dies" or listing(place) == names, f"step {at}: an empty folder is left"
        else:
            known = names | set(result.parts) | {str(Path(part).parent) for part in result.parts} - {"."}
            assert listing(place) - {"table"} <= known, f"step {at}: something is left"
        assert len(list(place.glob(".table-*"))) <= 1
        if (place / "out/figures/theirs.svg").parent.is_dir() and "others" in name:
            assert (place / "out/figures/theirs.svg").read_text() == "old"
    assert seen == {"".join(before[:1]), "new"}, "some faults come before the result, some after"


def again(name: str, place: Path) -> None:
    """A run that clears what is left and then fails."""
    if "table" in name:
        write_table(place, (place / "table/a").read_text())
    elif "samples" in name:
        output_folder(place)
        with atomic_companions(place / "s.npy"):
            raise RuntimeError
    elif "pages" in name:
        output_folder(place)
        with atomic_files(place / "out", PAGES, force=True):
            raise RuntimeError
    else:
        output_folder(place)


@pytest.mark.parametrize("name", [name for name in RESULTS if "table" not in name])
def test_content_is_on_the_disk_before_its_name_is(name: str, tmp_path: Path) -> None:
    counted = all_steps(RESULTS[name], tmp_path / "x")
    decides = next(index for index, step in enumerate(counted.taken) if step in ("rename", "replace"))
    assert len(counted.listed[decides]) == len(RESULTS[name].parts)
    assert counted.listed[decides] <= counted.synced[decides]


@pytest.mark.parametrize("name", [name for name in RESULTS if "pages" in name or "samples" in name])
def test_names_are_on_the_disk_in_the_end(name: str, tmp_path: Path) -> None:
    named = all_steps(RESULTS[name], tmp_path / "x").named
    holds_the_last = tmp_path / "x" if name == "pages" or "samples" in name else tmp_path / "x" / "out"
    assert holds_the_last.stat().st_ino in named


@pytest.mark.parametrize("name", [name for name, result in RESULTS.items() if not result.one_rename])
def test_a_folder_of_a_files_name_is_refused_and_stays(name: str, tmp_path: Path) -> None:
    """A link to one is no folder, and goes as any other file does."""
    result = RESULTS[name]
    result.prepare(tmp_path)
    last = tmp_path / result.parts[-1]
    last.unlink(missing_ok=True)
    last.mkdir()
    (last / "mine").touch()
    names = listing(tmp_path)
    with pytest.raises(OutputError, match=f"{last.name}: is a folder"):
        result.write(tmp_path, "new")
    assert listing(tmp_path) == names
    assert "new" not in result.texts(tmp_path)
    last.rename(tmp_path / "elsewhere")
    last.symlink_to(tmp_path / "elsewhere")
    result.write(tmp_path, "new")
    assert result.texts(tmp_path) == ["new"] * len(result.parts)
    assert (tmp_path / "elsewhere" / "mine").exists()
    assert not last.is_symlink()


def test_who_needs_no_sync_does_not_wait(tmp_path: Path) -> None:
    with steps() as counted, atomic_file(tmp_path / "x", sync=False) as temporary:
        temporary.write_text("new")
    assert "fsync" not in counted.taken


class TestWriters:
    """One writer at a time, and the living are left alone."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locks, "PATIENCE", 0.0)

    def test_the_second_is_refused(self, tmp_path: Path) -> None:
        with atomic_files(tmp_path / "out") as first:
            (first / "a").write_text("first")
            with pytest.raises(InputError, match="out: another process is writing it"), atomic_files(tmp_path / "out"):
                pass
            assert (tmp_path / "out").is_dir(), "who is refused removes nothing"
        assert (tmp_path / "out" / "a").read_text() == "first"
        with atomic_companions(tmp_path / "s.npy"):
            with pytest.raises(InputError, match=r"s\.npy: another"), atomic_companions(tmp_path / "s.npy"):
                pass
            with atomic_companions(tmp_path / "other.npy") as other:
                (other / "other.npy").write_text("other")
        assert {path.name for path in tmp_path.iterdir()} == {"out", "other.npy"}

    def test_who_is_quick_is_waited_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locks, "PATIENCE", 60.0)
        monkeypatch.setattr(time, "sleep", lambda _: first.__exit__(None, None, None))
        first = held_folder(tmp_path)
        first.__enter__()
        with held_folder(tmp_path):
            pass

    def test_the_living_are_left_alone(self, tmp_path: Path) -> None:
        with atomic_file(tmp_path / "x") as file, atomic_folder(tmp_path / "f") as folder:
            with atomic_companions(tmp_path / "s"):
                remove_temporaries(tmp_path)
                with pytest.raises(InputError), atomic_companions(tmp_path / "s"):
                    pass
            remove_temporaries(tmp_path)
            assert file.exists()
            assert folder.exists()
        assert {path.name for path in tmp_path.iterdir()} == {"x", "f"}

    def test_somebody_elses_are_left_alone(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in (".mnemoscope-1.tmp", ".mnemoscope-1.lock"):
            (tmp_path / name).touch()
        (tmp_path / ".mnemoscope-2.whole").mkdir()
        (tmp_path / ".mnemoscope-2.whole" / "a").write_text("laid")
        monkeypatch.setattr("os.geteuid", lambda: tmp_path.stat().st_uid + 1)
        output_folder(tmp_path)
        with atomic_files(tmp_path) as folder:
            (folder / "b").touch()
        assert len(list(tmp_path.glob(".mnemoscope-*"))) == 3
        assert not (tmp_path / "a").exists()

    @pytest.mark.parametrize(
        "command",
        [
            "audit digits digits --out out",
            "demo --out out",
            "train digits --network mlp --width 4 --steps 1 --out out",
            "train digits --network random-features --width 4 --noise-draws 2 --out out",
            "sample empirical:digits --n 1 --n-steps 1 --out s.npy",
        ],
        ids=lambda command: command.split()[0],
    )
    def test_commands(self, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with held_folder("out"), locks.held(Path("s.npy")):
            ran = run(command.split())
        assert (ran.code, len(ran.complaints)) == (2, 1)
        assert "another process is writing it" in ran.complaints[0]
        assert [path.name for path in tmp_path.iterdir()] == ["out"]
        assert not list((tmp_path / "out").iterdir())


class TestSignals:
    def test_while_a_folder_is_made_and_held(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The signal waits until the lock is taken, and what was made goes again."""
        taken = locks.try_lock

        def interrupted(descriptor: int) -> bool:
            signal.raise_signal(signal.SIGINT)
            return taken(descriptor)

        monkeypatch.setattr(locks, "try_lock", interrupted)
        with pytest.raises(KeyboardInterrupt), held_folder(tmp_path / "new" / "out"):
            pytest.fail("it was interrupted")
        assert list(tmp_path.iterdir()) == []

    def test_steps_that_belong_together(self) -> None:
        done = []
        with pytest.raises(KeyboardInterrupt), uninterrupted():
            done.append(signal.raise_signal(signal.SIGINT))
        assert done, "the step after the signal was taken"

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
    def test_all_that_stop_are_as_ctrl_c(self, number: signal.Signals) -> None:
        before = signal.getsignal(number)
        with stopped_by() as stops:
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            assert stops == [number]
        assert signal.getsignal(number) == before

    def test_what_is_ignored_stays_so(self) -> None:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with stopped_by() as stops:
                signal.raise_signal(signal.SIGHUP)
            assert not stops
        finally:
            signal.signal(signal.SIGHUP, before)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """What a full disk looks like to this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class TestCommands:
    TRAIN = "train d.npy --network mlp --width 8 --batch-size 4 --steps 4 --checkpoint-every 2 --out out"

    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        importlib.import_module(
            "torch._dynamo"
        )  # loaded at the first step, it needs a folder for temporary files itself
        np.save("d.npy", np.random.default_rng(0).normal(size=(60, 4)))

    @pytest.mark.parametrize("size", [900, 6000])
    @pytest.mark.parametrize(
        "command",
        [
            TRAIN,
            "train d.npy --network random-features --width 64 --noise-draws 2 --out out",
            "sample empirical:d.npy --n 900 --n-steps 1 --out out.npy",
            "audit d.npy d.npy --out out",
        ],
        ids=["train", "features", "sample", "audit"],
    )
    def test_a_full_disk(self, command: str, size: int, tmp_path: Path) -> None:
        with files_of_at_most(size):
            ran = run(command.split())
        assert (ran.code, len(ran.complaints)) == (2, 1), ran
        assert ran.complaints[0].startswith("mnemoscope: out")
        assert re.search(r": cannot be written \((File too large|\d+ requested and \d+ written)\)$", ran.complaints[0])
        assert ".mnemoscope-" not in ran.complaints[0]
        assert [path.name for path in tmp_path.iterdir()] == ["d.npy"]

    def test_a_disk_that_fills_keeps_the_checkpoints(self, tmp_path: Path) -> None:
        assert run(self.TRAIN.split()).code == 0
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        with files_of_at_most(2000):
            ran = run([*self.TRAIN.replace("--steps 4", "--steps 8").split(), "--resume"])
        assert (ran.code, len(ran.complaints)) == (2, 1)
        assert ran.complaints[0].startswith("mnemoscope: out/checkpoints/step-00000006: cannot be written")
        after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
        assert before.keys() == after.keys()
        assert run([*self.TRAIN.replace("--steps 4", "--steps 8").split(), "--resume"]).code == 0

    @pytest.mark.parametrize("command", ["audit d.npy d.npy --out", "train d.npy --network mlp --out", "demo --out"])
    def test_a_folder_that_cannot_be_written_to(self, command: str) -> None:
        ran = run([*command.split(), "/sys/new/out"])
        assert (ran.code, len(ran.complaints)) == (2, 1)
        assert "mnemoscope: /sys/new/out: cannot write there (" in ran.complaints[0]

    def test_refused_settings_leave_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def too_large(*_: object) -> None:
            raise MemoryError

        monkeypatch.setattr("mnemoscope.training.draws.Draws.labelled_batch", too_large)
        ran = run(self.TRAIN.split())
        assert (ran.code, len(ran.complaints)) == (2, 1)
        assert [path.name for path in tmp_path.iterdir()] == ["d.npy"]

    def test_a_description_alone_is_no_run(self, tmp_path: Path) -> None:
        """What SIGKILL leaves before the first checkpoint keeps nobody from training."""
        (tmp_path / "out" / "checkpoints").mkdir(parents=True)
        (tmp_path / "out" / "run.json").write_text("half")
        assert run(self.TRAIN.split()).code == 0
        assert "holds a training run already" in run(self.TRAIN.split()).err

    @pytest.mark.slow
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    def test_a_stopped_command(self, number: signal.Signals, tmp_path: Path) -> None:
        words = ["sample", "empirical:d.npy", "--n", "100000", "--n-steps", "100000", "--out", "s.npy"]
        if number == signal.SIGTERM:
            words = [*self.TRAIN.replace("--steps 4", "--steps 1000000").split()]
        with subprocess.Popen(
            [sys.executable, "-m", "mnemoscope", *words],
            stderr=subprocess.PIPE,
            text=True,
        ) as stopped:
            try:
                awaited = "out/checkpoints/step-*" if number == signal.SIGTERM else ".mnemoscope-*.tmp"
                while not list(tmp_path.glob(awaited)):
                    assert stopped.poll() is None
                    time.sleep(0.01)
                stopped.send_signal(number)
                _, err = stopped.communicate(timeout=60)
            finally:
                stopped.kill()
        complaints = [line for line in err.splitlines() if line.startswith("mnemoscope")]
        if number == signal.SIGKILL:
            assert list(tmp_path.glob(".mnemoscope-*"))
            assert run(["sample", "empirical:d.npy", "--n", "2", "--n-steps", "1", "--out", "s.npy"]).code == 0
            assert {path.name for path in tmp_path.iterdir()} == {"d.npy", "s.npy", "s.npy.json"}
            return
        assert (stopped.returncode, complaints) == (128 + number, ["mnemoscope: interrupted"])
        assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]
        if number == signal.SIGTERM:
            assert run(["sample", "out", "--n", "1", "--n-steps", "1", "--out", "s.npy"]).code == 0
        else:
            assert [path.name for path in tmp_path.iterdir()] == ["d.npy"]


def test_what_was_killed_while_it_made_a_folder_is_cleared_when_the_folder_is_there(tmp_path: Path) -> None:
    """Its temporary folder lies beside the folder that it had made, and not in it."""
    (tmp_path / "out").mkdir()
    (tmp_path / ".mnemoscope-0123456789abcdef.tmp").mkdir()
    write_pages(tmp_path, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("at", ["output_folder", "lock", "output_subfolder", "write_record"])
def test_a_sweep_that_is_interrupted_before_it_begins_leaves_nothing(
    at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = getattr(store, at)

    def interrupted(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return done(*arguments)

    monkeypatch.setattr(store, at, interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep([Coin(bias=0.5, seed=0)], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    with files_of_at_most(1), pytest.raises(OutputError, match=r"sweep\.json"):
        sweep([Coin(bias=0.5, seed=0)], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    with files_of_at_most(1), pytest.raises(OutputError):
        sweep([Coin(bias=0.5, seed=0)], tmp_path / "out")
    assert list(tmp_path.rglob("*")) == [tmp_path / "out"]  # theirs
    assert sweep([Coin(bias=0.5, seed=0)], tmp_path / "out").computed == 1
    with files_of_at_most(1), pytest.raises(OutputError):
        sweep([Coin(bias=0.5, seed=1)], tmp_path / "out")
    assert (tmp_path / "out" / "sweep.json").exists()


def test_a_lock_that_its_holder_removes_is_not_held_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opened it before that takes the one that is there then."""
    place, opened = tmp_path / "lock", []

    def opening(path: Path) -> int:
        opened.append(open_lock(path))
        if len(opened) == 1:
            path.unlink()
        return opened[-1]

    monkeypatch.setattr("mnemoscope.sweeps.files.open_lock", opening)
    with lock(place):
        assert len(opened) == 2
        assert os.path.samestat(place.stat(), os.fstat(opened[1]))
        with pytest.raises(InputError, match=rf"another sweep is writing here \(process {os.getpid()} on"), lock(place):
            pass


def test_a_full_disk_for_stdout() -> None:
    command = [sys.executable, "-m", "mnemoscope", "--version"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "mnemoscope: stdout: cannot be written (No space left on device)\n")


def write_features(path: Path) -> None:
    cache._write(path, "key", np.zeros((700, 8), np.float32))


def write_weights(path: Path) -> None:
    with atomic_file(path) as temporary:
        checkpoint.save_weights(torch.nn.Linear(60, 90), temporary)


def write_results(path: Path) -> None:
    replace_folder(path, {"0.0": bytes(20_000)})


WRITERS: dict[str, Callable[[Path], None]] = {
    "x.npy": lambda path: save_array(path, np.arange(5000.0)),
    "x.npz": lambda path: save_array(path, np.random.default_rng(0).random(5000)),
    "x.safetensors": lambda path: save_array(path, np.arange(5000.0)),
    "x.json": lambda path: write_json(path, list(range(5000))),
    "features": write_features,
    "weights": write_weights,
    "results": write_results,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_disk_that_is_full_one_byte_before_the_end(name: str, tmp_path: Path) -> None:
    """Whatever buffers lie between us and the disk, what does not fit in them is not taken for written."""
    WRITERS[name](tmp_path / name)
    whole = max(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    shutil.rmtree(tmp_path)
    for size in (whole - 1, whole - 100, whole - 4000, whole // 2, 1):
        tmp_path.mkdir(exist_ok=True)
        with files_of_at_most(size), pytest.raises(OutputError):
            WRITERS[name](tmp_path / name)
        assert list(tmp_path.iterdir()) == [], size
    WRITERS[name](tmp_path / name)
