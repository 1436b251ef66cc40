"""Auditors of others, each in an interpreter that has it, asked one case at a time."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.auditors.cases import Case
from benchmarks.auditors.tools import Finding

SCRIPT = Path(__file__).with_name("foreign.py")
FOREIGN = ("sdmetrics", "syntheval", "anonymeter", "mostlyai-qa", "dataxid-syntheval")


class Worker:
    """A tool of others in a process of its own.

    Attributes:
        version: of the tool; None where the interpreter does not have it.
    """

    def __init__(self, tool: str, python: str) -> None:
        self.tool, self.version = tool, None
        quiet = {**os.environ, "PYTHONPATH": "", "OMP_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        try:
            self.process = subprocess.Popen([python, str(SCRIPT), tool], text=True, env=quiet, **pipes)
            self.version = json.loads(self.process.stdout.readline() or "{}").get("version")
        except OSError:
            return
        if self.version is None:
            self.close()

    def __call__(self, path: Path) -> dict[str, Finding]:
        """The readings of a case that was stored."""
        line = ""
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{path}\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        answer = json.loads(line or '{"": {"refused": "its process ended"}}')
        return {f"{self.tool}: {reading}".removesuffix(": "): Finding.read(it) for reading, it in answer.items()}

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def open_workers(pythons: Sequence[str]) -> dict[str, Worker | None]:
    """A worker for each tool, with the first interpreter that has it; None where none has."""
    opened: dict[str, Worker | None] = {}
    for tool in FOREIGN:
        found = (worker for python in pythons if (worker := Worker(tool, python)).version is not None)
        opened[tool] = next(found, None)
    return opened


def store(case: Case, folder: str) -> Path:
    """The case as a file that another interpreter can read."""
    handle, path = tempfile.mkstemp(suffix=".npz", dir=folder)
    with os.fdopen(handle, "wb") as file:
        categorical = np.array(case.categorical, dtype=int)
        np.savez(file, train=case.train, holdout=case.holdout, generated=case.generated, categorical=categorical)
    return Path(path)
