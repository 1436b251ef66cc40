"""``audit`` and ``compare`` as a release pipeline meets them: exit codes, what is written over, what is kept back."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnemoscope.auditing import item_hashes
from mnemoscope.cli.app import app
from mnemoscope.data import load_digits

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """A command in an empty folder with samples, some of them copies, training and held-out items."""
    monkeypatch.chdir(tmp_path)
    train, rest = load_digits().split(500, seed=0)
    rows = np.random.default_rng(7).permutation(500)
    honest, holdout = rest.array[rows[:120]].astype(np.float32), rest.array[rows[120:]]
    for name, array in {
        "train": train.array,
        "holdout": holdout,
        "honest": honest,
        "copies": np.concatenate([train.array[:20].astype(np.float32), honest[:100]]),
        "other": train.array[:900],
    }.items():
        np.save(f"{name}.npy", array)

    def call(*arguments: str) -> tuple[int, str, str]:
        from mnemoscope.cli import main

        monkeypatch.setattr("sys.argv", ["mnemoscope", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return call


AUDIT = ("audit", "copies.npy", "train.npy", "--holdout", "holdout.npy")
HONEST = ("audit", "honest.npy", "train.npy", "--holdout", "holdout.npy")


def test_a_gate_fails_on_copies_and_only_if_asked(run: Run) -> None:
    assert run(*AUDIT, "--out", "a")[0] == 0
    code, out, _ = run(*AUDIT, "--out", "b", "--fail-if-memorizes")
    assert code == 1
    assert "This model memorizes" in " ".join(out.split())
    assert Path("b/report.json").exists()
    assert run(*HONEST, "--out", "c", "--fail-if-memorizes", "--fail-if-drawn")[0] == 0


def test_a_gate_on_closeness(run: Run) -> None:
    drawn = np.load("train.npy")[:200] + np.random.default_rng(0).normal(0, 2.5, (200, 8, 8))
    np.save("drawn.npy", drawn.astype(np.float32))
    gate = ("audit", "drawn.npy", "train.npy", "--holdout", "holdout.npy")
    code, out, _ = run(*gate, "--out", "a", "--json", "--fail-if-drawn")
    assert json.loads(out)["drawn"] is True
    assert code == 1


def test_a_report_is_written_over_only_by_force(run: Run) -> None:
    assert run(*HONEST)[0] == 0
    before = {path.name: path.read_bytes() for path in Path("mnemoscope-audit").iterdir()}
    Path("mnemoscope-audit/mine.txt").write_text("mine")
    code, out, err = run(*AUDIT)
    assert (code, out) == (2, "")
    assert "mnemoscope-audit/report.json: exists; --force" in err
    assert {name: Path("mnemoscope-audit", name).read_bytes() for name in before} == before
    assert run(*AUDIT, "--force")[0] == 0
    assert json.loads(Path("mnemoscope-audit/report.json").read_text(encoding="utf-8"))["memorizes"] is True
    assert {path.name for path in Path("mnemoscope-audit").iterdir()} == {"report.html", "report.json", "mine.txt"}


def test_private_hands_the_key_to_its_user_alone(run: Run) -> None:
    code, out, err = run(*AUDIT, "--private", "--json")
    read = json.loads(out)
    key = bytes.fromhex(err.split("stored nowhere: ")[1].split()[0])
    assert code == 0
    assert key.hex() not in out + "".join(path.read_text("utf-8") for path in Path("mnemoscope-audit").iterdir())
    assert set(item_hashes(np.load("train.npy")[:20], key)) <= {pair["train"] for pair in read["flagged"]}


def test_both_axes_come_before_the_measures(run: Run) -> None:
    _, out, _ = run(*AUDIT, "--out", "a")
    assert 0 <= out.index("copies") < out.index("closeness") < out.index("Measure")


def test_repeats_are_said_or_refused(run: Run) -> None:
    code, out, _ = run("audit", "copies.npy", "train.npy", "--repeats", "made", "--json", "--out", "a")
    assert code == 0
    assert any("made by hand" in warning for warning in json.loads(out)["warnings"])
    code, _, err = run(*AUDIT, "--repeats", "made", "--out", "b")
    assert (code, "repeats" in err) == (2, True)
    assert not Path("b").exists()


def test_compare_reads_reports_or_their_folders(run: Run) -> None:
    assert run(*AUDIT, "--out", "a")[0] == run(*HONEST, "--out", "b")[0] == 0
    code, out, _ = run("compare", "a", "b/report.json", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["differences"]["identical"]["difference"] == pytest.approx(-20 / 120)
    assert len(told["copied"]["first_only"]) >= 20
    code, out, _ = run("compare", "a", "b", "a", "--paired")
    assert code == 0
    assert out.count("nearer to train") == 2
    assert "McNemar" in out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["compare", "a"], "two reports"),
        (["compare", "a", "nowhere"], "nowhere: cannot be read"),
        (["compare", "a", "train.npy"], "train.npy: cannot be read as a report.json"),
        (["compare", "a", "list.json"], "list.json: is no report"),
        (["compare", "a", "other"], "different training sets"),
    ],
)
def test_what_cannot_be_compared_is_one_line(run: Run, arguments: list[str], complaint: str) -> None:
    assert run(*AUDIT, "--out", "a")[0] == 0
    if "other" in arguments:
        assert run("audit", "copies.npy", "other.npy", "--holdout", "holdout.npy", "--out", "other")[0] == 0
    Path("list.json").write_text("[]", encoding="utf-8")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert complaint in err
    assert err.count("\n") == 1


def test_the_commands_are_there() -> None:
    names = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert {"audit", "compare"} <= names


def test_where_and_how_copies_are_sought(run: Run, tmp_path: Path) -> None:
    """Flipped copies are found in features under a transformation; classes and groups come from files."""
    train, holdout = np.load("train.npy"), np.load("holdout.npy")
    np.save("flipped.npy", np.concatenate([train[:20, :, ::-1], np.load("honest.npy")[:100]]))
    Path("classes.txt").write_text("\n".join("even" if i % 2 else "odd" for i in range(len(train) + len(holdout))))
    np.save("groups.npy", np.arange(len(train) + len(holdout)))
    plain = ("audit", "flipped.npy", "train.npy", "--holdout", "holdout.npy", "--json", "--out", "plain")
    assert not json.loads(run(*plain)[1])["memorizes"]
    code, out, _ = run(
        *(*plain[:-1], "sought", "--features", "pca:40", "--transformations", "flips"),
        *("--classes", "classes.txt", "--groups", "groups.npy"),
    )
    read = json.loads(out)
    assert (code, read["memorizes"]) == (0, True)
    assert (read["provenance"]["features"], read["provenance"]["transformations"]) == ("pca:40", ["flips"])
    assert read["extracted"]["classes"].keys() == {"even", "odd"}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--transformations", "mirrors"], "transformation: unknown name 'mirrors'"),
        (["--features", "pca:none"], "features pca:none: the number of components"),
        (["--classes", "nowhere.txt"], "nowhere.txt: "),
        (["--classes", "train.npy"], "train.npy: labels are one for each item, got shape"),
        (["--groups", "few.txt"], "groups: needs one label for each of"),
    ],
)
def test_options_that_do_not_fit_are_one_line(run: Run, options: list[str], complaint: str) -> None:
    Path("few.txt").write_text("a\nb\n")
    code, _, errors = run("audit", "honest.npy", "train.npy", "--holdout", "holdout.npy", *options)
    assert code == 2
    assert complaint in errors.splitlines()[-1]
    assert not Path("mnemoscope-audit").exists()
