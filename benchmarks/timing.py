"""Timing as ratios within one run: what machines disagree on cancels."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

FASHION = Path("/usr/share/datasets/fashion-mnist")


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The shortest of a few runs: the others measure what else the machine was doing."""
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def seconds_in_turn(*works: Callable[[], object], repeats: int = 5) -> list[float]:
    """The shortest of a few runs of each, run in turn, so that a machine that drifts drifts for all of them."""
    rounds = [[seconds(work, repeats=1) for work in works] for _ in range(repeats)]
    return [min(found) for found in zip(*rounds, strict=True)]


def row(name: str, value: float, promised: float | None = None, holds: bool = True) -> dict[str, object]:
    """A line of the table; ``promised`` is the bound that ``holds`` was computed from."""
    return {"name": name, "value": value, "promised": promised, "holds": holds}


def images() -> tuple[np.ndarray, np.ndarray]:
    """60,000 training and 10,000 test items of 784 values: Fashion-MNIST, or noise of its shape where it is absent."""
    if FASHION.is_dir():
        from mnemoscope.data import load

        return load(FASHION).array, load(FASHION / "t10k-images-idx3-ubyte.gz").array
    rng = np.random.default_rng(0)
    return tuple(rng.integers(0, 256, (n, 28, 28), dtype=np.uint8) for n in (60_000, 10_000))
