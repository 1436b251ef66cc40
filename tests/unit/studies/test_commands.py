import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
import xarray as xr

from mnemoscope.cli import main
from mnemoscope.cli.study import app
from mnemoscope.studies import STUDIES, Experiment, Preset
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
    monkeypatch.setattr("mnemoscope.cli.app.app", root)

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["mnemoscope", "study", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
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
    assert list(summary) == ["study", "preset", "seconds", "spec", "claims", "waiting", "figures"]
    assert (summary["study"], summary["preset"]) == ("toy", "quick")
    assert 0 < summary["seconds"] < 60
    mean, coin = summary["spec"]["experiments"]
    assert (mean["experiment"], mean["n_trials"]) == ("mean", 40)
    assert mean["fields"] == {"n_samples": [4, 64], "seed": list(range(20))}
    assert (coin["experiment"], coin["fields"]) == ("loaded-coin", {"bias": 0.25, "seed": [0, 1, 2]})
    assert summary["waiting"] == []
    fields = ["name", "statement", "source", "published", "measured", "tolerance", "holds"]
    assert [list(claim) for claim in summary["claims"]] == [fields] * 3
    assert [claim["published"] for claim in summary["claims"]] == [0.0625, None, 0.25]
    results = xr.open_datatree(tmp_path / "results.zarr").load()
    variance = results["mean"]["mean"].var("seed")
    assert summary["claims"][0]["measured"] == float(variance[1] / variance[0])
    assert {claim["holds"] for claim in summary["claims"]} == {True}
    assert summary["figures"] == [f"figures/variance{t}.{e}" for t in ("", "-dark") for e in ("png", "svg")]
    for name in summary["figures"]:
        start = (tmp_path / name).read_bytes()[:8]
        assert start.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("run", "toy", "--out", tmp_path)
    (tmp_path / "trials" / f"{toy_study.Mean(n_samples=4, seed=3).key}.safetensors").unlink()
    monkeypatch.setenv("TOY_FAILS", "3")
    call("run", "toy", "--out", tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert re.findall(r"""(?:src|srcset|href)=["'](?!data:image/png;base64,)""", page) == []
    assert "http:" not in page
    assert "https:" not in page
    assert page.count("data:image/png;base64,") == 2
    assert "&lt;b&gt;on purpose&lt;/b&gt;" in page
    assert "<b>on purpose" not in page
    assert "<title>Means &amp; variances</title>" in page
    assert '"n_trials": 40' in page.replace("&#34;", '"')
    assert "mean: 39 of 40 trials finished, 1 failed" in page
    monkeypatch.delenv("TOY_FAILS")
    call("run", "toy", "--out", tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "&lt;for normal draws&gt;" in page
    assert "0.0625" in page
    assert "Every one of 3 claims holds." in page


def test_a_claim_that_does_not_hold_exits_with_1(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_TARGET", "0.5")
    ran = call("run", "toy", "--out", tmp_path)
    assert ran.exit_code == 1
    assert re.search(r"ratio .* 0\.5 .* NO", ran.stdout)
    assert [c["holds"] for c in json.loads((tmp_path / "summary.json").read_text())["claims"]] == [False, True, True]
    assert "1 of 3 claims do not hold: ratio." in ran.stderr
    page = (tmp_path / "report.html").read_text()
    assert "1 of 3 claims do not hold: ratio." in page
    assert "wait" not in page, "every trial is finished"
    monkeypatch.delenv("TOY_TARGET")
    assert call("report", tmp_path).exit_code == 0, "report computes the claims again"


def test_a_failed_trial_exits_with_1_and_is_named(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_FAILS", "3")
    ran = call("run", "toy", "--out", tmp_path)
    assert ran.exit_code == 1
    assert "failed: {'n_samples': 4, 'seed': 3}: RuntimeError: <b>on purpose</b>" in ran.stderr
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [claim["name"] for claim in summary["claims"]] == ["bias"], "the claims of Mean wait"
    assert summary["waiting"] == [{"experiment": "mean", "planned": 40, "finished": 38, "failed": 2}]
    assert "All 1 claims so far hold. The claims of mean wait for trials." in ran.stderr
    monkeypatch.delenv("TOY_FAILS")
    assert call("run", "toy", "--out", tmp_path).exit_code == 0


def planned(preset: Preset = "quick", seed: int = 0) -> list[Experiment]:
    return [trial for trials in toy_study.Toy().plan(preset, seed).values() for trial in trials]


def test_report_of_a_sweep_that_is_not_done(call: Call, tmp_path: Path) -> None:
    trials = planned()
    sweep(trials, tmp_path, attrs={"study": "toy", "preset": "quick", "seed": 0})
    Store(tmp_path).discard(trials[0].key)
    with Store(tmp_path).lock():
        ran = call("report", tmp_path)
    assert ran.exit_code == 1
    assert "claims wait: mean: 39 of 40 trials finished\n" in ran.stderr


def test_only_one_experiment(call: Call, tmp_path: Path) -> None:
    ran = call("run", "toy", "--out", tmp_path, "--only", "loaded-coin")
    assert ran.exit_code == 1, "the others wait"
    assert "claims wait: mean: 0 of 40 trials finished" in ran.stderr
    assert [claim["name"] for claim in json.loads((tmp_path / "summary.json").read_text())["claims"]] == ["bias"]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "trials").iterdir()}
    assert len(before) == 3
    assert call("run", "toy", "--out", tmp_path, "--only", "mean").exit_code == 0, "now all are there"
    assert {path: path.stat().st_mtime_ns for path in before} == before, "and none was computed again"


def test_a_directory_of_older_code_is_refused(call: Call, tmp_path: Path) -> None:
    spec = {"n_samples": 4, "seed": 0}
    old = {"trial": "Experiment", "attrs": {"study": "toy", "preset": "quick", "seed": 0}, "specs": {"ab12": spec}}
    (tmp_path / "sweep.json").write_text(json.dumps(old))
    for arguments in (["report", tmp_path], ["run", "toy", "--out", tmp_path]):
        ran = call(*arguments)
        assert ran.exit_code == 2
        assert re.fullmatch(
            r"mnemoscope: .*: was written by older code \(Experiment is no experiment\): .*\n", ran.stderr
        )


def test_results_that_older_code_wrote_and_a_claim_cannot_read_are_refused(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnemoscope.sweeps.provenance.code_version", lambda: "0.0.9")
    monkeypatch.setattr(toy_study.Mean, "run", lambda self: {"average": float(self.seed)})
    sweep(planned(), tmp_path, attrs={"study": "toy", "preset": "quick", "seed": 0})
    ran = call("report", tmp_path)
    assert ran.exit_code == 2
    (line,) = ran.stderr.strip().splitlines()  # bars of rich 13 leave an empty one before it
    assert line.startswith("mnemoscope: mean: its trials were written by older code (0.0.9)")


def test_preset_and_seed_choose_the_trials(call: Call, tmp_path: Path) -> None:
    call("run", "toy", "--out", tmp_path, "--preset", "paper", "--seed", "7")
    spec = json.loads((tmp_path / "summary.json").read_text())["spec"]
    assert spec["seed"] == 7
    assert spec["experiments"][0]["fields"]["seed"] == list(range(7000, 7025))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["run", "tyo"], f"study: unknown name 'tyo', choose one of {', '.join(STUDIES)}, toy"),
        (["run", "toy", "--out", "OUT", "--scheduler", "local:none"], "local:none"),
        (["run", "toy", "--out", "OUT/file/below"], "cannot write there"),
        (["report", "OUT"], "sweep.json: cannot be read as the record of a sweep (no such file or directory)"),
        (["run", "toy", "--preset", "huge"], "preset"),
        (["run", "toy", "--out", "OUT", "--only", "means"], "experiment: unknown name 'means', choose one of mean,"),
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
    sweep(planned()[:1], tmp_path)
    ran = call("report", tmp_path)
    assert ran.exit_code == 2
    assert "no study" in ran.stderr
