"""A sweep: many trials, computed once each, whatever happens on the way."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from mnemoscope.errors import InputError, OutputError
from mnemoscope.sweeps.attempt import Outcome, TrialBatch
from mnemoscope.sweeps.certificates import Certificates
from mnemoscope.sweeps.execution import check_scheduler, execute
from mnemoscope.sweeps.store import Store
from mnemoscope.sweeps.stored import CorruptRecordError, Failure, Record
from mnemoscope.sweeps.trial import Trial, batches

_REFRESH_SECONDS = 10.0
_REFRESH_SHARE = 0.05
"""results.zarr is refreshed every so many seconds, and less often where that would take more than this share of
the time."""

_VISIBLE_SECONDS = 90.0
"""How long a network file system may hide a new file; the default caches of NFS stay below."""


@dataclass(frozen=True)
class Sweep:
    """How a sweep ended.

    Attributes:
        results: all finished trials with named dimensions, a node for each kind: the content of DIR/results.zarr.
        records: every finished trial by its key, as read.
        failures: the trials that kept failing; running the sweep again tries them again.
        computed: how many trials this call computed; the others were in the store already.
        damaged: how many stored trials did not match their checksum and were computed again.
    """

    results: xr.DataTree
    records: dict[str, Record]
    failures: list[Failure]
    computed: int
    damaged: int


def sweep(
    trials: Sequence[Trial],
    out: Path | str,
    *,
    now: Sequence[Trial] | None = None,
    scheduler: str | None = None,
    certificates: Certificates | None = None,
    retries: int = 1,
    attrs: Mapping[str, Any] | None = None,
    progress: bool = False,
) -> Sweep:
    """Compute every trial that is not yet in the directory ``out``, and label the results.

    Whatever stops it, the finished trials stay, and the same call computes only what is missing.

    Args:
        trials: specs of one kind or of several; a spec that occurs twice is computed once.
        out: the directory, on a file system that all workers share.
        now: those among ``trials`` to compute in this call, all if left out. The results hold whatever is finished.
        scheduler: None for this process, ``local:N`` for N processes here, or a Dask scheduler's address. Whoever
            reaches a scheduler that asks for no certificates (``tcp://``) can run code as you: a warning says so.
        certificates: for a scheduler at ``tls://HOST:PORT``; left out, Dask's own configuration is asked.
        retries: how often a trial that fails is tried again before it is recorded as failed.
        attrs: JSON values to keep with the results (a study's name, its preset).
        progress: show done, failed and left on stderr.

    Raises:
        InputError: no trials, two kinds of one name, a directory with other kinds of trial or in use by another
            sweep, a scheduler that cannot be had.
        OutputError: ``out`` cannot be written (full, read-only); what is stored stays readable.
        MissingExtraError: a scheduler without Dask, or a trial that needs what is not installed.
    """
    trials = check_trials(trials)
    wanted = trials if now is None else check_trials(now)
    if not {trial.key for trial in wanted} <= {trial.key for trial in trials}:
        raise InputError("now: has trials that are not among the sweep's")
    check_scheduler(scheduler, certificates)
    if retries < 0:
        raise InputError(f"retries: must be at least 0, got {retries}")
    store = Store(Path(out).absolute())
    with store.driven(trials, attrs or {}):
        damaged = discard_damaged(store, trials)
        missing = {trial.key for trial in wanted if not store.has(trial.key)}
        # Batches are made of all trials before the finished ones are left out, so that they are the same each time.
        todo = [tuple(trial for trial in batch if trial.key in missing) for batch in batches(wanted)]
        compute = partial(execute, retries=retries, scheduler=scheduler, certificates=certificates)
        outcomes = _run([batch for batch in todo if batch], store, trials, wanted, compute, progress)
        failed = {outcome.key for outcome in outcomes if outcome.error}
        await_files(store, [trial.key for trial in wanted if trial.key not in failed])
        results = store.refresh(trials)
    return Sweep(results, dict(store.records(trials)), store.failures(trials), len(missing) - len(failed), damaged)


def read_sweep(trials: Sequence[Trial], out: Path | str) -> Sweep:
    """The state of a sweep as it stands, running or done; nothing is computed or written.

    Raises:
        InputError: no trials, or ``out`` is not the directory of a sweep.
    """
    trials, store = check_trials(trials), Store(Path(out).absolute())
    return Sweep(store.tree(trials), dict(store.records(trials)), store.failures(trials), computed=0, damaged=0)


def check_trials(trials: Iterable[Trial]) -> list[Trial]:
    """The trials of a sweep, each once, in the order in which they were listed.

    Raises:
        InputError: there are none, or two kinds share a name.
    """
    once = list({trial.key: trial for trial in trials}.values())
    if not once:
        raise InputError("trials: there are none")
    kinds: dict[str, type[Trial]] = {}
    for trial in once:
        if kinds.setdefault(trial.kind(), type(trial)) is not type(trial):
            raise InputError(f"trials: two classes are called {trial.kind()}: rename one of them")
    return once


def discard_damaged(store: Store, trials: Sequence[Trial]) -> int:
    """Forget finished trials whose files are damaged; returns how many there were."""
    damaged = 0
    for trial in trials:
        try:
            store.read(trial.key)
        except FileNotFoundError:
            continue
        except CorruptRecordError:
            store.discard(trial.key)
            damaged += 1
    return damaged


def _run(
    todo: Sequence[TrialBatch],
    store: Store,
    trials: Sequence[Trial],
    wanted: Sequence[Trial],
    compute: Callable[[Sequence[TrialBatch], Path], Generator[Outcome]],
    progress: bool,
) -> Iterator[Outcome]:
    """Execute, showing progress and refreshing results.zarr on the way."""
    if not todo:
        return
    keys = {trial.key for batch in todo for trial in batch}
    done, failed = len(wanted) - len(keys), 0
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with (
        closing(compute(todo, store.root)) as outcomes,
        Progress(*columns, console=Console(stderr=True), disable=not progress) as bar,
    ):
        task = bar.add_task("", total=len(wanted), completed=done)
        store.refresh(trials)  # from here on there is a table to read
        refresh_at = time.monotonic() + _REFRESH_SECONDS
        for outcome in outcomes:
            done, failed = done + (outcome.error is None), failed + (outcome.error is not None)
            left = len(wanted) - done - failed
            bar.update(task, completed=done + failed, description=f"{done} done, {failed} failed, {left} left")
            yield outcome
            if (now := time.monotonic()) >= refresh_at:
                store.refresh(trials)
                took = time.monotonic() - now
                refresh_at = now + max(_REFRESH_SECONDS, took / _REFRESH_SHARE)


def await_files(store: Store, keys: Sequence[str]) -> None:
    """Wait until the files that workers elsewhere have written are visible here: network file systems cache.

    Raises:
        OutputError: they do not appear.
    """
    absent = [key for key in keys if not store.has(key)]
    give_up = time.monotonic() + _VISIBLE_SECONDS
    while absent:
        if time.monotonic() > give_up:
            raise OutputError(f"{store.root}: {len(absent)} finished trials are not here: do all workers share it?")
        time.sleep(1)
        absent = [key for key in absent if not store.has(key)]
