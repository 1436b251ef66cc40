"""What only worker processes can show: threads, devices, trials that kill their worker."""

import os
from pathlib import Path

import dask
import pytest

from mnemoscope.errors import InputError
from mnemoscope.runs import execution, grid, sweep

from .sweep_trials import Deadly, OnDevice


def overlaps(runs: list[tuple[float, float]]) -> int:
    """The largest number of intervals that share a moment."""
    return max(sum(start <= moment < end for start, end in runs) for moment, _ in runs)


def test_workers_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    results = sweep(grid(OnDevice, seed=range(4)), tmp_path, scheduler="local:2").results
    assert set(results.threads.values) == {3}
    assert set(results.device.values) == {-1}
    assert os.environ["OMP_NUM_THREADS"] == "64"


@pytest.mark.parametrize(("share", "at_once"), [(1.0, 1), (0.5, 2)])
def test_a_device_takes_as_many_trials_as_their_share_allows(
    share: float, at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "_visible_devices", lambda: ["3", "5"])
    results = sweep(grid(OnDevice, seed=range(12), share=share), tmp_path, scheduler="local:4").results
    runs: dict[int, list[tuple[float, float]]] = {}
    for device, start, end in zip(results.device.values, results.start.values, results.end.values, strict=True):
        runs.setdefault(int(device), []).append((start, end))
    assert set(runs) == {3, 5}
    assert {overlaps(run) for run in runs.values()} == {at_once}


def test_trials_for_a_gpu_are_refused_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "_visible_devices", list)
    with pytest.raises(InputError, match="need a GPU"):
        sweep([OnDevice(seed=0, share=1.0)], tmp_path, scheduler="local:1")


def test_a_trial_that_kills_its_worker_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        done = sweep([*grid(Deadly, seed=range(6))], tmp_path, scheduler="local:1")
    failed = {failure.spec["seed"]: failure.error for failure in done.failures}
    assert failed[2] == "its workers died"
    assert set(failed) <= {1, 2, 3}, "at most the trials that the worker held"
    assert done.computed == 6 - len(failed)
