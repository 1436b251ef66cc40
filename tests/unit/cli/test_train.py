"""``mnemoscope train`` and ``sample`` with all their options: watched, conditional, and what is refused."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnemoscope.cli import main
from mnemoscope.data import load_digits

Run = Callable[..., tuple[int, str, str]]
SMALL = ("--network", "mlp", "--width", "16", "--batch-size", "8", "--steps", "6")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    digits = load_digits().array
    np.save("x.npy", digits[:40])
    np.save("others.npy", digits[40:80])
    np.save("few.npy", digits[40:50])
    np.save("halves.npy", np.concatenate([digits[20:40], digits[40:60]]))
    near = digits[:40].astype(np.int16) + np.random.default_rng(0).integers(-1, 2, (40, 8, 8))
    np.save("near.npy", near.clip(0, 16).astype(np.uint8))
    np.save("scaled.npy", digits[40:80] * np.float32(15.9))
    Path("labels.txt").write_text("\n".join("abc"[k % 3] for k in range(40)))
    np.save("labels.npy", np.arange(40) % 3)

    def call(command: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mnemoscope", *command.split()])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


def train(*options: str) -> str:
    return " ".join(("train x.npy --out run", *SMALL, *options))


def test_watched(run: Run, tmp_path: Path) -> None:
    """Looks at stated steps and at the end, kept in the run's folder, and gone on with."""
    watched = train("--monitor", "--holdout", "others.npy", "--monitor-every", "4")
    code, out, err = run(watched)
    assert code == 0, err
    good = Path("run", "checkpoints", "step-00000006")
    assert f"trained to the end, the last good checkpoint is {good}\n" in out
    looks = tmp_path / "run" / "looks.jsonl"
    before = looks.read_bytes()
    assert [json.loads(line)["step"] for line in before.splitlines()[1:]] == [4, 6]
    assert run(watched.replace("--steps 6", "--steps 9") + " --resume")[0] == 0
    assert looks.read_bytes().startswith(before)
    code, _, err = run(watched.replace("others", "x") + " --resume")
    assert code == 2
    code, _, err = run(watched.replace("--steps 6", "--steps 9").replace("others", "scaled") + " --resume")
    assert (code, "Traceback" in err) == (2, False)


def test_stopped(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight hundred steps would be needed for real: here whatever is looked at is starting to memorize from step 4."""
    monkeypatch.setattr(
        "mnemoscope.monitoring.MemorizationMonitor.should_stop", lambda self, at="": self.records[-1].step >= 4
    )
    code, out, err = run(train("--monitor", "--holdout", "others.npy", "--monitor-every", "2", "--stop"))
    assert code == 0, err
    assert "stopped at step 4, where it starts to memorize; the last good checkpoint is" in out
    assert "\n4 steps, mean loss" in out
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir()) == [
        "step-00000002",
        "step-00000004",
    ]


@pytest.mark.parametrize("labels", ["labels.txt", "labels.npy"])
def test_conditional(run: Run, tmp_path: Path, labels: str) -> None:
    code, _, err = run(train("--classes", labels, "--label-dropout", "0.2"))
    assert code == 0, err
    described = json.loads((tmp_path / "run" / "run.json").read_text())
    names = ["a", "b", "c"] if labels == "labels.txt" else ["0", "1", "2"]
    assert described["data"]["classes"] == names
    assert described["training"]["label_dropout"] == 0.2
    sample = "sample run --n 3 --n-steps 3 --out "
    for out, more in (
        ("one.npy", f"--class-label {names[0]}"),
        ("far.npy", f"--class-label {names[0]} --guidance 4 --batch-size 2"),
        ("all.npy", ""),
    ):
        code, _, err = run(f"{sample}{out} {more}")
        assert code == 0, err
    one, far, every = (np.load(name) for name in ("one.npy", "far.npy", "all.npy"))
    assert not np.allclose(one, far)
    assert not np.allclose(one, every)
    about = json.loads(Path("far.npy.json").read_text())["model"]
    assert (about["label"], about["guidance"]) == (names[0], 4.0)
    assert json.loads(Path("far.npy.json").read_text())["spec"]["batch_size"] == 2
    code, _, err = run(f"{sample}no.npy --class-label {names[0]} --class-label {names[1]}")
    assert (code, "--class-label is one class of a run" in err) == (2, True)
    code, _, err = run(f"{sample}no.npy --class-label d")
    assert (code, "label: unknown name 'd', choose one of" in err) == (2, True)
    code, _, err = run(train("--classes", labels, "--resume"))
    assert (code, "was training label_dropout=0.2" in err) == (2, True)


def test_every_option_reaches_the_run(run: Run, tmp_path: Path) -> None:
    options = {
        "predicts": "edm",
        "weighting": "edm",
        "data_std": 0.6,
        "schedule": "cosine",
        "warmup_steps": 2,
        "clip_norm": 1.5,
        "mixed_precision": "bf16",
    }
    flags = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    code, _, err = run(train(*flags, "--regularizer", "tikhonov:0.1", "--regularizer", "shift:1"))
    assert code == 0, err
    described = json.loads((tmp_path / "run" / "run.json").read_text())["training"]
    assert {name: described[name] for name in options} == options
    assert described["regularizers"] == ["tikhonov:0.1", "shift:1"]
    assert run("sample run --n 2 --n-steps 2 --out s.npy")[0] == 0


def test_a_transformer(run: Run) -> None:
    assert run("train x.npy --out dit --network dit --width 8 --batch-size 4 --steps 1")[0] == 0
    assert run("sample dit --n 2 --n-steps 2 --out s.npy")[0] == 0


REFUSED = {
    "no held-out set": ("--monitor", "--monitor: needs --holdout"),
    "no monitor": ("--holdout others.npy", "--holdout: has a meaning with --monitor alone"),
    "no monitor to stop": ("--stop", "--stop: has a meaning with --monitor alone"),
    "no monitor to look": ("--monitor-every 3", "--monitor-every: has a meaning with --monitor alone"),
    "few": ("--monitor --holdout few.npy", "few.npy: needs at least 16 held-out items, has 10"),
    "overlap": ("--monitor --holdout halves.npy", "halves.npy"),
    "near": ("--monitor --holdout near.npy", "near.npy"),
    "scale": ("--monitor --holdout scaled.npy", "scaled.npy"),
    "nowhere": ("--monitor --holdout nowhere.npy", "nowhere.npy"),
    "no classes": ("--conditional", "x.npy: its source has no classes"),
    "labels": ("--classes few.npy", "few.npy: labels are one for each item"),
    "dropout alone": ("--label-dropout 0.1", "--label-dropout: has a meaning with"),
    "predicts": ("--predicts epsilon", "predicts: unknown name 'epsilon'"),
    "weighting": ("--weighting snr", "weighting: unknown name 'snr'"),
    "schedule": ("--schedule steps", "schedule: unknown name 'steps'"),
    "precision": ("--mixed-precision fp16", "mixed_precision: fp16 is not for cpu"),
    "regularizer": ("--regularizer l1:2", "regularizer: unknown name 'l1'"),
    "clip": ("--clip-norm 0", "--clip-norm"),
    "warm-up": ("--warmup-steps -1", "--warmup-steps"),
    "label dropout": ("--conditional --label-dropout 1.5", "--label-dropout"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_one_line_and_leaves_nothing(run: Run, case: str, tmp_path: Path) -> None:
    options, complaint = REFUSED[case]
    code, _, err = run(train(options))
    assert (code, complaint in err.splitlines()[-1]) == (2, True), err
    assert not (tmp_path / "run").exists()


def test_options_of_other_models(run: Run) -> None:
    for option, name in (
        ("--monitor", "monitor"),
        ("--regularizer flip", "regularizer"),
        ("--conditional", "conditional"),
    ):
        code, _, err = run(f"train x.npy --out rf --network random-features {option}")
        assert (code, f"--{name}: has no meaning for --network random-features" in err) == (2, True), err
    for option in ("--class-label a", "--guidance 2"):
        code, _, err = run(f"sample empirical:digits --n 4 --out e.npy {option}")
        assert (code, f"{option.split()[0]} is for a run: the exact score has none" in err) == (2, True), err
    assert run(train())[0] == 0
    code, _, err = run("sample run --n 4 --out s.npy --guidance 2")
    assert (code, "--guidance is towards a class" in err) == (2, True)
