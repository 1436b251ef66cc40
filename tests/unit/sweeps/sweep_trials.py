"""Trials for the tests. They live in a module of their own so that worker processes can import them."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from mnemoscope.extras import optional
from mnemoscope.sweeps import Result, Trial, grid


class Coin(Trial):
    bias: float = Field(gt=0, lt=1)
    seed: int = Field(ge=0)
    side: Literal["heads", "tails"] = "heads"

    def run(self) -> Result:
        tosses = np.random.default_rng(self.seed).random(5) < self.bias
        return {"count": int(tosses.sum()), "path": ("toss", tosses.cumsum().astype(np.float32))}


class Logged(Trial):
    """Leaves a line in the file LEDGER whenever it is started: key, time, process. Takes SECONDS."""

    n_samples: int
    seed: int

    def run(self) -> Result:
        note(f"{self.key} {time.time_ns()} {os.getpid()}")
        time.sleep(float(os.environ.get("SECONDS", "0")))
        draws = np.random.default_rng(self.seed).normal(size=self.n_samples)
        return {"mean": draws.mean(), "draws": ("draw", draws), "sorted": ("draw", np.sort(draws).astype(np.float32))}


class Walk(Logged):
    """Another kind with the same fields and a result of its own."""

    def run(self) -> Result:
        return {"walk": ("step", super().run()["draws"][1].cumsum())}


CRASH_TRIALS = [*grid(Logged, n_samples=[3, 50], seed=range(50)), *grid(Walk, n_samples=[3, 50], seed=range(50))]


class Batched(Trial):
    """Adds up to ``batch_size`` seeds at once; a batch with seed 13 in it fails."""

    batch_size: ClassVar[int] = 4
    batch_fields: ClassVar[tuple[str, ...]] = ("seed",)
    scale: float
    seed: int

    def run(self) -> Result:
        return self.run_batch([self])[0]

    @classmethod
    def run_batch(cls, trials: "Sequence[Batched]") -> Sequence[Result]:
        note(" ".join(f"{trial.scale}/{trial.seed}" for trial in trials))
        if any(trial.seed == 13 for trial in trials):
            raise RuntimeError("unlucky")
        return [{"value": trial.scale * trial.seed} for trial in trials]


class Flaky(Trial):
    """Fails ``failures`` times in all, counted in the ledger, which must be its own."""

    failures: int
    seed: int

    def run(self) -> Result:
        note(f"flaky {self.seed}")
        if ledger().count(f"flaky {self.seed}") <= self.failures:
            raise ZeroDivisionError("on purpose")
        return {"value": self.seed}


class Bulky(Trial):
    seed: int
    n_values: int = 10

    def run(self) -> Result:
        return {"values": ("value", np.full(self.n_values, self.seed, dtype=np.float64))}


class Deadly(Trial):
    seed: int

    def run(self) -> Result:
        if self.seed == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"value": self.seed}


class Lacking(Trial):
    """Needs what is nowhere installed."""

    seed: int

    def run(self) -> Result:
        note(f"lacking {self.seed}")
        optional("no_such_module", "train")
        return {"value": self.seed}


class OnDevice(Trial):
    """Reports what its process was given: threads, device, and when it ran."""

    seed: int
    share: float = Field(default=0.0, ge=0, le=1)

    @property
    def gpu_share(self) -> float:
        return self.share

    def run(self) -> Result:
        start = time.time()
        time.sleep(0.1)
        return {
            "threads": int(os.environ.get("OMP_NUM_THREADS", "0")),
            "device": int(os.environ.get("CUDA_VISIBLE_DEVICES") or -1),
            "start": start,
            "end": time.time(),
        }


def note(line: str) -> None:
    if path := os.environ.get("LEDGER"):
        with Path(path).open("a") as file:
            file.write(line + "\n")


def ledger() -> list[str]:
    path = Path(os.environ["LEDGER"])
    return path.read_text().splitlines() if path.exists() else []
