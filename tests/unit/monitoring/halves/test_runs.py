"""``mnemoscope halves``: two runs must be the two halves of one split, and their report is what its schema says."""

import html
import json
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from mnemoscope import cli
from mnemoscope.records import read_record
from mnemoscope.training.description import RunRecord

Run = Callable[..., tuple[int, str, str]]
SMALL = ("--network", "random-features", "--width", "8", "--ridge", "1e-3", "--noise-draws", "4")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", np.random.default_rng(0).integers(0, 256, (30, 4, 4), dtype=np.uint8))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mnemoscope", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


def trained(run: Run, name: str, half: str | None, *more: str, data: str = "mine.npy") -> None:
    asked = () if half is None else ("--half", half)
    code, _, err = run("train", data, "--out", name, *SMALL, *asked, *more)
    assert code == 0, err


def test_two_halves_of_one_split(run: Run, tmp_path: Path) -> None:
    trained(run, "a", "A:3")
    trained(run, "b", "B:3", "--seed", "1")
    record = read_record(tmp_path / "a" / "run.json", RunRecord).description["data"]
    assert (record["half"]["name"], record["half"]["seed"], record["n_samples"]) == ("A", 3, 15)
    small = ("--n", "20", "--n-steps", "3")
    code, out, err = run("halves", "b", "a", *small, "--json")
    assert code == 0, err
    report = json.loads(out)
    schema = json.loads(files("mnemoscope.monitoring").joinpath("halves.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(report, schema)
    assert report["split"]["seed"] == 3
    assert report["split"]["rows"]["A"] == record["half"]["rows"]
    assert json.loads((tmp_path / "mnemoscope-halves" / "report.json").read_text(encoding="utf-8")) == report
    page = (tmp_path / "mnemoscope-halves" / "report.html").read_text(encoding="utf-8")
    assert report["verdict"] in html.unescape(page)
    code, out, _ = run("halves", "a", "b", *small, "--out", "again", "--data", "mine.npy")
    assert code == 0
    assert "report: again/report.html" in out
    again = json.loads((tmp_path / "again" / "report.json").read_text(encoding="utf-8"))
    assert again["samples"] == report["samples"]
    assert run("halves", "a", "b", *small)[0] == 2  # a report is there


def test_what_is_no_pair_of_halves(run: Run, tmp_path: Path) -> None:
    np.save("other.npy", np.load("mine.npy")[::-1])
    for name, half, more, data in (
        ("a", "A", (), "mine.npy"),
        ("a2", "A", ("--seed", "1"), "mine.npy"),
        ("b1", "B:1", (), "mine.npy"),
        ("b", "B", (), "mine.npy"),
        ("edm", "B", ("--process", "edm"), "mine.npy"),
        ("other", "B", (), "other.npy"),
        ("all", None, (), "mine.npy"),
    ):
        trained(run, name, half, *more, data=data)
    for second, words in (
        ("a", "takes two runs"),
        ("a2", "were both trained on half A"),
        ("b1", "different splits (seeds 0 and 1), which overlap"),
        ("edm", "have different processes"),
        ("other", "halves of different data, mine.npy"),
        ("all", "all: was trained on all of mine.npy and no half of it"),
        ("nothing", "nothing: holds no training run"),
    ):
        code, out, err = run("halves", "a", second)
        assert code == 2
        assert words in err
        assert err.count("\n") == 1
        assert not out
        assert not (tmp_path / "mnemoscope-halves").exists()
    code, _, err = run("halves", "a", "b", "--data", "other.npy")
    assert code == 2
    assert "other.npy: is other data than" in err
    Path("mine.npy").rename("moved.npy")
    code, _, err = run("halves", "a", "b")
    assert code == 2
    assert "half of mine.npy, which is not here: say where all of it lies (--data)" in err


def test_half_of_what_is_written_wrong(run: Run) -> None:
    for half, words in (
        ("C", "half: unknown name 'C'"),
        ("A:x", "--half must be A or B"),
        ("A:", "--half must be A or B"),
    ):
        code, _, err = run("train", "mine.npy", "--out", "run", *SMALL, "--half", half)
        assert code == 2
        assert words in err
        assert not Path("run").exists()
