"""Audits that several tests of reports read: digits, some of them copied, with names and paths of some machine."""

from functools import cache

import numpy as np

from mnemoscope.auditing import Report, audit
from mnemoscope.data import Dataset, load_digits

N_COPIES = 30
SECRET = "alice"
_ROWS = np.random.default_rng(7).permutation(500)


def named(data: Dataset, what: str) -> Dataset:
    """The same items as somebody has them: a path that names a person, and files."""
    names = tuple(f"ward-{i % 3}/{SECRET}-{what}-{i}.png" for i in range(len(data)))
    return Dataset(data.array, f"/home/{SECRET}/secret/{what}.npy", data.value_range, names, data.notes)


def sets(*, copies: bool = True, seed: int = 0) -> tuple[Dataset, Dataset, Dataset]:
    """Samples, of which the first thirty may be copies (three of one item, identical), training and held-out items."""
    train, rest = load_digits().split(500, seed=0)
    honest, holdout = rest.take(_ROWS[:150]).array.astype(np.float32), rest.take(_ROWS[150:])
    rng = np.random.default_rng(seed)
    copied = (train.array[:N_COPIES] + rng.normal(0, 0.3, (N_COPIES, 8, 8))).astype(np.float32)
    copied[:3] = train.array[5]
    samples = Dataset(np.concatenate([copied, honest]) if copies else honest, "samples", train.value_range)
    return named(samples, "made"), named(train, "train"), named(holdout, "kept")


@cache
def copying(*, private: bool = False, held_out: bool = True) -> Report:
    """An audit of samples with copies."""
    samples, train, holdout = sets()
    return audit(samples, train, holdout=holdout if held_out else None, private=private)


@cache
def honest(*, private: bool = False) -> Report:
    """An audit of samples without copies."""
    samples, train, holdout = sets(copies=False)
    return audit(samples, train, holdout=holdout, private=private)


@cache
def small() -> Report:
    """Too few samples of five values, without a held-out set."""
    rng = np.random.default_rng(0)
    return audit(rng.normal(size=(40, 5)), rng.normal(size=(150, 5)))
