"""A random split in two halves: two models, each trained on one half, are each other's control, and no item is lost.

Labels are dealt to items by this split and by nothing else. So whoever permutes them, the sizes kept, has the exact law
of any statistic of two models that know nothing of which items they were trained on, whatever the items are: also where
some repeat each other or belong together.
"""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool

from mnemoscope.choose import LARGEST_WHOLE, check_name, check_whole
from mnemoscope.data.arrays import Array
from mnemoscope.data.dataset import Dataset, Half
from mnemoscope.data.objects import DataLike, as_dataset
from mnemoscope.errors import InputError

NAMES = ("A", "B")
"""What the halves are called."""

FEWEST = 4


@dataclass(frozen=True, eq=False)
class Halves:
    """Data and a random split of their items in two halves.

    Attributes:
        data: all items.
        seed: of the split.
        in_a: shape ``(n_samples,)``; which items are in half A, one more than in B where their number is odd.
    """

    data: Dataset
    seed: int
    in_a: Bool[np.ndarray, " n_samples"]

    @property
    def a(self) -> Dataset:
        """Half A, in the order of the data."""
        return self.half("A")

    @property
    def b(self) -> Dataset:
        """Half B, in the order of the data."""
        return self.half("B")

    def half(self, name: str) -> Dataset:
        """The half called ``A`` or ``B``; it knows which it is, and what is trained on it records that.

        Raises:
            InputError: another name.
        """
        check_name(name, NAMES, "half")
        rows = np.flatnonzero(self.in_a if name == "A" else ~self.in_a)
        part = self.data.take(rows, f"{self.data.name} (half {name})")
        return replace(part, half=self._record(name, rows))

    def _record(self, name: str, rows: Array) -> Half:
        digest = hashlib.sha256(rows.astype("<i8").tobytes()).hexdigest()
        return Half(name, self.seed, digest, self.data.fingerprint, self.data.label, self.data.n_samples)


def halves(data: DataLike, seed: int = 0) -> Halves:
    """Split data in two random halves, the same for the same seed and number of items.

    Args:
        data: shape ``(n_samples, *event)``; a memory map is not read whole until a half is taken.
        seed: of the split.

    Raises:
        InputError: fewer than 4 items.
    """
    whole, seed = as_dataset(data, "data"), check_whole(seed, "seed", 0, LARGEST_WHOLE)
    n = whole.n_samples
    if n < FEWEST:
        raise InputError(f"{whole.name}: two halves need at least {FEWEST} items, there are {n}")
    in_a = np.zeros(n, dtype=bool)
    in_a[np.random.default_rng(seed).permutation(n)[: (n + 1) // 2]] = True
    return Halves(whole, seed, in_a)
