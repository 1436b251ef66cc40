"""What only worker processes can show: threads, devices, trials that kill their worker."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import dask
import pytest
import xarray as xr
from distributed import LocalCluster

from mnemoscope.errors import InputError, MissingExtraError, MnemoscopeError, OutputError
from mnemoscope.sweeps import Store, cluster, grid, sweep
from mnemoscope.sweeps.attempt import attempt
from mnemoscope.sweeps.execution import execute
from mnemoscope.sweeps.trial import batches

from .sweep_trials import Deadly, Lacking, OnDevice

pytestmark = pytest.mark.filterwarnings("ignore:scheduler tcp.* is not encrypted")


def overlaps(results: xr.Dataset) -> int:
    """The largest number of trials that ran at the same moment."""
    runs = list(zip(results.start.values, results.end.values, strict=True))
    return max(sum(start <= moment < end for start, end in runs) for moment, _ in runs)


@contextmanager
def thread_cluster(**options: Any) -> Iterator[str]:
    """The address of a cluster that lives in threads of this process."""
    fixed = {"n_workers": 1, "processes": False, "protocol": "tcp://", "dashboard_address": ":0"}
    with LocalCluster(**fixed, scheduler_kwargs={"dashboard": False}, **options) as made:
        yield made.scheduler_address


def test_workers_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    results = sweep(grid(OnDevice, seed=range(4)), tmp_path, scheduler="local:2").results["on-device"].to_dataset()
    assert set(results.threads.values) == {3}
    assert set(results.device.values) == {-1}
    assert os.environ["OMP_NUM_THREADS"] == "64"


def test_local_workers_have_a_device_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_visible_devices", lambda: ["3", "5"])
    results = (
        sweep(grid(OnDevice, seed=range(8), share=1.0), tmp_path, scheduler="local:4").results["on-device"].to_dataset()
    )
    on_device = {device: results.where(results.device == device, drop=True) for device in (3, 5)}
    assert sum(run.sizes["seed"] for run in on_device.values()) == 8
    for run in on_device.values():
        assert overlaps(run) == 1


@pytest.mark.parametrize(("share", "at_once"), [(0.0, 4), (0.5, 2), (1.0, 1)])
def test_a_device_takes_as_many_trials_as_their_share_allows(share: float, at_once: int, tmp_path: Path) -> None:
    with thread_cluster(threads_per_worker=4, resources={"GPU": 1.0}) as address:
        results = (
            sweep(grid(OnDevice, seed=range(8), share=share), tmp_path, scheduler=address)
            .results["on-device"]
            .to_dataset()
        )
    assert overlaps(results) == at_once


def test_few_trials_are_handed_out_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_out, first_done = [], cluster._first_done
    monkeypatch.setattr(cluster, "_first_done", lambda fs: handed_out.append(len(fs)) or first_done(fs))
    with thread_cluster(threads_per_worker=2) as address:
        sweep(grid(OnDevice, seed=range(10)), tmp_path, scheduler=address)
    assert max(handed_out) == 2 * 2


def test_a_cluster_without_gpus_is_refused(tmp_path: Path) -> None:
    with thread_cluster() as address, pytest.raises(InputError, match='--resources "GPU=1"'):
        sweep([OnDevice(seed=0, share=0.5)], tmp_path, scheduler=address)


def test_workers_that_do_not_share_the_directory_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="need a shared directory"):
        attempt((OnDevice(seed=0),), tmp_path, 0)


def test_a_cluster_that_goes_away_is_an_error_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_TIMEOUT", 1)
    store, trials = Store(tmp_path), grid(OnDevice, seed=range(4))
    store.create()
    store.write_manifest(trials, {})
    with thread_cluster() as address:
        outcomes = execute(batches(trials), tmp_path, 0, address)
        assert next(outcomes).error is None
    with closing(outcomes), pytest.raises(MnemoscopeError, match="the Dask scheduler is gone"):
        list(outcomes)


def test_trials_for_a_gpu_are_refused_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_visible_devices", list)
    with pytest.raises(InputError, match="need a GPU"):
        sweep([OnDevice(seed=0, share=1.0)], tmp_path, scheduler="local:1")


@pytest.mark.parametrize("where", ["here", "cluster"])
def test_a_missing_extra_ends_the_sweep(where: str, tmp_path: Path, ledger: Callable[[], list[str]]) -> None:
    with (
        nullcontext() if where == "here" else thread_cluster() as scheduler,
        pytest.raises(MissingExtraError, match=r"pip install 'mnemoscope\[train\]'"),
    ):
        sweep(grid(Lacking, seed=range(50)), tmp_path / "out", scheduler=scheduler, retries=1)
    assert len(ledger()) < 10
    assert not list((tmp_path / "out" / "failed").iterdir())


def test_without_dask_a_scheduler_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    trials = grid(OnDevice, seed=range(2))
    with pytest.raises(MissingExtraError, match=r"pip install 'mnemoscope\[sweeps\]'"):
        sweep(trials, tmp_path / "out", scheduler="local:2")
    assert not (tmp_path / "out").exists()
    assert sweep(trials, tmp_path / "out").computed == 2


@pytest.mark.slow
def test_a_trial_that_kills_its_worker_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        done = sweep(grid(Deadly, seed=range(6)), tmp_path, scheduler="local:1")
    failed = {failure.spec["seed"]: failure.error for failure in done.failures}
    assert failed[2] == "its workers died"
    assert set(failed) <= {1, 2, 3}, "at most the trials that the worker held"
    assert done.computed == 6 - len(failed)
