"""How often the halves test cries wolf, and whether it finds copiers.

    python -m benchmarks halves

A thousand repetitions a case: data, split and samples are drawn anew, and the models know nothing of the split. Honest
ones draw from the law, from a narrow part of it (all votes go to few items), or blur items of *both* halves; in one
case every fifth item is a repeat of another. Controls must be found out: samples that are items of the own half, at a
fifth of the typical distance, or one in five of them.

Of 1,000 repetitions of an exact test at 5 %, 50 are rejected in the mean and up to 61 in 95 % of cases: more would
contradict the promise.
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import binom

from benchmarks.timing import row
from mnemoscope.auditing.own_half import OwnHalf
from mnemoscope.data import Halves, halves

REPETITIONS, CONTROLS, N, SAMPLES, DIM = 1000, 100, 100, 60, 8
LEVEL = 0.05
POWER = {"copies of the own half": 0.95, "one copy in five": 0.5}

Array = np.ndarray
Draw = Callable[[Halves, np.random.Generator], tuple[Array, Array]]


def law(_: Halves, rng: np.random.Generator) -> tuple[Array, Array]:
    first, second = rng.standard_normal((2, SAMPLES, DIM))
    return first, second


def narrow(_: Halves, rng: np.random.Generator) -> tuple[Array, Array]:
    first, second = 0.2 * rng.standard_normal((2, SAMPLES, DIM))
    return first, second


def both(split: Halves, rng: np.random.Generator) -> tuple[Array, Array]:
    """Copiers of all items, which is no knowledge of the split; the first of another taste than the second."""
    items = split.data.array
    some = rng.permutation(N)
    chosen = rng.choice(some[: N // 2], SAMPLES), rng.choice(some, SAMPLES)
    first, second = (items[rows] + 0.1 * rng.standard_normal((SAMPLES, DIM)) for rows in chosen)
    return first, second


def copies(split: Halves, rng: np.random.Generator, share: float = 1.0) -> tuple[Array, Array]:
    found = []
    for half in (split.a, split.b):
        samples = rng.standard_normal((SAMPLES, DIM))
        m = round(share * SAMPLES)
        samples[:m] = half.array[rng.integers(len(half), size=m)] + 0.2 * rng.standard_normal((m, DIM))
        found.append(samples)
    return found[0], found[1]


def rejected(draw: Draw, seed: int, repeats: bool = False) -> bool:
    rng = np.random.default_rng(seed)
    data = rng.standard_normal((N, DIM))
    if repeats:
        data[::5] = data[1::5]
    # Of another seed than the data: by one stream of numbers the split would know them.
    split = halves(data, int(rng.integers(2**31)))
    return OwnHalf(split, rng).test(*draw(split, rng)).p <= LEVEL


def rows(repetitions: int = REPETITIONS) -> list[dict[str, object]]:
    """All rows, in order."""
    honest: list[tuple[str, Draw, bool]] = [
        ("draws of the law", law, False),
        ("draws of a narrow part of it", narrow, False),
        ("copies of both halves' items", both, False),
        ("draws of the law, a fifth of the items repeated", law, True),
    ]
    found = []
    for name, draw, repeats in honest:
        rate = sum(rejected(draw, seed, repeats) for seed in range(repetitions)) / repetitions
        found.append(
            row(
                f"halves test rejects {name}, of {repetitions}",
                rate,
                LEVEL,
                rate <= binom.isf(0.05, repetitions, LEVEL) / repetitions,
            )
        )
    for name, draw in (("copies of the own half", copies), ("one copy in five", lambda s, r: copies(s, r, 0.2))):
        rate = sum(rejected(draw, seed) for seed in range(CONTROLS)) / CONTROLS
        found.append(row(f"halves test finds {name}, of {CONTROLS}", rate, POWER[name], rate >= POWER[name]))
    return found
