"""``train --network random-features`` as users meet it: train, sample, audit; nothing ignored in silence."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnemoscope import cli
from mnemoscope.data import load_digits

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mnemoscope", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


def test_train_sample_audit(run: Run, tmp_path: Path) -> None:
    """Four digits and 200 features: copies are found."""
    np.save("few.npy", load_digits().array[:4])
    np.save("others.npy", load_digits().array[4:])
    train = ("train", "few.npy", "--network", "random-features", "--width", "200", "--ridge", "1e-4", "--out", "run")
    code, out, err = run(*train)
    assert code == 0, err
    assert "200 features" in out
    assert "500 noise draws of each of 4 samples" in out
    code, _, err = run("sample", "run", "--n", "60", "--out", "s.npy", "--n-steps", "16")
    assert code == 0, err
    told = json.loads((tmp_path / "s.npy.json").read_text(encoding="utf-8"))["model"]
    assert (told["training"]["noise_draws"], told["network"]["name"]) == (500, "random-features")
    first = np.load("s.npy")
    run("sample", "run", "--n", "60", "--out", "again.npy", "--n-steps", "16")
    assert np.array_equal(np.load("again.npy"), first)
    code, out, err = run("audit", "s.npy", "few.npy", "--json", "--holdout", "others.npy")
    assert code == 0, err
    assert json.loads(out)["measures"]["distance-ratio"]["fraction"] > 0.05
    assert run(*train)[0] == 2
    assert run(*train, "--resume")[0] == 0


def test_the_expectation_over_the_noise(run: Run, tmp_path: Path) -> None:
    train = ("train", "digits", "--network", "random-features", "--width", "40", "--noise-draws", "inf", "--out", "run")
    code, out, err = run(*train)
    assert code == 0, err
    assert "to all noise draws of each of 1797 samples" in out
    assert json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["training"]["noise_draws"] == "inf"
    assert run(*train, "--resume")[0] == 0
    assert run("sample", "run", "--n", "4", "--out", "s.npy", "--n-steps", "4")[0] == 0
    np.save("plane.npy", np.random.default_rng(0).normal(size=(20, 2)))
    code, _, err = run("train", "plane.npy", *train[2:-1], "flat")
    assert code == 2
    assert "in 2 dimensions" in err.splitlines()[-1]
    assert not (tmp_path / "flat").exists()


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        (["--network", "random-features", "--steps", "10000"], "--steps: has no meaning for --network random-features"),
        (["--network", "random-features", "--learning-rate", "0.1"], "--learning-rate: has no meaning"),
        (["--network", "random-features", "--batch-size", "4"], "--batch-size: has no meaning"),
        (["--network", "random-features", "--ema-decay", "0.9"], "--ema-decay: has no meaning"),
        (["--network", "random-features", "--optimizer", "sgd"], "--optimizer: has no meaning"),
        (["--network", "random-features", "--checkpoint-every", "5"], "--checkpoint-every: has no meaning"),
        (["--network", "random-features", "--noise-draws", "1.5"], "--noise-draws"),
        (["--network", "random-features", "--ridge", "0"], "--ridge"),
        (["--network", "random-features", "--activation", "swish"], "activation: unknown name 'swish'"),
        (["--network", "random-features", "--width", "0"], "--width"),
        (["--network", "mlp", "--ridge", "0.1"], "--ridge: has no meaning for --network mlp"),
        (["--activation", "tanh"], "--activation: has no meaning for --network unet"),
        (["--network", "gan"], "two-layer, random-features"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_apply_is_refused_by_name(run: Run, tmp_path: Path, arguments: list[str], culprit: str) -> None:
    code, out, err = run("train", "digits", "--out", "r", *arguments)
    assert (code, out, list(tmp_path.iterdir())) == (2, "", [])
    assert err.startswith("mnemoscope: ")
    assert len(err.splitlines()) == 1
    assert culprit in err
