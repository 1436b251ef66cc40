import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
import xarray as xr

from mnemoscope import cli
from mnemoscope.studies import STUDIES
from mnemoscope.studies.commands import app
from mnemoscope.sweeps import Store, sweep

from . import toy_study


class Ran(NamedTuple):
    exit_code: int
    stdout: str
    stderr: str


Call = Callable[..., Ran]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """``mnemoscope study …`` as a user would call it, with the toy study registered."""
    monkeypatch.setitem(STUDIES, "toy", f"{toy_study.__name__}:Toy")
    monkeypatch.setenv("COLUMNS", "160")
    root = typer.Typer()
    root.add_typer(app, name="study")
    monkeypatch.setattr(cli, "app", root)

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["mnemoscope", "study", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return Ran(int(caught.value.code or 0), *capfd.readouterr())

    return run


def test_list_names_every_study(call: Call) -> None:
    assert "toy\tMeans & variances" in call("list").stdout.splitlines()


def test_run_writes_everything_and_prints_the_claims(call: Call, tmp_path: Path) -> None:
    ran = call("run", "toy", "--out", tmp_path)
    assert ran.exit_code == 0, ran
    assert re.search(r"ratio .* 0\.0625 .* yes", ran.stdout)
    assert "report.html" in ran.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert list(summary) == ["study", "preset", "seconds", "spec", "claims", "figures"]
    assert (summary["study"], summary["preset"]) == ("toy", "quick")
    assert 0 < summary["seconds"] < 60
    assert summary["spec"]["fields"] == {"n_samples": [4, 64], "seed": list(range(20))}
    fields = ["name", "statement", "source", "published", "measured", "tolerance", "holds"]
    assert [list(claim) for claim in summary["claims"]] == [fields, fields]
    assert [claim["published"] for claim in summary["claims"]] == [0.0625, None]
    results = xr.open_zarr(tmp_path / "results.zarr").load()
    variance = results["mean"].var("seed")
    assert summary["claims"][0]["measured"] == float(variance[1] / variance[0])
    assert {claim["holds"] for claim in summary["claims"]} == {True}
    assert summary["figures"] == [f"figures/variance{t}.{e}" for t in ("", "-dark") for e in ("png", "svg")]
    for name in summary["figures"]:
        start = (tmp_path / name).read_bytes()[:8]
        assert start.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_FAILS", "3")
    call("run", "toy", "--out", tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert re.findall(r"""(?:src|srcset|href)=["'](?!data:image/png;base64,)""", page) == []
    assert "http:" not in page
    assert "https:" not in page
    assert page.count("data:image/png;base64,") == 2
    assert "&lt;for normal draws&gt;" in page
    assert "&lt;b&gt;on purpose&lt;/b&gt;" in page
    assert "<b>on purpose" not in page
    assert "<title>Means &amp; variances</title>" in page
    assert "0.0625" in page
    assert '"n_trials": 40' in page.replace("&#34;", '"')


def test_a_claim_that_does_not_hold_exits_with_1(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_TARGET", "0.5")
    ran = call("run", "toy", "--out", tmp_path)
    assert ran.exit_code == 1
    assert re.search(r"ratio .* 0\.5 .* NO", ran.stdout)
    assert [c["holds"] for c in json.loads((tmp_path / "summary.json").read_text())["claims"]] == [False, True]
    monkeypatch.delenv("TOY_TARGET")
    assert call("report", tmp_path).exit_code == 0, "report computes the claims again"


def test_a_failed_trial_exits_with_1_and_is_named(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAILS", "3")
    ran = call("run", "toy", "--out", tmp_path)
    assert ran.exit_code == 1
    assert "failed: {'n_samples': 4, 'seed': 3}: RuntimeError: <b>on purpose</b>" in ran.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["claims"][0]["measured"] is None
    assert summary["claims"][0]["holds"] is False
    monkeypatch.delenv("TOY_FAILS")
    assert call("run", "toy", "--out", tmp_path).exit_code == 0


def test_report_of_a_sweep_that_is_not_done(call: Call, tmp_path: Path) -> None:
    trials: Sequence[toy_study.Mean] = toy_study.Toy().trials("quick", 0)
    sweep(trials, tmp_path, attrs={"study": "toy", "preset": "quick", "seed": 0})
    Store(tmp_path).discard(trials[0].key)
    with Store(tmp_path).lock():
        ran = call("report", tmp_path)
    assert ran.exit_code == 1
    assert "1 trials are not finished" in ran.stderr


def test_preset_and_seed_choose_the_trials(call: Call, tmp_path: Path) -> None:
    call("run", "toy", "--out", tmp_path, "--preset", "paper", "--seed", "7")
    spec = json.loads((tmp_path / "summary.json").read_text())["spec"]
    assert spec["seed"] == 7
    assert spec["fields"]["seed"] == list(range(7, 32))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "tyo"], f"study 'tyo' is unknown, choose from: {', '.join(STUDIES)}, toy"),
        (["run", "toy", "--out", "OUT", "--scheduler", "local:none"], "local:none"),
        (["run", "toy", "--out", "OUT/file/below"], "cannot write there"),
        (["report", "OUT"], "sweep.json: is not the record of a sweep"),
        (["run", "toy", "--preset", "huge"], "preset"),
    ],
)
def test_bad_input_is_one_line_and_exits_with_2(call: Call, arguments: list[str], named: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = call(*(argument.replace("OUT", str(tmp_path)) for argument in arguments))
    assert ran.exit_code == 2
    assert named in ran.stderr
    assert ran.stderr.startswith("mnemoscope: ")
    assert ran.stderr.count("\n") == 1
    assert ran.stdout == ""


def test_a_directory_of_another_sweep_is_refused(call: Call, tmp_path: Path) -> None:
    sweep(toy_study.Toy().trials("quick", 0)[:1], tmp_path)
    ran = call("report", tmp_path)
    assert ran.exit_code == 2
    assert "no study" in ran.stderr
