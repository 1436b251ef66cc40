"""Any file and any number: exit code 0, 1 or 2, and at most one line, which names the culprit; nothing left behind."""

import errno
import math
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.cli import options
from mnemoscope.random_features import RandomFeatureSpec
from mnemoscope.theory import grid
from mnemoscope.training import TrainingSpec
from tests.robustness.command import Ran, run
from tests.robustness.damage import KINDS, SOURCES, Damage, write_damaged

damage = st.builds(Damage, st.sampled_from(KINDS), st.floats(0, 1), st.integers(0, 10**6))
COMMANDS = {
    "sample": ("sample", "empirical:{data}", "--n", "2", "--n-steps", "1", "--out", "{folder}/new.npy"),
    "predict": ("predict", "--data", "{data}", "--psi-p", "2", "--time", "0.1", "--ridge", "0.1"),
    "generated": ("audit", "{data}", "digits", "--out", "{folder}/new"),
    "train": ("audit", "digits", "{data}", "--out", "{folder}/new"),
}


def check(ran: Ran) -> None:
    assert ran.code in (0, 1, 2), ran.err
    assert "Traceback" not in ran.err
    if ran.code == 2:
        assert ran.out == ""
        (line,) = ran.complaints
        assert line.startswith("mnemoscope: ")
        assert len(line) <= 500


@settings(max_examples=30)
@given(name=st.sampled_from(list(SOURCES)), damages=st.lists(damage, min_size=1, max_size=3))
@pytest.mark.parametrize("command", COMMANDS)
def test_damaged_files(command: str, name: str, damages: list[Damage]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = write_damaged(Path(folder), name, damages)
        before = set(Path(folder).iterdir())
        ran = run([word.format(data=data, folder=folder) for word in COMMANDS[command]])
        check(ran)
        if ran.code == 2:
            assert set(Path(folder).iterdir()) == before


numbers = st.one_of(
    st.floats().map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(["0", "-0.0", "1e308", "1e-320", "nan", "inf", "-inf", "", "1e", "٣", "1_0", "0x10", "\x1b[31m"]),
)


@settings(max_examples=40)
@given(st.tuples(numbers, numbers, numbers, numbers, st.one_of(st.just("inf"), numbers)))
def test_any_numbers_for_the_theory(values: tuple[str, ...]) -> None:
    names = ("--psi-n", "--psi-p", "--time", "--ridge", "--noise-draws")
    check(run(["predict", *(f"{name}={value}" for name, value in zip(names, values, strict=True))]))


@settings(max_examples=40)
@given(st.tuples(*[st.floats(-30, 30).map(lambda x: f"{10**x:.3e}")] * 4), st.sampled_from(["1", "7", "1e30", "inf"]))
def test_numbers_in_range_for_the_theory(values: tuple[str, ...], draws: str) -> None:
    names = ("--psi-n", "--psi-p", "--time", "--ridge")
    words = [f"{name}={value}" for name, value in zip(names, values, strict=True)]
    check(run(["predict", *words, f"--noise-draws={draws}"]))


def _number(value: str) -> float:
    """As the command line takes it, which takes 1000000.0 for a whole number."""
    try:
        return float(value)
    except ValueError:
        return math.nan


@settings(max_examples=60)
@given(st.sampled_from(["--seed", "--n", "--n-steps"]), numbers)
def test_any_numbers_for_sampling(option: str, value: str) -> None:
    """What is too much for a test to do is bounded by the option; the rest is done."""
    with tempfile.TemporaryDirectory() as folder:
        if option == "--seed" or not 100 <= _number(value) <= options.LARGEST_COUNT:
            few = {"--n": "2", "--n-steps": "1", "--seed": "0"} | {option: value}
            ran = run(["sample", "empirical:digits", f"--out={folder}/s.npy", *(f"{k}={v}" for k, v in few.items())])
            check(ran)
            assert ran.code == 0 or not list(Path(folder).iterdir())


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ("predict --psi-n 4 --psi-p 1e308 --time 0.1 --ridge 1e-3", "--psi-p"),
        ("predict --psi-n 4 --psi-p 2 --time 1e-300 --ridge 1e-3", "--time"),
        ("predict --psi-n 4 --psi-p 2 --time 1 --ridge 1e308", "--ridge"),
        ("predict --psi-n 1e-308 --psi-p 2 --time 1 --ridge 1", "--psi-n"),
        ("sample empirical:digits --n 1 --out s.npy --seed 18446744073709551616", "--seed"),
        ("audit digits digits --seed 9223372036854775808", "--seed"),
        ("study run toy --seed 18446744073709551616", "--seed"),
        ("train digits --network mlp --out new --seed 18446744073709551616", "--seed"),
        ("train digits --network mlp --out new --width 1000000000000", "--width"),
        ("train digits --network mlp --out new --width 1000000", "network mlp width=1000000: needs 8000.7 GB"),
        ("train digits --network unet --out new --width 1048576", "network unet width=1048576: needs"),
        ("train digits --network mlp --out new --batch-size 1000000000000", "--batch-size"),
        ("sample empirical:digits --n 1000000000000 --out s.npy", "--n"),
        ("sample empirical:digits --n 1000000000 --out s.npy", "needs 768.0 GB of memory"),
        ("sample empirical:digits --n 1 --n-steps 1000000000000 --out s.npy", "--n-steps"),
        (f"audit {'a' * 300}.npy digits", "File name too long".lower()),
        (f"sample empirical:digits --n 1 --out {'a' * 300}.npy", "File name too long"),
        (f"audit digits digits --out {'a' * 300}", "File name too long"),
    ],
    ids=lambda text: text[:40],
)
def test_numbers_and_names_out_of_bounds(
    arguments: str, culprit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(arguments.split())
    check(ran)
    assert ran.code == 2
    assert culprit in ran.complaints[0]
    assert not list(tmp_path.iterdir())


def test_the_bounds_are_those_of_the_library() -> None:
    assert (options.SMALLEST, options.LARGEST) == (grid.SMALLEST, grid.LARGEST)
    for spec in (TrainingSpec, RandomFeatureSpec):
        assert spec(seed=options.LARGEST_SEED).seed == options.LARGEST_SEED
        for seed in (-1, options.LARGEST_SEED + 1):
            with pytest.raises(ValueError, match="seed"):
                spec(seed=seed)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_console_that_lacks_characters_gets_its_verdict(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("Überholung-λ.npy", np.random.default_rng(0).random((60, 4)))
    ran = run(["audit", "Überholung-λ.npy", "Überholung-λ.npy"], encoding)
    assert (ran.code, ran.complaints) == (0, [])
    assert "memoriz" in ran.out
    name = r"\u03bb.npy" if encoding == "cp1252" else "λ.npy"
    (line,) = run(["audit", "λ.npy", "λ.npy", "--out", "other"], encoding).complaints
    assert line == f"mnemoscope: {name}: no such file or folder, and not a bundled data set ('digits')"


@pytest.mark.slow
def test_a_real_console_that_lacks_characters() -> None:
    """In a process of its own: what this one does to its streams is not what Python starts with."""
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252:strict"}
    command = [sys.executable, "-m", "mnemoscope", "sample", "λ", "--n", "1", "--out", "λ.npy"]
    done = subprocess.run(command, env=environment, capture_output=True, cwd=tempfile.gettempdir())
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"mnemoscope: \\u03bb: holds no training run (there is no run.json)\n"


def test_a_reader_that_has_enough() -> None:
    """``mnemoscope study list | head -0``."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "mnemoscope", "--version"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_details_that_cannot_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mnemoscope.data.load_together", lambda *_, **__: [][0])
    monkeypatch.setattr("tempfile.mkstemp", full)
    ran = run(["audit", "digits", "digits"])
    assert (ran.code, len(ran.complaints)) == (70, 1)
    assert "IndexError: its details cannot be written (No space left on device)" in ran.err


def test_whoever_stops_a_reader_stops_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mnemoscope.data.sources.bundled.load_digits", stop)
    ran = run(["predict", "--data", "digits", "--psi-p", "1", "--time", "1", "--ridge", "1"])
    assert (ran.code, ran.complaints) == (130, ["mnemoscope: interrupted"])


def test_every_numeric_option_has_two_ends_in_its_help() -> None:
    """Numbers given as text (``--noise-draws``, ``--max-memory``) name theirs in words."""
    from mnemoscope.cli.app import app

    apps = [app, *(group.typer_instance for group in app.registered_groups)]
    functions = [command.callback for each in apps if each for command in each.registered_commands]
    assert len(functions) > 10
    open_ended = []
    for function in functions:
        assert function is not None
        for name, hint in get_type_hints(function, include_extras=True).items():
            if get_origin(hint) is not Annotated:
                continue
            kind, option = get_args(hint)
            if {int, float} & {kind, *get_args(kind)} and name != "value_range":
                open_ended += [f"{function.__name__} --{name}"] * (None in (option.min, option.max))
            if name in ("noise_draws", "max_memory"):
                assert "from 1" in option.help
    assert not open_ended


@pytest.mark.filterwarnings("always")
def test_what_joblib_warns_of_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def warned(**_: object) -> int:
        warnings.warn("[Errno 28] No space left on device. joblib will operate in serial mode", UserWarning, 1)
        warnings.warn("weights lag", UserWarning, 1)
        return 0

    monkeypatch.setattr("mnemoscope.cli.app.app", warned)
    assert run(["list"]).complaints == ["mnemoscope: warning: weights lag"]
