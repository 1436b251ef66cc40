"""Python calls are answered in our words: each works, or raises one line of ours."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_every_public_function_with_every_bad_value() -> None:
    command = [sys.executable, "-m", "tests.robustness.python_calls"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    *faults, count = done.stdout.splitlines() or [done.stderr]
    assert (done.returncode, faults) == (0, [])
    assert int(count.split()[0]) > 1500
