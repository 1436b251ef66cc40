"""The command line as users meet it: exit codes, one line on stderr, results on stdout, nothing half-written."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from mnemoscope import __version__
from mnemoscope.cli import main
from mnemoscope.cli.study import Preset
from mnemoscope.data import load, load_digits
from mnemoscope.studies.study import PRESETS

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mnemoscope", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    train, holdout = load_digits().split(500, seed=0)
    rng = np.random.default_rng(0)
    arrays = {
        "train": train.array,
        "holdout": holdout.array[:250],
        "honest": holdout.array[250:],
        "copies": (train.array[:100] + rng.normal(0, 0.1, (100, 8, 8))).astype(np.float32),
        "scaled": holdout.array[:100] / 16,
        "colour": np.zeros((100, 8, 8, 3), dtype=np.uint8),
        "few": holdout.array[:10],
        "empty": train.array[:0],
        "broken": np.full((100, 8, 8), np.nan),
        "vectors": rng.normal(size=(50, 5)),
        "flat": np.ones((50, 8, 8)),
    }
    paths = {name: tmp_path / f"{name}.npy" for name in arrays}
    for name, array in arrays.items():
        np.save(paths[name], array)
    return paths


def test_audit_of_copies(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    code, out, _ = run("audit", files["copies"], files["train"], "--holdout", files["holdout"], "--out", tmp_path / "a")
    assert code == 0
    assert "distance-ratio calls 100 % of the samples copies" in " ".join(out.split())
    assert " ".join(out.split()).count("This model memorizes: ") == 1
    assert "report.html" in out
    assert {p.name for p in (tmp_path / "a").iterdir()} == {"report.html", "report.json"}


def test_audit_json_is_one_object_and_seeded(run: Run, files: dict[str, Path]) -> None:
    command = ("audit", files["honest"], files["train"], "--json", "--measure", "absolute-distance", "--seed", "4")
    code, out, _ = run(*command)
    report = json.loads(out)
    assert code == 0
    assert list(report["measures"]) == ["absolute-distance"]
    assert report == json.loads(Path("mnemoscope-audit/report.json").read_text(encoding="utf-8"))
    assert run(*command, "--force")[1] == out


def test_train_and_sample(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", load_digits().array[:40])
    train = ("train", "x.npy", "--out", "run", "--network", "mlp", "--width", "8", "--batch-size", "4", "--steps")
    code, out, err = run(*train, "3")
    assert (code, "run: run" in out) == (0, True), err
    assert run(*train, "3")[0] == 2
    assert run(*train, "5", "--resume")[0] == 0
    code, out, err = run("sample", "run", "--n", "6", "--out", "s.npz", "--n-steps", "4", "--seed", "2")
    assert (code, err.count("Traceback")) == (0, 0)
    samples = load(tmp_path / "s.npz").array
    assert samples.shape == (6, 8, 8)
    about = json.loads((tmp_path / "s.npz.json").read_text(encoding="utf-8"))
    assert about["spec"]["seed"] == 2
    assert about["model"]["step"] == 5
    assert len(about["model"]["data"]["fingerprint"]) == 64
    assert about["model"]["weights"] == "average"
    raw = ("sample", "run", "--n", "6", "--out", "raw.npz", "--n-steps", "4", "--seed", "2", "--weights", "raw")
    assert run(*raw)[0] == 0
    assert json.loads((tmp_path / "raw.npz.json").read_text(encoding="utf-8"))["model"]["weights"] == "raw"
    assert not np.array_equal(load(tmp_path / "raw.npz").array, samples)
    code, _, err = run("sample", "empirical:digits", "--n", "4", "--out", "e.npy", "--weights", "raw")
    assert (code, "--weights is for a run" in err) == (2, True)


@pytest.mark.parametrize("solver", ["ode", "adaptive", "sde"])
def test_sampling_the_empirical_score_returns_training_items(run: Run, tmp_path: Path, solver: str) -> None:
    code, _, err = run("sample", "empirical:digits", "--n", "40", "--out", "s.npy", "--solver", solver)
    assert code == 0, err
    code, out, _ = run("audit", "s.npy", "digits", "--json")
    assert code == 0
    assert json.loads(out)["measures"]["distance-ratio"]["fraction"] == 1
    assert np.load(tmp_path / "s.npy").dtype == np.float32


def test_a_regularised_score_copies_less(run: Run) -> None:
    command = ("sample", "empirical:digits", "--n", "40", "--out", "s.npy", "--regularizer", "tikhonov:0.1")
    code, _, err = run(*command)
    assert code == 0, err
    assert json.loads(Path("s.npy.json").read_text(encoding="utf-8"))["model"]["regularizer"] == "tikhonov:0.1"
    code, out, _ = run("audit", "s.npy", "digits", "--json")
    assert (code, json.loads(out)["measures"]["distance-ratio"]["fraction"] < 0.1) == (0, True)
    np.save("x.npy", load_digits().array[:40])
    train = ("train", "x.npy", "--out", "run", "--network", "mlp", "--width", "8", "--batch-size", "4", "--steps", "3")
    assert run(*train)[0] == 0
    code, _, err = run("sample", "run", "--n", "4", "--out", "t.npy", "--regularizer", "tikhonov:0.1")
    assert (code, "--regularizer is for empirical:DATA" in err) == (2, True)


def test_predict(run: Run) -> None:
    setting = (
        "predict",
        "--psi-n",
        "4",
        "--noise-draws",
        "1",
        "--time",
        "0.1",
        "--ridge",
        "1e-3",
        "--activation",
        "tanh",
    )
    code, out, _ = run(*setting, "--psi-p", "2", "--json")
    told = json.loads(out)
    assert code == 0
    assert round(told["score_error"], 2) == 4.06  # George, Veiga & Macris, as in the design's table
    assert round(told["train_loss"], 3) == 0.417
    code, out, _ = run("predict", "--data", "digits", "--psi-p", "1", "--time", "0.1", "--ridge", "1e-3")
    assert (code, "side of the crossover" in out) == (0, True)


def test_studies_are_mounted(run: Run) -> None:
    assert run("study", "list")[0] == 0
    assert get_args(Preset) == PRESETS


BAD = {
    "theory": (["predict", "--psi-n", "-1", "--psi-p", "2", "--time", "0.1", "--ridge", "1e-3"], "--psi-n"),
    "study": (["study", "run", "alchemy"], "alchemy"),
    "missing": (["audit", "nowhere.npy", "{train}"], "nowhere.npy"),
    "empty": (["audit", "{empty}", "{train}"], "empty.npy"),
    "nan": (["audit", "{broken}", "{train}"], "item 0 holds NaN"),
    "shape": (["audit", "{colour}", "{train}"], "(8, 8, 3)"),
    "range": (["audit", "{scaled}", "{train}"], "one value range"),
    "few generated": (["audit", "{few}", "{train}"], "36 are needed"),
    "few held out": (["audit", "{honest}", "{train}", "--holdout", "{few}"], "few.npy: 10 held-out items"),
    "measure": (["audit", "{honest}", "{train}", "--measure", "ssim"], "ssim"),
    "unwritable": (["audit", "{honest}", "{train}", "--out", "{train}"], "train.npy"),
    "option": (["audit", "{honest}", "{train}", "--colour"], "--colour"),
    "argument": (["audit", "{honest}"], "train"),
    "command": (["juggle"], "juggle"),
    "number": (["sample", "empirical:digits", "--n", "many", "--out", "s.npy"], "--n"),
    "vectors": (["train", "{vectors}", "--out", "r"], "needs images"),
    "flat": (["train", "{flat}", "--out", "r"], "nothing to scale"),
    "network": (["train", "digits", "--out", "r", "--network", "gan"], "gan"),
    "draws": (["train", "digits", "--out", "r", "--noise-draws", "some"], "--noise-draws"),
    "draws value": (["train", "digits", "--out", "r", "--noise-draws", "0"], "--noise-draws"),
    "rate": (["train", "digits", "--out", "r", "--learning-rate", "-1"], "--learning-rate"),
    "optimizer": (["train", "digits", "--out", "r", "--optimizer", "lion"], "lion"),
    "process": (["sample", "empirical:digits", "--n", "4", "--out", "s.npy", "--process", "levy"], "levy"),
    "solver": (["sample", "empirical:digits", "--n", "4", "--out", "s.npy", "--solver", "euler"], "euler"),
    "regularizer": (
        ["sample", "empirical:digits", "--n", "4", "--out", "s.npy", "--regularizer", "ridge:1"],
        "regularizer: unknown name 'ridge'",
    ),
    "strength": (
        ["sample", "empirical:digits", "--n", "4", "--out", "s.npy", "--regularizer", "tikhonov:-1"],
        "c must be a finite number >= 0",
    ),
    "count": (["sample", "empirical:digits", "--n", "0", "--out", "s.npy"], "--n"),
    "suffix": (["sample", "empirical:digits", "--n", "4", "--out", "s.gif", "--n-steps", "2"], ".gif"),
    "no run": (["sample", "{folder}", "--n", "4", "--out", "s.npy"], "holds no training run"),
    "no folder": (
        ["sample", "empirical:digits", "--n", "4", "--out", "no/s.npy", "--n-steps", "2"],
        "no: cannot write there",
    ),
    "seed": (["audit", "{honest}", "{train}", "--seed", "-1"], "seed"),
    "demo": (["demo", "--out", "{train}"], "train.npy"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_two(run: Run, files: dict[str, Path], case: str, tmp_path: Path) -> None:
    arguments, culprit = BAD[case]
    before = sorted(tmp_path.iterdir())
    code, out, err = run(*(a.format(**files, folder=tmp_path) for a in arguments))
    assert code == 2
    assert out == ""
    lines = [line for line in err.splitlines() if "━" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("mnemoscope: ")
    assert culprit in lines[0]
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(run: Run, files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    code, _, err = run("audit", files["honest"], files["train"], "--out", tmp_path / "locked")
    assert (code, "locked" in err) == (2, True)


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"mnemoscope {__version__}\n", "")


def test_without_a_command_the_help_is_all_there_is(run: Run) -> None:
    code, out, err = run()
    assert (code, "Usage: " in out, err) == (2, True, "")


def test_help_lists_the_commands() -> None:
    command = [sys.executable, "-m", "mnemoscope", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in ("demo", "audit", "train", "sample"):
        assert name in shown


def test_defects_are_one_line_and_exit_code_seventy(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("mnemoscope.data.load_together", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, out, err = run("audit", "digits", "digits")
    assert (code, out, err.count("\n")) == (70, "", 1)
    (details,) = tmp_path.glob("mnemoscope-*.txt")
    assert err == f"mnemoscope: internal error, ZeroDivisionError: its details are in {details} (please report it)\n"
    assert "division by zero" in details.read_text(encoding="utf-8")
    assert details.stat().st_mode & 0o077 == 0, "tracebacks may hold what others should not read"
