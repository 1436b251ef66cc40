"""Trials whose list is not known beforehand: what the next ones are depends on what the last ones gave.

    with session("shards", scheduler="local:2") as compute:
        first = compute([Coin(bias=0.3, seed=0)])
        then = compute([Coin(bias=0.5, seed=int(first[0].variables["heads"][1]))])

The store is that of a sweep, less its table: each trial is computed once, and whoever is killed goes on where its files
end.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mnemoscope.errors import MnemoscopeError
from mnemoscope.sweeps.certificates import Certificates
from mnemoscope.sweeps.execution import Execute, check_scheduler, executor
from mnemoscope.sweeps.store import Store
from mnemoscope.sweeps.stored import Record
from mnemoscope.sweeps.sweep import await_files, discard_damaged
from mnemoscope.sweeps.trial import Trial


@dataclass
class Session:
    """A store to compute in, for as long as the session lasts.

    Attributes:
        root: of the store.
        computed: how many trials were computed here; the others were in the store already.
    """

    root: Path
    _execute: Execute
    _retries: int
    _listed: dict[str, Trial] = field(default_factory=dict)
    computed: int = 0

    def missing(self, trials: Sequence[Trial]) -> list[Trial]:
        """Which of them are to be computed; what is damaged is discarded."""
        store = Store(self.root)
        discard_damaged(store, trials)
        return [trial for trial in trials if not store.has(trial.key)]

    def compute(self, trials: Sequence[Trial]) -> list[Record]:
        """The results of these trials, in their order.

        Raises:
            MnemoscopeError: one keeps failing; it is tried again in the next session.
            OutputError: a result cannot be written.
        """
        store, missing = Store(self.root), self.missing(trials)
        if missing:
            self._listed |= {trial.key: trial for trial in trials}
            store.write_manifest(list(self._listed.values()), {})
            with closing(self._execute([(trial,) for trial in missing], self.root, self._retries)) as outcomes:
                for outcome in outcomes:
                    if outcome.error is not None:
                        raise MnemoscopeError(f"{self.root}: a trial failed: {outcome.error}")
                    self.computed += 1
            await_files(store, [trial.key for trial in missing])
        return [store.read(trial.key) for trial in trials]


@contextmanager
def session(
    out: str | Path, *, scheduler: str | None = None, certificates: Certificates | None = None, retries: int = 1
) -> Iterator[Session]:
    """Compute trials in the directory ``out``, list by list.

    Args:
        out: on a file system that all workers share.
        scheduler: as of ``sweep``; a cluster of one's own runs until the block ends.
        certificates: as of ``sweep``.
        retries: as of ``sweep``.

    Raises:
        InputError: the directory is in use, or the scheduler cannot be had.
        OutputError: ``out`` cannot be written to.
        MissingExtraError: a scheduler without Dask.
    """
    check_scheduler(scheduler, certificates)
    store = Store(Path(out).absolute())
    store.create()
    with store.lock(), executor(scheduler, certificates) as execute:
        yield Session(store.root, execute, retries)
