"""Batches of trials on a Dask cluster, or in processes that Dask starts here.

Only two tasks for each of the cluster's threads are handed out at a time: that keeps the workers busy and the
scheduler small, and Dask counts the death of a worker against every task it holds.

Who reaches a Dask scheduler runs code on its workers. A cluster that is started here listens on the loopback interface
only and asks every peer for a certificate that is made with it and ends with it; its HTTP servers, which Dask cannot do
without, serve no page.
"""

import os
import warnings
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import dask
import distributed

from mnemoscope.errors import InputError, MissingExtraError, MnemoscopeError, OutputError
from mnemoscope.reading import reading
from mnemoscope.sweeps.attempt import Outcome, TrialBatch, attempt
from mnemoscope.sweeps.certificates import Certificates
from mnemoscope.sweeps.provenance import provenance
from mnemoscope.sweeps.store import Store

_Future: TypeAlias = "distributed.Future[list[Outcome] | OutputError | MissingExtraError]"

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""What the numerical libraries read, once, when they are imported."""

ALLOCATOR_VARIABLES = {"MALLOC_TRIM_THRESHOLD_": str(2**28), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
"""glibc's own largest thresholds. Dask lowers the first to 64 KiB, which gives memory back after every large temporary
and faults it in again for the next: trials with arrays of megabytes ran up to ten times slower."""

_LOOPBACK = "127.0.0.1"
_NO_PAGES: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}

_CERTIFICATES = "certificates (--tls-ca, --tls-cert, --tls-key)"

_TICK = 1.0
"""Seconds between looks at whether the cluster has grown."""

_CONNECT_TIMEOUT = 10
"""Seconds that a scheduler has to answer."""


def hand_out(client: distributed.Client, batches: Sequence[TrialBatch], root: Path, retries: int) -> Generator[Outcome]:
    """Compute batches on a cluster; outcomes come as they are ready, in any order.

    Raises:
        OutputError: a result cannot be written.
        MissingExtraError: a trial needs what is not installed on the workers.
    """
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


def _answer(batch: TrialBatch, root: Path, retries: int) -> list[Outcome] | OutputError | MissingExtraError:
    """``attempt`` on a worker, where Dask would log an error with its traceback before the driver sees it."""
    try:
        return attempt(batch, root, retries)
    except (OutputError, MissingExtraError) as error:
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
            times = error.allowed_failures + 1
            text = f"a worker process ended while it computed this trial or its batch, {times} times"
            store.write_failure(trial, died, text, provenance(0.0, times))
        outcomes.append(Outcome(trial.key, died))
    return outcomes


@contextmanager
def connect(scheduler: str, gpu_share: float, certificates: Certificates | None) -> Iterator[distributed.Client]:
    """A connection to the cluster that ``scheduler`` names, for trials that need such a share of a GPU.

    Raises:
        InputError: the scheduler cannot be had, or has no GPU for them.
    """
    if scheduler.startswith("local:"):
        n_workers = int(scheduler.removeprefix("local:"))
        with local_cluster(n_workers, gpu_share) as cluster, closing(distributed.Client(cluster)) as client:
            yield client
        return
    security = _security(scheduler, certificates)
    try:
        client = distributed.Client(scheduler, timeout=_CONNECT_TIMEOUT, security=security)
    except (OSError, ValueError) as error:
        raise InputError(f"scheduler: no Dask scheduler answers at {scheduler}: {error}") from None
    with closing(client):
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if gpu_share and workers and not any(worker["resources"].get("GPU") for worker in workers):
            raise InputError(f'scheduler: no worker at {scheduler} was started with --resources "GPU=1"')
        yield client


def _security(scheduler: str, certificates: Certificates | None) -> distributed.Security:
    """What proves to a scheduler who we are, and to us who it is: certificates, or what Dask's configuration has."""
    if certificates is not None:
        ca, cert, key = map(str, certificates)
        security = distributed.Security(
            require_encryption=True, tls_ca_file=ca, tls_client_cert=cert, tls_client_key=key
        )
        with reading(cert, "a certificate with its key and its authority"):
            security.get_connection_args("client")
        return security
    configured = distributed.Security()
    files: Any = configured  # its fields are set by name
    if not scheduler.startswith(("tls://", "wss://")):
        text = "is not encrypted and asks nobody who they are: whoever reaches it can run code as you; give"
        warnings.warn(f"scheduler {scheduler}: {text} {_CERTIFICATES}", stacklevel=2)
    elif not (files.tls_ca_file and files.tls_client_cert):
        raise InputError(f"scheduler: {scheduler} needs {_CERTIFICATES}")
    return configured


@contextmanager
def local_cluster(n_workers: int, gpu_share: float) -> Iterator[distributed.LocalCluster]:
    """Worker processes that share the cores evenly; for GPU trials one for each device, at most ``n_workers``."""
    devices = _visible_devices()[:n_workers] if gpu_share else []
    if gpu_share and not devices:
        raise InputError("scheduler: these trials need a GPU and this machine shows none")
    n_workers = len(devices) or n_workers
    threads = str(max(1, len(os.sched_getaffinity(0)) // n_workers))
    with (
        _environment(dict.fromkeys(THREAD_VARIABLES, threads) | ALLOCATOR_VARIABLES),
        dask.config.set(_NO_PAGES),
        distributed.LocalCluster(
            host=_LOOPBACK,
            security=distributed.Security.temporary(),
            n_workers=0,
            threads_per_worker=int(1 / gpu_share) if gpu_share else 1,
            memory_limit=1.0 / n_workers,
            dashboard_address=f"{_LOOPBACK}:0",  # any free port: two sweeps on one machine must not meet
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
