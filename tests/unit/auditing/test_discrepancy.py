import math
from typing import Any

import pytest
import torch

from mnemoscope.auditing import mmd_squared
from mnemoscope.errors import InputError
from tests.tolerances import EXACT


def test_is_the_double_sum(generator: torch.Generator) -> None:
    x, y = (torch.randn(n, 3, generator=generator, dtype=torch.float64) for n in (5, 7))
    apart = [math.dist(a, b) for k, a in enumerate(y.tolist()) for b in y.tolist()[:k]]
    median = sorted(apart)[(len(apart) - 1) // 2]

    def mean(a: Any, b: Any, same: bool) -> float:
        kernel = [
            math.exp(-(math.dist(p, q) ** 2) / (2 * median**2))
            for i, p in enumerate(a.tolist())
            for j, q in enumerate(b.tolist())
            if not (same and i == j)
        ]
        return sum(kernel) / len(kernel)

    slow = mean(x, x, True) + mean(y, y, True) - 2 * mean(x, y, False)
    assert mmd_squared(x, y) == pytest.approx(slow, abs=EXACT)


@pytest.mark.statistical
def test_is_its_population_value(generator: torch.Generator) -> None:
    """N(0, I) and N(a, I) in two dimensions: 2 (1 − e^{−|a|²/6})/3. Standard errors measured over 50 repeats: 0.006."""
    x = torch.randn(1500, 2, generator=generator)
    shifted = torch.randn(1500, 2, generator=generator) + torch.tensor([1.0, 0.0])
    assert mmd_squared(x, shifted, bandwidth=1.0) == pytest.approx(2 * (1 - math.exp(-1 / 6)) / 3, abs=0.03)
    assert abs(mmd_squared(x, torch.randn(1500, 2, generator=generator), bandwidth=1.0)) < 0.01


def test_two_samples_on_each_side_are_enough() -> None:
    """1 − e^{−1/2} and its like, by hand: within a side the distance is 1, across 3 and 4."""
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[4.0], [5.0]])
    within, across = math.exp(-1 / 2), (2 * math.exp(-16 / 2) + math.exp(-9 / 2) + math.exp(-25 / 2)) / 4
    assert mmd_squared(x, y, bandwidth=1.0) == pytest.approx(2 * within - 2 * across, rel=1e-5)


def test_single_precision_is_computed_in_double(generator: torch.Generator) -> None:
    x, y = (torch.randn(n, 3, generator=generator) + 1000 for n in (20, 30))
    assert mmd_squared(x, y) == mmd_squared(x.double(), y.double())


def test_bad_input() -> None:
    with pytest.raises(InputError, match="at least two samples"):
        mmd_squared(torch.zeros(1, 2), torch.zeros(5, 2))
    with pytest.raises(InputError, match="bandwidth must be positive"):
        mmd_squared(torch.zeros(5, 2), torch.zeros(5, 2))
