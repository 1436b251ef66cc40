"""What a sweep costs beside its trials: the time of trials that do nothing, the throughput of two workers over one.

The workers are those of ``local:N``, with their certificates.
"""

import tempfile
import time
from importlib import import_module
from pathlib import Path

import distributed

from benchmarks.timing import row
from mnemoscope.sweeps import Result, Trial, grid, sweep
from mnemoscope.sweeps.cluster import hand_out, local_cluster
from mnemoscope.sweeps.store import Store
from mnemoscope.sweeps.trial import batches


class Sleep(Trial):
    seconds: float
    seed: int

    def run(self) -> Result:
        time.sleep(self.seconds)
        return {"value": float(self.seed)}


def in_process(n_trials: int = 1000) -> float:
    """Seconds that a sweep of trials takes that do nothing."""
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        sweep(grid(Sleep, seconds=0.0, seed=range(n_trials)), out)
        return time.perf_counter() - start


def throughput(n_workers: int, n_trials: int = 100, seconds: float = 0.1) -> float:
    """Trials per second on so many worker processes that are up and have imported the package."""
    with (
        tempfile.TemporaryDirectory() as out,
        local_cluster(n_workers, gpu_share=0.0) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(import_module, "mnemoscope.sweeps")
        store, trials = Store(Path(out)), grid(Sleep, seconds=seconds, seed=range(n_trials))
        store.create()
        store.write_manifest(trials, {})
        start = time.perf_counter()
        for _ in hand_out(client, batches(trials), store.root, 0):
            pass
        return n_trials / (time.perf_counter() - start)


def rows() -> list[dict[str, object]]:
    """All rows, in order."""
    empty, one, two = in_process(), throughput(1), throughput(2)
    return [
        row("1,000 empty trials in-process (s), at most", empty, 5, empty < 5),
        row("0.1 s trials on 1 worker (per s)", one),
        row("0.1 s trials on 2 workers (per s)", two),
        row("throughput of 2 workers over 1", two / one, 1.7, two / one >= 1.7),
    ]
