"""The one task that a sweep hands out: a batch of trials.

It computes the batch, writes each finished trial itself and answers with a few words, so results never travel through
a scheduler and a dead driver or worker loses none. A trial's own errors are retried, then recorded. What no retry can
mend ends the sweep: an output that cannot be written, an extra that is not installed. What is recorded names no machine
and no folder of one: stores are shared, and study reports show it.
"""

import socket
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from mnemoscope.errors import MissingExtraError, OutputError
from mnemoscope.sweeps.provenance import provenance
from mnemoscope.sweeps.store import Store
from mnemoscope.sweeps.trial import Result, Trial, check_result
from mnemoscope.text import one_line, printable, without_origin

TrialBatch: TypeAlias = tuple[Trial, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of one trial: ``error`` is None if it is in the store."""

    key: str
    error: str | None = None


def attempt(batch: TrialBatch, root: Path, retries: int) -> list[Outcome]:
    """Compute a batch and write what it gives: first together, then, if that fails, one by one.

    Raises:
        OutputError: a result cannot be written, or this machine does not see ``root``.
        MissingExtraError: a trial needs what is not installed here.
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
        except MissingExtraError:
            raise  # no other attempt, and no other trial of its kind, would end differently
        except Exception as error:
            failed = one_line(without_origin(f"{type(error).__name__}: {error}"))
            trace = printable(without_origin(traceback.format_exc()))
            continue
        seconds = (time.perf_counter() - start) / len(trials)
        for trial, variables in zip(trials, checked, strict=True):
            store.write(trial, variables, provenance(seconds, count))
        return [Outcome(trial.key) for trial in trials]
    if len(trials) == 1:
        store.write_failure(trials[0], failed, trace, provenance(time.perf_counter() - start, attempts))
    return [Outcome(trial.key, failed) for trial in trials]
