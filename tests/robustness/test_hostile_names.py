"""Names that would steer a terminal, forge a line or fill a screen: every command shows them, and obeys none.

Names of files can be whatever the system takes; keys, labels and reports may hold any text. Through the real
``main()``: what is printed and what pages show is printable, an error is one line, JSON keeps every value.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save_file

from mnemoscope.auditing import audit
from mnemoscope.auditing.reports.page import audit_page
from mnemoscope.auditing.reports.terminal import pair_lines
from mnemoscope.cli.options import print_rich
from mnemoscope.data import Dataset, load_digits
from mnemoscope.progress import progress_bar
from mnemoscope.studies import STUDIES
from tests.robustness.command import Ran, run
from tests.unit.studies import toy_study

PARTS = (
    *("\x1b[31m", "\x1b]8;;http://x\x07", "\x1b[2J", "\x9b31m", "\x9d", "\x07", "\r", "\n", "\t", "\x7f"),
    *("\u202e", "\u2066", "\u200f", "\u200b", "\u2028", "\ufeff", "\U000e0041", "\udc80", "\udcff"),
    *(
        "[red]",
        "[/red]",
        "[/]",
        "[link=http://x]",
        ":smile:",
        "{0}",
        "%s",
        "<script>",
        "&lt;",
        "'",
        '"',
        "|",
        "`",
        "a",
        "é",
    ),
)
HOSTILE_FILE = "\x1b]8;;http:x\x07[red]\u202e[link=x]\n:smile:\x9b31m\udc80"
anything = st.lists(st.one_of(st.sampled_from(PARTS), st.text(max_size=3)), min_size=1, max_size=8).map("".join)


def is_file_name(name: str) -> bool:
    """Whether the system could have given it to us: bytes that are no text come as lone surrogates."""
    try:
        encoded = os.fsencode(name)
    except UnicodeEncodeError:
        return False
    return (
        0 < len(encoded) < 200 and not {"/", "\0"} & set(name) and name[0] not in ".-" and os.fsdecode(encoded) == name
    )


file_names = anything.filter(is_file_name)
DIGITS = (load_digits().array[:40] * 15).astype(np.uint8)
FEW = ("--resolution", "0.5")


def check_shown(*texts: str) -> None:
    for text in texts:
        assert all(c.isprintable() or c == "\n" for c in text), sorted({c for c in text if not c.isprintable()})


def check_page(text: str) -> None:
    check_shown(text.replace("\t", ""))
    assert "<script>alert" not in text


def check_refused(ran: Ran) -> None:
    assert (ran.code, ran.out) == (2, "")
    check_shown(ran.err)
    (line,) = ran.err.splitlines()
    assert len(line) <= 500


def images(folder: Path, names: list[str], count: int) -> None:
    """Images in a folder, the first with these names."""
    for i, image in enumerate(DIGITS[:count]):
        path = folder / (f"{names[i]}-{i}.png" if i < len(names) else f"{i}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            Image.fromarray(image).save(file, "PNG")


@pytest.mark.slow
@settings(max_examples=3)
@given(st.lists(file_names, min_size=3, max_size=3), st.lists(anything, min_size=2, max_size=2, unique=True))
@example([HOSTILE_FILE] * 3, ["\ud800\x1b[2J" + "x" * 10**4, "[/red]"])
def test_audit(names: list[str], labels: list[str]) -> None:
    with tempfile.TemporaryDirectory() as where, mock.patch.dict(os.environ, COLUMNS="200"):
        made, train, out = (Path(where) / f"{i}{name}" for i, name in enumerate(names))
        images(made, names, 20)
        images(train, names, 40)
        np.save(Path(where) / "classes.npy", np.array([labels[i % 2] for i in range(40)]))
        words = ["audit", str(made), str(train), *FEW, "--out", str(out), "--classes", f"{where}/classes.npy"]
        ran = run(words)
        assert ran.code == 0, ran.err
        check_shown(ran.out, ran.err)
        assert "copy: generated" in ran.out
        page, report = (out / "report.html").read_text("utf-8"), (out / "report.json").read_text("utf-8")
        check_page(page)
        check_shown(report)
        read = json.loads(report)
        known = [os.fsencode(p.relative_to(train).as_posix()).decode("utf-8", "replace") for p in train.iterdir()]
        assert {pair["train_name"] for pair in read["flagged"]} <= set(known)
        assert set(read["extracted"]["classes"]) == {str(label) for label in np.unique(np.array(labels)).tolist()}
        asked = run([*words, "--force", "--json"])
        check_shown(asked.out)
        assert json.loads(asked.out) == read


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return audit(DIGITS[:20], DIGITS, resolution=0.5).to_dict()


@settings(max_examples=8)
@given(file_names, anything, st.one_of(anything, st.lists(anything)))
@example(HOSTILE_FILE, "\ud800" + "x" * 10**5, ["[red]" * 10**4])
def test_compare(report: dict[str, Any], file: str, name: str, setting: object) -> None:
    data = {**report["provenance"]["data"], "generated": {"name": name, "fingerprint": "0"}}
    hostile = {**report, "provenance": {**report["provenance"], "features": setting, "data": data}}
    with tempfile.TemporaryDirectory() as where:
        paths = [f"{where}/{file}.json", f"{where}/other.json"]
        for path, content in zip(paths, (hostile, report), strict=True):
            Path(path).write_text(json.dumps(content))
        ran, asked = run(["compare", *paths]), run(["compare", *paths, "--json"])
    assert (ran.code, ran.err, asked.code, asked.err) == (0, "", 0, "")
    check_shown(ran.out, asked.out)
    assert len(ran.out) < 6000
    assert json.loads(asked.out)["differences"]


@settings(max_examples=3)
@given(st.lists(file_names, min_size=3, max_size=3))
@example([HOSTILE_FILE] * 3)
def test_train_and_sample(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as where:
        data, out, drawn = (f"{where}/{i}{name}" for i, name in enumerate(names))
        out = "".join(c for c in out if not "\ud800" <= c <= "\udfff")  # safetensors opens paths of Unicode only
        np.save(f"{where}/x.npy", DIGITS)
        Path(f"{where}/x.npy").rename(f"{data}.npy")
        trained = run(["train", f"{data}.npy", "--network", "random-features", "--width", "4", "--out", out])
        sampled = [
            run(["sample", model, "--n", "1", "--n-steps", "1", "--out", f"{drawn}{i}.npy"])
            for i, model in enumerate((out, f"empirical:{data}.npy"))
        ]
        stored = [Path(out) / "run.json", Path(f"{drawn}0.npy.json"), Path(f"{drawn}1.npy.json")]
        for ran, file in zip((trained, *sampled), stored, strict=True):
            assert ran.code == 0, ran.err
            check_shown(ran.out, ran.err, text := file.read_text("utf-8"))
            assert where not in text, "whoever is handed this learns no path of the machine"


def is_unicode(key: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in key)


@settings(max_examples=8)
@given(
    st.lists(anything.filter(is_unicode), min_size=2, max_size=4, unique=True),
    anything.filter(lambda key: ":" not in key),
)
@example([f"array {i}" for i in range(20_000)], "x" * 10**5)
def test_keys_of_a_file(keys: list[str], asked: str) -> None:
    with tempfile.TemporaryDirectory() as where:
        save_file({key: np.eye(2) for key in keys}, f"{where}/x.safetensors")
        for source in (f"{where}/x.safetensors", f"{where}/x.safetensors:?{asked}"):
            check_refused(run(["predict", "--data", source, "--psi-p", "1", "--time", "1", "--ridge", "1"]))


WORDS = [
    "{}",
    "audit {} digits --out new",
    "audit digits digits --out new --{}",
    "audit digits digits --out new --features {}",
    "audit digits digits --out new --features torchscript:{}",
    "audit digits digits --out new --measure {}",
    "audit digits digits --out new --transformations {}",
    "audit digits digits --out new --classes {}",
    "audit digits digits --out new --seed {}",
    "audit digits digits --out new --repeats {}",
    "compare {} {}",
    "train {} --out new",
    "train digits --out new --network {}",
    "train digits --out new --network mlp --optimizer {}",
    "train digits --out new --network random-features --activation {}",
    "train digits --out new --network mlp --process {}",
    "train digits --out new --network mlp --noise-draws {}",
    "sample {} --n 1 --out new.npy",
    "sample empirical:{} --n 1 --out new.npy",
    "sample empirical:digits --n 1 --out new.npy --solver {}",
    "sample empirical:digits --n 1 --out new.npy --regularizer {}",
    "sample empirical:digits --n 1 --out new.npy{}",
    "predict --data {} --psi-p 1 --time 1 --ridge 1",
    "predict --psi-n 1 --psi-p 1 --time 1 --ridge 1 --activation {}",
    "study run {}",
    "study run random-features --only {} --out new",
    "study run random-features --scheduler {} --out new",
    "study report {}",
    "demo {}",
]


@settings(max_examples=3)
@given(anything.filter(lambda name: is_file_name(name) and name.strip() == name))
@example("\x1b]8;;http://x\x07[/red]\u202e" + "x" * 10**5)
@pytest.mark.parametrize("words", WORDS)
def test_errors(words: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as where:
        before = Path.cwd()
        os.chdir(where)
        try:
            check_refused(run([word.format(f"?{name}") for word in words.split()]))
            assert not list(Path(where).iterdir())
        finally:
            os.chdir(before)


@settings(max_examples=2)
@given(file_names, anything)
@example(HOSTILE_FILE, f"\x1b[2J\ud800 at {os.uname().nodename} in /home/alice/my data/x.npy: {'x' * 10**5}")
def test_a_study_whose_trials_fail(name: str, error: str) -> None:
    with (
        tempfile.TemporaryDirectory() as where,
        mock.patch.dict(STUDIES, toy=f"{toy_study.__name__}:Toy"),
        mock.patch.object(toy_study.Mean, "plan", return_value=[toy_study.Mean(n_samples=4, seed=0)]),
        mock.patch.object(toy_study.Mean, "run", side_effect=RuntimeError(error)),
    ):
        out = Path(where) / f"s{name}"
        ran, again = run(["study", "run", "toy", "--out", str(out)]), run(["study", "report", str(out)])
        for each in (ran, again):
            assert each.code == 1, each.err
            check_shown(each.out, each.err)
            assert max(map(len, each.err.splitlines())) <= 500
        check_page(page := (out / "report.html").read_text("utf-8"))
        (failed,) = [path.read_text("utf-8") for path in (out / "failed").iterdir()]
        check_shown(failed)
        summary = (out / "summary.json").read_text("utf-8")
        for text in (page, failed, summary):
            for secret in (where, str(Path.home()) + "/", f" {os.uname().nodename} ", "/home/alice"):
                assert secret not in text
        assert "RuntimeError" in page


def test_names_of_any_length_leave_a_page_and_a_line_readable() -> None:
    """Given in Python, where no file system bounds them."""
    names = tuple(f"{i}\x1b[2J{'x' * 10**5}" for i in range(40))
    made, train = Dataset(DIGITS, "made" * 10**5, names=names), Dataset(DIGITS, "train\u202e" * 10**5, names=names)
    report = audit(made, train, resolution=0.5, classes=[names[i % 2] for i in range(40)])
    page = audit_page(report)
    check_page(page)
    assert len(page) < 500_000
    check_shown(card := report.model_card(), report._repr_html_())
    assert max(map(len, card.splitlines())) < 3000
    assert all(len(line) < 400 and line.isprintable() for line in pair_lines(report))


def test_markup_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_rich("[red]name[/] :smile: [link=http://x]")
    with progress_bar("[red]name[/blue]\x1b[2J" + "x" * 100, 1) as advance:
        advance()
    shown = capsys.readouterr()
    assert shown.out == "[red]name[/] :smile: [link=http://x]\n"
    assert r"[red]name[/blue]\x1b[2J" in shown.err
    assert "\x1b" not in shown.err
