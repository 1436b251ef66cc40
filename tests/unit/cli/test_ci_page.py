"""The page on releases: its workflow is YAML and gates as it says; completion and metadata are what is said."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from mnemoscope.auditing import audit
from mnemoscope.auditing.reports.metadata import model_index
from mnemoscope.cli import main
from mnemoscope.errors import InputError
from tests.unit.data.built import DIGITS, folder

PAGE = Path(__file__).parents[3] / "docs" / "ci.md"


def workflow() -> dict[str, Any]:
    return dict(yaml.safe_load(PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]))


def commands() -> list[list[str]]:
    steps = workflow()["jobs"]["memorization"]["steps"]
    return [shlex.split(step["run"]) for step in steps if step.get("run", "").startswith("mnemoscope ")]


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_the_workflow_gates_the_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert workflow()["jobs"]["publish"]["needs"] == "memorization"
    audit_command, card_command = commands()
    monkeypatch.chdir(tmp_path)
    folder(Path("data/train"), DIGITS[:80])
    folder(Path("data/test"), DIGITS[80:140])
    np.save("samples.npy", DIGITS[:40])
    assert run(audit_command, monkeypatch) == 1
    capsys.readouterr()
    assert run(card_command, monkeypatch) == 0
    (head,) = [part for part in yaml.safe_load_all(capsys.readouterr().out) if part]
    (model,) = head["model-index"]
    assert model["name"] == "my-model"
    (result,) = model["results"]
    assert result["dataset"] == {"name": "train", "type": "train"}, "what is private has no name"
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert (values["memorization"], values["identical"]) == ("memorizes", 1.0)
    assert 0.8 < values["copies"] <= 1
    np.save("samples.npy", DIGITS[140:180])
    assert run([*audit_command, "--force"], monkeypatch) == 0


def test_hubs_read_the_metadata() -> None:
    cards = pytest.importorskip("huggingface_hub.repocard_data")
    train, hostile = DIGITS[:80], 'a "model": # - ‮\n*x'
    for holdout in (None, DIGITS[90:150]):
        report = audit(DIGITS[:40], train, holdout=holdout)
        text = report.model_index(hostile)
        assert text == model_index(report.to_dict(), hostile)
        head = yaml.safe_load(text)
        name, results = cards.model_index_to_eval_results(head["model-index"])
        assert "\n" not in name
        assert [result.metric_type for result in results] == [
            *("memorization", "copies", "identical", "copies-by-rule"),
            *([] if holdout is None else ["closeness"]),
        ]
        assert all(isinstance(result.metric_value, float) for result in results[1:])
        assert results[1].metric_value == pytest.approx(report.copies.share_lower, abs=1e-6)
        assert results[3].metric_value == pytest.approx(report.fraction, abs=1e-6)
        assert results[0].metric_args["samples"] == 40
    with pytest.raises(InputError, match=r"^a report\.json of an audit has more than this: 'provenance' is missing"):
        model_index({}, "model")


def test_shells_complete_commands() -> None:
    script = "import sys; sys.argv = ['mnemoscope']; from mnemoscope.cli import main; main()"
    asked = {"_MNEMOSCOPE_COMPLETE": "complete_bash", "COMP_WORDS": "mnemoscope c", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=os.environ | asked, capture_output=True, text=True)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["compare", "card"], "")
