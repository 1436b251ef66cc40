"""SIGKILL to a worker, then to the driver, then again: the store ends up as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xarray as xr

from mnemoscope.sweeps import Store, sweep

from .sweep_trials import CRASH_TRIALS as TRIALS

HERE = Path(__file__).parent
PATIENCE = 60


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "nothing happened in time"
        time.sleep(0.02)


def content(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


@contextmanager
def started(script: str, *arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(HERE / script), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=os.environ | environment, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["its own process", "the driver's"])
def test_killed_sweep_ends_like_an_uninterrupted_one(cluster: str, tmp_path: Path) -> None:
    assert len(TRIALS) == 200
    store, book = Store(tmp_path / "killed"), tmp_path / "ledger"
    environment = {"LEDGER": str(book), "SECONDS": "0.03", "OMP_NUM_THREADS": "1"}

    def finished() -> dict[str, int]:
        return {path.stem: path.stat().st_mtime_ns for path in (store.root / "trials").glob("*.safetensors")}

    def drive(scheduler: str) -> None:
        with started("crash_driver.py", str(store.root), scheduler, environment=environment) as driver:
            wait_until(lambda: len(finished()) >= 30)
            worker = int(book.read_text().splitlines()[-1].split()[2])
            assert worker != driver.pid
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: len(finished()) >= 90)
            driver.kill()
        kept = finished()
        assert 90 <= len(kept) < 200, "the driver was killed in the middle"
        half = xr.open_datatree(store.results_path).load()
        for trial in TRIALS:
            cell = half[trial.kind()].to_dataset().sel(n_samples=trial.n_samples, seed=trial.seed)
            (name, dim) = ("draws", "draw") if trial.kind() == "logged" else ("walk", "step")
            stored = store.read(trial.key).variables[name][1] if cell.finished else None
            assert stored is None or cell[name].dropna(dim).values.tolist() == stored.tolist()
        tree = store.tree(TRIALS)
        assert list(tree.children) == ["logged", "walk"]
        assert sum(int(node.finished.sum()) for node in tree.children.values()) >= len(kept), "the store is readable"
        restarted = time.time_ns()
        with started("crash_driver.py", str(store.root), scheduler, environment=environment) as driver:
            assert driver.wait(PATIENCE) == 0
        starts = [(key, int(when)) for key, when, _ in map(str.split, book.read_text().splitlines())]
        after = finished()
        assert {key: after[key] for key in kept} == kept, "finished files are not written again"
        assert not [key for key, when in starts if when > restarted and key in kept], "nor computed again"
        assert not [key for key, when in starts if when > after[key]], "nothing is started once it is finished"
        # A kill costs what was being computed: one trial of the worker's, one of each worker's with the driver.
        assert Counter(key for key, _ in starts).keys() == {trial.key for trial in TRIALS}
        assert len(starts) <= 200 + 1 + 2

    if cluster == "the driver's":
        drive("local:2")
    else:
        with started("crash_cluster.py", environment=environment) as process:
            assert process.stdout is not None
            drive(process.stdout.readline().strip())

    whole = sweep(TRIALS, tmp_path / "whole")
    assert whole.computed == 200
    reference = Store(tmp_path / "whole")
    assert content(store.results_path) == content(reference.results_path)
    for trial in TRIALS:
        killed, uninterrupted = store.read(trial.key), reference.read(trial.key)
        assert killed.spec == uninterrupted.spec
        assert {n: (d, a.dtype, a.tobytes()) for n, (d, a) in killed.variables.items()} == {
            n: (d, a.dtype, a.tobytes()) for n, (d, a) in uninterrupted.variables.items()
        }
    assert sweep(TRIALS, store.root).computed == 0
