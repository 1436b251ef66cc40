"""Where trials are computed: in this process, in local processes, or on a Dask cluster.

``attempt`` is the one task there is. It computes a batch, writes each finished trial itself and answers with a few
words, so results never travel through the scheduler and a dead driver or worker loses none. A trial's own errors
are retried, then recorded; an output that cannot be written ends the sweep, because no trial could be kept.

Only two tasks for each of the cluster's threads are handed out at a time: that keeps the workers busy and the
scheduler small, and Dask counts the death of a worker against every task it holds.
"""

import os
import re
import socket
import time
import traceback
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import distributed

from mnemoscope.errors import InputError, MnemoscopeError, OutputError
from mnemoscope.sweeps.provenance import provenance
from mnemoscope.sweeps.store import Store
from mnemoscope.sweeps.trial import Result, Trial, check_result

TrialBatch: TypeAlias = tuple[Trial, ...]
_Future: TypeAlias = "distributed.Future[list[Outcome] | OutputError]"

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What the numerical libraries read, once, when they are imported."""

ALLOCATOR_VARIABLES = {"MALLOC_TRIM_THRESHOLD_": str(2**28), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
"""glibc's own largest thresholds. Dask lowers the first to 64 KiB, which gives memory back after every large temporary
and faults it in again for the next: trials with arrays of megabytes ran up to ten times slower."""

_TICK = 1.0
"""Seconds between looks at whether the cluster has grown."""

_CONNECT_TIMEOUT = 10
"""Seconds that a scheduler has to answer."""


@dataclass(frozen=True)
class Outcome:
    """What became of one trial: ``error`` is None if it is in the store."""

    key: str
    error: str | None = None


def attempt(batch: TrialBatch, root: Path, retries: int) -> list[Outcome]:
    """Compute a batch and write what it gives: first together, then, if that fails, one by one.

    Raises:
        OutputError: a result cannot be written, or this machine does not see ``root``.
    """
    store = Store(root)
    if not (root / "sweep.json").exists():
        raise OutputError(f"{root}: {socket.gethostname()} does not see it: workers need a shared directory")
    missing = tuple(trial for trial in batch if not store.has(trial.key))  # a worker may have died half-way
    if len(missing) > 1:
        outcomes = _try(missing, store)
        if all(outcome.error is None for outcome in outcomes):
            return [Outcome(trial.key) for trial in batch]
    alone = (_try((trial,), store, 1 + retries)[0] for trial in missing)
    errors = {outcome.key: outcome.error for outcome in alone}
    return [Outcome(trial.key, errors.get(trial.key)) for trial in batch]


def _try(trials: TrialBatch, store: Store, attempts: int = 1) -> list[Outcome]:
    for count in range(1, attempts + 1):
        start = time.perf_counter()
        try:
            results: Sequence[Result] = trials[0].run_batch(trials) if len(trials) > 1 else [trials[0].run()]
            checked = [check_result(trial, result) for trial, result in zip(trials, results, strict=True)]
        except Exception as error:
            failed, trace = f"{type(error).__name__}: {error}", traceback.format_exc()
            continue
        seconds = (time.perf_counter() - start) / len(trials)
        for trial, variables in zip(trials, checked, strict=True):
            store.write(trial, variables, provenance(seconds, count))
        return [Outcome(trial.key) for trial in trials]
    if len(trials) == 1:
        store.write_failure(trials[0], failed, trace, provenance(time.perf_counter() - start, attempts))
    return [Outcome(trial.key, failed) for trial in trials]


def execute(batches: Sequence[TrialBatch], root: Path, retries: int, scheduler: str | None) -> Generator[Outcome]:
    """Compute batches wherever ``scheduler`` says; outcomes come as they are ready, in any order.

    Args:
        batches: what to compute.
        root: the store's directory, the same path on every machine.
        retries: how often a trial that fails is tried again.
        scheduler: as ``check_scheduler`` passed it.

    Raises:
        InputError: the scheduler cannot be had, or has no GPU for trials that need one.
        OutputError: a result cannot be written.
    """
    if scheduler is None:
        for batch in batches:
            yield from attempt(batch, root, retries)
        return
    gpu_share = max(trial.gpu_share for batch in batches for trial in batch)
    with _connect(scheduler, gpu_share) as client:
        yield from _hand_out(client, batches, root, retries)


def check_scheduler(scheduler: str | None) -> None:
    """Refuse what cannot name a scheduler, before anything is done.

    Raises:
        InputError: neither None, ``local:N`` with N >= 1, nor an address.
    """
    if scheduler is not None and not re.fullmatch(r"local:0*[1-9]\d*|\w+://.+", scheduler):
        raise InputError(f"scheduler: needs local:N with N >= 1, or an address like tcp://HOST:PORT, got {scheduler!r}")


def _hand_out(client: distributed.Client, batches: Sequence[TrialBatch], root: Path, retries: int) -> Iterator[Outcome]:
    waiting = deque(batches)
    running: dict[_Future, TrialBatch] = {}
    try:
        while waiting or running:
            with _scheduler_errors():
                room = 2 * max(1, sum(client.nthreads().values())) - len(running)
                for batch in [waiting.popleft() for _ in range(min(room, len(waiting)))]:
                    share = max(trial.gpu_share for trial in batch)
                    resources = {"GPU": share} if share else None
                    future = client.submit(_answer, batch, root, retries, pure=False, resources=resources)
                    running[future] = batch
                done = _first_done(list(running))
            for future in done:
                with _scheduler_errors():
                    error = future.exception()
                    answer = future.result() if error is None else error
                batch = running.pop(future)
                if isinstance(answer, distributed.KilledWorker):
                    yield from _record_deaths(batch, Store(root), answer)
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    yield from answer
    finally:
        if client.status == "running":
            client.cancel(list(running))


def _answer(batch: TrialBatch, root: Path, retries: int) -> list[Outcome] | OutputError:
    """``attempt`` on a worker, where Dask would log an error with its traceback before the driver sees it."""
    try:
        return attempt(batch, root, retries)
    except OutputError as error:
        return error


def _first_done(futures: list[_Future]) -> set[_Future]:
    try:
        done: set[_Future] = distributed.wait(futures, timeout=_TICK, return_when="FIRST_COMPLETED").done
        return done
    except TimeoutError:
        return set()


@contextmanager
def _scheduler_errors() -> Iterator[None]:
    try:
        yield
    except (OSError, CancelledError) as error:
        raise MnemoscopeError("the Dask scheduler is gone; finished trials are kept, run again to go on") from error


def _record_deaths(batch: TrialBatch, store: Store, error: distributed.KilledWorker) -> list[Outcome]:
    """A trial that ended its worker (memory, a crash in native code) as often as Dask lets it."""
    outcomes = []
    for trial in batch:
        died = None if store.has(trial.key) else "its workers died"
        if died:
            store.write_failure(trial, died, str(error), provenance(0.0, error.allowed_failures + 1))
        outcomes.append(Outcome(trial.key, died))
    return outcomes


@contextmanager
def _connect(scheduler: str, gpu_share: float) -> Iterator[distributed.Client]:
    if scheduler.startswith("local:"):
        n_workers = int(scheduler.removeprefix("local:"))
        with _local_cluster(n_workers, gpu_share) as cluster, closing(distributed.Client(cluster)) as client:
            yield client
        return
    try:
        client = distributed.Client(scheduler, timeout=_CONNECT_TIMEOUT)
    except (OSError, ValueError) as error:
        raise InputError(f"scheduler: no Dask scheduler answers at {scheduler}: {error}") from None
    with closing(client):
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if gpu_share and workers and not any(worker["resources"].get("GPU") for worker in workers):
            raise InputError(f'scheduler: no worker at {scheduler} was started with --resources "GPU=1"')
        yield client


@contextmanager
def _local_cluster(n_workers: int, gpu_share: float) -> Iterator[distributed.LocalCluster]:
    """Worker processes that share the cores evenly; for GPU trials one for each device, at most ``n_workers``."""
    devices = _visible_devices()[:n_workers] if gpu_share else []
    if gpu_share and not devices:
        raise InputError("scheduler: these trials need a GPU and this machine shows none")
    n_workers = len(devices) or n_workers
    threads = str(max(1, len(os.sched_getaffinity(0)) // n_workers))
    with (
        _environment(dict.fromkeys(THREAD_VARIABLES, threads) | ALLOCATOR_VARIABLES),
        distributed.LocalCluster(
            n_workers=0,
            threads_per_worker=int(1 / gpu_share) if gpu_share else 1,
            memory_limit=1.0 / n_workers,
            dashboard_address=":0",  # any free port: two sweeps on one machine must not meet
            scheduler_kwargs={"dashboard": False},
            resources={"GPU": 1.0} if gpu_share else None,
        ) as cluster,
    ):
        worker = cluster.new_spec
        for i in range(n_workers):
            env = {"CUDA_VISIBLE_DEVICES": devices[i]} if devices else {}
            cluster.worker_spec[i] = {**worker, "options": {**worker["options"], "env": env}}
        cluster.scale(n_workers)
        cluster.wait_for_workers(n_workers)
        yield cluster


def _visible_devices() -> list[str]:
    import torch  # only sweeps on GPUs need it here

    names = os.environ.get("CUDA_VISIBLE_DEVICES")
    return names.split(",") if names else [str(i) for i in range(torch.cuda.device_count())]


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables that new processes start with: a worker may import its libraries before Dask sets any."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
