"""The run: every case through every auditor, on as many processes as are given."""

import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.util import Finalize

from benchmarks.auditors.cases import SETTINGS, Case, Spec, make, shares_of
from benchmarks.auditors.score import Outcome
from benchmarks.auditors.tools import NATIVE, Finding
from benchmarks.auditors.workers import Worker, open_workers, store
from mnemoscope.progress import progress_bar


@dataclass(frozen=True)
class Repetitions:
    """How often each case is drawn; 99 honest ones give the statistics of sets a threshold at 1 %."""

    honest: int = 99
    wrong: int = 20
    planted: int = 5


def plan(repetitions: Repetitions) -> list[Spec]:
    """All cases."""
    found = []
    for name, setting in SETTINGS.items():
        found += [Spec(name, seed=seed) for seed in range(repetitions.honest)]
        found += [Spec(name, each, seed=seed) for each in setting.generators for seed in range(repetitions.wrong)]
        found += [
            Spec(name, kind=kind, share=share, seed=seed)
            for kind in setting.kinds
            for share in shares_of(kind)
            for seed in range(repetitions.planted)
        ]
    return found


def run(specs: Sequence[Spec], size: int, pythons: Sequence[str], jobs: int) -> list[Outcome]:
    """The findings in all cases, in order."""
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(jobs, context, _Process.open, (size, list(pythons), folder)) as pool,
        progress_bar("cases", len(specs)) as advance,
    ):
        outcomes = []
        for outcome in pool.map(_Process.examine, specs):
            outcomes.append(outcome)
            advance()
    return outcomes


class _Process:
    """What a process of the pool holds: its own workers of the other auditors."""

    size: int
    folder: str
    workers: dict[str, Worker | None]

    @classmethod
    def open(cls, size: int, pythons: list[str], folder: str) -> None:
        cls.size, cls.folder, cls.workers = size, folder, open_workers(pythons)
        # Workers that were waited for count in the CPU seconds of the run.
        Finalize(None, cls.close, exitpriority=1)

    @classmethod
    def close(cls) -> None:
        for worker in filter(None, cls.workers.values()):
            worker.close()

    @classmethod
    def examine(cls, spec: Spec) -> Outcome:
        case = make(spec, cls.size)
        findings, seconds = examine(case, cls.workers, cls.folder)
        return Outcome(spec, case.is_copy, findings, seconds)


def examine(case: Case, workers: dict[str, Worker | None], folder: str) -> tuple[dict[str, Finding], dict[str, float]]:
    """What every auditor finds in a case, and the seconds it took; a tool that is not installed finds nothing."""
    findings: dict[str, Finding] = {}
    seconds: dict[str, float] = {}
    path = store(case, folder)
    native = {name: (tool, case) for name, tool in NATIVE.items()}
    others = {name: (worker, path) for name, worker in workers.items() if worker is not None}
    for name, (tool, argument) in {**native, **others}.items():
        start = time.perf_counter()
        findings |= tool(argument)
        seconds[name] = time.perf_counter() - start
    path.unlink()
    return findings, seconds
