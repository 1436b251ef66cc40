"""Paths are not trusted: nothing is written through a link that someone laid, and no output is an input."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnemoscope.cli import main
from mnemoscope.data import load_digits, source_paths
from mnemoscope.errors import InputError, OutputError
from mnemoscope.networks import NetworkSpec
from mnemoscope.output import (
    atomic_file,
    atomic_folder,
    check_apart,
    check_output_file,
    output_subfolder,
    remove_temporaries,
    write_json,
)
from mnemoscope.processes import VariancePreserving
from mnemoscope.studies.findings import run_study
from mnemoscope.sweeps import sweep
from mnemoscope.text import one_line
from mnemoscope.training import TrainingSpec, train_run
from tests.unit.studies.toy_study import Toy
from tests.unit.sweeps.sweep_trials import Coin

Run = Callable[..., tuple[int, str]]
TRIALS = [Coin(bias=0.5, seed=0)]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mnemoscope", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0), capsys.readouterr().err

    return call


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder of someone else's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "precious.txt").write_text("precious")
    (folder / ".abc.tmp").write_text("precious")
    (folder / ".mnemoscope-0.tmp").write_text("precious")
    return folder


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


class TestSweeps:
    @pytest.mark.parametrize("lay", [Path.symlink_to, Path.hardlink_to], ids=["symbolic", "hard"])
    def test_a_linked_lock_empties_nothing(
        self, tmp_path: Path, elsewhere: Path, lay: Callable[[Path, Path], None]
    ) -> None:
        (tmp_path / "out").mkdir()
        lay(tmp_path / "out" / "lock", elsewhere / "precious.txt")
        before = contents(elsewhere)
        with pytest.raises(OutputError, match=r"lock: is (a link|no file of its own), where mnemoscope keeps its lock"):
            sweep(TRIALS, tmp_path / "out")
        assert contents(elsewhere) == before

    def test_a_pipe_for_a_lock_hangs_nothing(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "lock")
        with pytest.raises(OutputError, match="lock"):
            sweep(TRIALS, tmp_path)

    @pytest.mark.parametrize("name", ["trials", "failed"])
    def test_a_linked_folder_is_refused(self, tmp_path: Path, elsewhere: Path, name: str) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / name).symlink_to(elsewhere, target_is_directory=True)
        before = contents(elsewhere)
        with pytest.raises(OutputError, match=f"{name}: is a link"):
            sweep(TRIALS, tmp_path / "out")
        assert contents(elsewhere) == before

    def test_linked_figures_are_refused(self, tmp_path: Path, elsewhere: Path) -> None:
        out = tmp_path / "out"
        run_study(Toy(), out)
        for figure in (out / "figures").iterdir():
            figure.unlink()
        (out / "figures").rmdir()
        (out / "figures").symlink_to(elsewhere, target_is_directory=True)
        before = contents(elsewhere)
        with pytest.raises(OutputError, match="figures: is a link"):
            run_study(Toy(), out)
        assert contents(elsewhere) == before

    def test_the_user_may_link_the_whole_folder(self, tmp_path: Path) -> None:
        (tmp_path / "disk").mkdir()
        (tmp_path / "out").symlink_to(tmp_path / "disk")
        assert sweep(TRIALS, tmp_path / "out").computed == 1
        assert (tmp_path / "disk" / "trials").is_dir()


class TestTraining:
    def test_linked_checkpoints_are_refused(self, tmp_path: Path, elsewhere: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "checkpoints").symlink_to(elsewhere, target_is_directory=True)
        data = load_digits().take(np.arange(8))
        network = NetworkSpec("mlp", data.event_shape, {"width": 4})
        before = contents(elsewhere)
        with pytest.raises(OutputError, match="checkpoints: is a link"):
            train_run(data, VariancePreserving(), network, TrainingSpec(steps=1, batch_size=2), tmp_path / "run")
        assert contents(elsewhere) == before


class TestTemporaries:
    def test_the_old_name_can_be_foretold_and_is_not_used(self, tmp_path: Path, elsewhere: Path) -> None:
        (tmp_path / f".x.json.{os.getpid()}.tmp").symlink_to(elsewhere / "precious.txt")
        write_json(tmp_path / "x.json", {})
        assert contents(elsewhere)["precious.txt"] == "precious"

    def test_names_are_random_and_made_exclusively(
        self, tmp_path: Path, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with atomic_file(tmp_path / "x") as one, atomic_file(tmp_path / "x") as other:
            assert one != other
        monkeypatch.setattr("secrets.token_hex", lambda _: "0")  # as if someone had guessed
        (tmp_path / ".mnemoscope-0.tmp").symlink_to(elsewhere / "precious.txt")
        with pytest.raises(OutputError, match="File exists"):
            write_json(tmp_path / "x.json", {})
        with pytest.raises(OutputError, match="File exists"), atomic_folder(tmp_path / "folder"):
            pass
        assert contents(elsewhere)["precious.txt"] == "precious"

    def test_a_linked_target_is_replaced_not_followed(self, tmp_path: Path, elsewhere: Path) -> None:
        (tmp_path / "x.json").symlink_to(elsewhere / "precious.txt")
        write_json(tmp_path / "x.json", {})
        assert not (tmp_path / "x.json").is_symlink()
        assert contents(elsewhere)["precious.txt"] == "precious"

    def test_files_have_the_permissions_of_any_new_file(self, tmp_path: Path) -> None:
        (tmp_path / "plain").touch()
        write_json(tmp_path / "x.json", {})
        assert (tmp_path / "x.json").stat().st_mode == (tmp_path / "plain").stat().st_mode

    def test_only_our_own_leftovers_are_removed(self, tmp_path: Path, elsewhere: Path) -> None:
        (tmp_path / ".mnemoscope-1.tmp").mkdir()
        (tmp_path / ".mnemoscope-1.tmp" / "half").touch()
        (tmp_path / ".mnemoscope-2.tmp").touch()
        (tmp_path / ".mnemoscope-3.tmp").symlink_to(elsewhere, target_is_directory=True)
        (tmp_path / ".other.tmp").touch()
        before = contents(elsewhere)
        remove_temporaries(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", ".other.tmp"}
        assert contents(elsewhere) == before


class TestOutputsAndInputs:
    @pytest.mark.parametrize(
        "out", ["d.npy", "./d.npy", "sub/../d.npy", "link.npy", "hard.npy", "pictures/d.npy", "linked/d.npy"]
    )
    def test_an_output_that_is_an_input(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
        monkeypatch.chdir(tmp_path)
        Path("d.npy").touch()
        Path("sub").mkdir()
        Path("pictures").mkdir()
        Path("link.npy").symlink_to("d.npy")
        Path("hard.npy").hardlink_to("d.npy")
        Path("linked").symlink_to("pictures")
        with pytest.raises(InputError, match=r"would be written over or into (d\.npy|pictures)"):
            check_apart([out], ["d.npy", "pictures"])
        check_apart(["e.npy", "sub/d.npy", "sub/pictures"], ["d.npy", "pictures", "nowhere"])

    def test_sources_without_their_arrays_names(self, tmp_path: Path) -> None:
        assert source_paths("digits", None, "a.npz:x", "b.npy") == [Path("a.npz"), Path("b.npy")]

    def test_sampling_spares_its_training_set(self, run: Run) -> None:
        np.savez("d.npz", x=np.random.default_rng(0).random((6, 3)))
        np.save("d.npy", np.random.default_rng(0).random((6, 3)))
        Path("d.json").write_text("{}")
        for source, out in [("d.npy", "d.npy"), ("d.npz:x", "d.npz")]:
            before = Path(out).read_bytes()
            code, err = run("sample", f"empirical:{source}", "--n", "2", "--out", out)
            assert (code, err.count("\n")) == (2, 1)
            assert f"{out}: would be written over" in err
            assert Path(out).read_bytes() == before

    def test_sampling_spares_the_run(self, run: Run) -> None:
        np.save("d.npy", np.random.default_rng(0).random((6, 3)))
        features = ("--network", "random-features", "--width", "4", "--noise-draws", "2")
        assert run("train", "d.npy", "--out", "run", *features)[0] == 0
        code, err = run("sample", "run", "--n", "2", "--out", "run/weights.safetensors")
        assert (code, "would be written over" in err) == (2, True)
        assert run("sample", "run", "--n", "2", "--out", "run/samples.npy")[0] == 0

    def test_training_does_not_write_into_its_training_set(self, run: Run) -> None:
        Path("pictures").mkdir()
        code, err = run("train", "pictures", "--out", "pictures/run")
        assert (code, "written over or into pictures" in err) == (2, True)

    def test_an_audit_does_not_write_into_its_sets(self, run: Run) -> None:
        Path("pictures").mkdir()
        for sets in (["digits", "pictures"], ["pictures", "digits"], ["digits", "digits", "--holdout", "pictures"]):
            code, err = run("audit", *sets, "--out", "pictures")
            assert (code, "written over or into pictures" in err) == (2, True)
        assert not list(Path("pictures").iterdir())


def test_a_name_is_checked_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long"):
        check_output_file(tmp_path / ("a" * 300))
    with pytest.raises(OutputError, match="is a folder"):
        check_output_file(tmp_path)
    with pytest.raises(OutputError, match="null"):
        check_output_file("a\0b")
    check_output_file(tmp_path / ("a" * 255))
    with atomic_file(tmp_path / ("a" * 255)) as temporary:
        temporary.write_text("whole")


def test_a_subfolder_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write there"):
        output_subfolder(tmp_path / "file")
    assert output_subfolder(tmp_path / "new").is_dir()


def test_one_line_is_one_line() -> None:
    assert one_line("a\nb\tc  d") == "a b c d"
    assert one_line("\x1b[31m\u202e\udc80") == "\\x1b[31m\\u202e\\udc80"
    long = one_line("x" * 300 + "y" * 300)
    assert len(long) == 500
    assert long.startswith("x" * 200)
    assert long.endswith("y" * 200)
    assert one_line("é" * 500) == "é" * 500
