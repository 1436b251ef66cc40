"""The same results give the same pages and reports byte for byte, in whatever process and folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnemoscope.pages.figures import new_figure, svg

ROOT = Path(__file__).parents[2]
PAGES = {"audit/report.html", "honest/report.html", "demo/report.html", "study/report.html"}


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    """With hashes of strings, and so orders of sets, of their own."""
    running = []
    for number in ("1", "2"):
        folder = tmp_path / (number * int(number))  # paths of two lengths
        environment = {**os.environ, "PYTHONHASHSEED": number, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
        command = [sys.executable, "-m", "tests.robustness.pages", str(folder)]
        running.append(subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True))
    told = [process.communicate(timeout=600)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    first, second = (dict(reversed(line.split()) for line in text.splitlines()) for text in told)  # type: ignore[misc]
    assert PAGES | {"compare.json", "audit/report.json", "study/figures/variance.svg"} <= first.keys()
    assert {name for name in first if first[name] != second[name]} == set()
    assert first.keys() == second.keys()


def test_a_drawing_is_the_same_twice() -> None:
    """Its ids were salted anew each time."""
    drawn = []
    for _ in range(2):
        figure, axes = new_figure()
        axes.plot([0, 1], [0, 1], "o-")
        axes.fill_between([0, 1], [0, 1], [1, 2], clip_on=True)
        drawn.append(str(svg(figure, "a line")))
    assert 'id="' in drawn[0]
    assert drawn[0] == drawn[1]
