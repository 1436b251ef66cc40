"""The demo at a hundredth of its size: the pieces fit, and a miss is said. `make demo` runs it whole."""

import json
from pathlib import Path

import pytest

from mnemoscope.demo import DemoSpec, run_demo
from mnemoscope.errors import OutputError

SMALL = DemoSpec(n_few=12, steps=4, looks=2, n_samples=60, width=8)


@pytest.mark.slow
def test_a_short_demo(tmp_path: Path) -> None:
    result = run_demo(tmp_path / "out", SMALL)
    few, many, empirical = result.models
    assert empirical.holds
    assert empirical.report.fraction == 1
    assert not few.holds  # four steps cannot memorize: the expectation is computed, not assumed
    assert not result.holds
    assert [look.step for look in few.history] == [2, 4]
    assert (few.report.train.n_samples, many.report.train.n_samples) == (12, 1297)

    read = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert read["holds"] is False
    assert read["models"]["empirical"]["audit"]["measures"]["distance-ratio"]["fraction"] == 1
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "does not hold" in page
    assert page.count("<svg") == 4
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_an_unwritable_folder_is_found_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemoscope.demo.run.load_digits", lambda: pytest.fail("worked before it looked"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        run_demo(tmp_path / "file" / "out", SMALL)
