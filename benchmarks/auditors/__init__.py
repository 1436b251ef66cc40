"""The test of the tests: planted cases through every auditor that can be installed.

    python -m benchmarks auditors --python-of-others PATH [--python-of-others PATH ...]

The auditors of others live in environments of their own, never in the project's:

    python -m venv A && A/bin/pip install sdmetrics syntheval anonymeter
    python -m venv B && B/bin/pip install dataxid-syntheval networkx plotly psutil pyarrow pydantic rich xxhash
    B/bin/pip install --no-deps mostlyai-qa  # what it asks for brings torch with all of CUDA

Their interpreters, A/bin/python and B/bin/python, are given one by one, or in ``MNEMOSCOPE_AUDITORS``, separated as in
PATH. A tool that none of them has is a line that says so. Half an hour on two cores, so ``python -m benchmarks`` runs
this only by its name.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.auditors.run import Repetitions, plan, run
from benchmarks.auditors.table import render, summarize
from benchmarks.auditors.workers import open_workers
from mnemoscope.output import output_folder, write_json, write_text

QUICK = Repetitions(honest=4, wrong=2, planted=1)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks auditors", description="The test of the tests.")
    parser.add_argument("--python-of-others", action="append", metavar="PATH", help="interpreter that has auditors")
    parser.add_argument("--out", type=Path, default=Path("docs/results/auditors"))
    parser.add_argument("--size", type=int, default=400, help="training items, held-out items, samples")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    for name in ("honest", "wrong", "planted"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Repetitions, name), help="repetitions")
    parser.add_argument("--quick", action="store_true", help="a few repetitions, to see that all runs")
    given = parser.parse_args(arguments)
    repetitions = QUICK if given.quick else Repetitions(given.honest, given.wrong, given.planted)
    pythons = given.python_of_others or [p for p in os.environ.get("MNEMOSCOPE_AUDITORS", "").split(os.pathsep) if p]

    folder = output_folder(given.out)
    versions = {}
    for tool, worker in open_workers(pythons).items():
        versions[tool] = None if worker is None else worker.version
        print(f"{tool}: {'not installed' if worker is None else worker.version}")
        if worker is not None:
            worker.close()
    start = time.perf_counter()
    outcomes = run(plan(repetitions), given.size, pythons, given.jobs)
    seconds, spent = time.perf_counter() - start, os.times()
    effort = {"jobs": given.jobs, "seconds": seconds, "cpu_seconds": spent.children_user + spent.children_system}
    summary = summarize(outcomes, repetitions, given.size, versions, effort)
    write_json(folder / "summary.json", summary)
    write_text(folder / "README.md", render(summary))
    print(f"{folder / 'README.md'}: {len(outcomes)} cases in {seconds / 60:.1f} minutes")
