"""The page on sources: every command of its table is run on what the row says, and says what the row says."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from mnemoscope.auditing import audit, report_schema
from mnemoscope.cli import main
from mnemoscope.data import load
from mnemoscope.data.census import without_name
from tests.unit.data.built import BUILT, DIGITS, folder, passed_over

PAGE = Path(__file__).parents[3] / "docs" / "sources.md"


class Row(NamedTuple):
    source: str
    command: str
    said: list[str]


def rows() -> Iterator[Row]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and cells[1].startswith("`mnemoscope "):
            yield Row(cells[0], cells[1].strip("`"), re.findall(r"`([^`]+)`", cells[2]))


ROWS = list(rows())


def place(row: Row) -> str:
    return row.command.split()[-1].partition(":")[0]


def test_every_source_that_lies_on_disk_has_a_row() -> None:
    assert {place(row) for row in ROWS} == set(BUILT)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=place)
def test_the_command_does_what_the_page_says(
    row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("generated.npy", DIGITS[:40])
    BUILT[place(row)][0](Path(place(row)), DIGITS)
    monkeypatch.setattr("sys.argv", [*shlex.split(row.command), "--json"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert not stopped.value.code
    report = json.loads(capsys.readouterr().out)
    Draft202012Validator(report_schema()).validate(report)
    assert report["memorizes"], "forty digits are copies"
    assert report["n_train"] == 200
    warnings = " ".join(report["warnings"])
    assert all(part in warnings for part in row.said)
    source = report["provenance"]["data"]["train"]["source"]
    assert source["seen"] == source["read"] + passed_over(source)
    page = Path("mnemoscope-audit/report.html").read_text(encoding="utf-8")
    assert all(part in page for part in row.said)


def test_a_private_report_names_nothing_that_was_passed_over(tmp_path: Path) -> None:
    train = folder(tmp_path / "train", DIGITS)
    (train / "patient-smith.txt").write_text("x")
    (train / "metadata.jsonl").rename(train / "a-patient.txt")
    data = load(train)
    assert any("a-patient" in note for note in data.notes)
    for private in (False, True):
        report = audit(DIGITS[:40], data, private=private)
        assert ("patient" in json.dumps(report.to_dict())) == (not private)
        assert any("3 of 204 files were passed over, no images" in warning for warning in report.warnings)
    assert without_name("1 of 2 files were passed over, no images (1 .txt), such as a.txt").endswith("(1 .txt)")


def test_the_options_of_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Samples of a network, NCHW on [−1, 1], against a folder of larger images: each refusal names the next option."""
    monkeypatch.chdir(tmp_path)
    folder(Path("train"), np.kron(DIGITS[:150], np.ones((1, 2, 2), np.uint8)))
    made = DIGITS[:40].astype(np.float32) / 127.5 - 1
    np.save("made.npy", np.repeat(made[:, None], 3, axis=1))
    options: list[str] = []
    for option in ("--channels grey", "--resize 8", "--value-range -1 1", ""):
        monkeypatch.setattr("sys.argv", ["mnemoscope", "audit", "made.npy", "train", "--json", *options])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        if option:
            assert stopped.value.code == 2
            assert option.split()[0] in printed.err
            options += option.split()
    assert not stopped.value.code
    report = json.loads(printed.out)
    Draft202012Validator(report_schema()).validate(report)
    assert report["memorizes"]
    assert report["provenance"]["data"]["train"]["source"]["resize"] == 8
    for said in ("150 of 150 images were resized to 8×8", "values were brought from [-1, 1] to [0, 255]"):
        assert any(said in warning for warning in report["warnings"])
