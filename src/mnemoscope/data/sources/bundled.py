"""Data sets that come with a library: read by their name alone."""

from typing import Any

import numpy as np

from mnemoscope.data.dataset import Dataset
from mnemoscope.data.options import Options
from mnemoscope.data.sources.contract import Source

DIGITS = "digits"


class Digits(Source):
    """Handwritten digits of scikit-learn."""

    reads = "'digits'"

    def recognises(self, where: Any) -> bool:
        return isinstance(where, str) and where == DIGITS

    def read(self, where: Any, key: str | None, options: Options) -> Dataset:
        return load_digits()


def load_digits() -> Dataset:
    """The 1,797 real handwritten digits that scikit-learn bundles: 8×8 pixels with values 0 to 16 (uint8)."""
    from sklearn.datasets import load_digits as bundled

    return Dataset(bundled().images.astype(np.uint8), DIGITS, (0.0, 16.0))
