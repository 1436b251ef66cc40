"""The monitor does not cry wolf: at most 5 % of whole trainings, whatever the number of looks."""

import numpy as np
import pytest

from mnemoscope.monitoring import LevelSignals, Signal
from mnemoscope.monitoring.decision import Decision, Rule
from mnemoscope.monitoring.membership import paired_share

RUNS, LOOKS, N, LEVELS, DIM = 200, 50, 64, 3, 8
UNTOLD = Signal(0.5, (0.4, 0.6), 0.5), Signal(0.5, (0.4, 0.6), 0.5), Signal(0.0, (0.0, 0.0), 0.0)


def alarms(allowance: bool) -> int:
    """Of 200 trainings of 50 looks, whose distances to the two exact denoisers are exchangeable within every pair.

    The reference is chance itself: nothing but the correction for repeated looks holds alarms back. Without it
    (``allowance``) each look spends all of the five per cent.
    """
    rng, rule, found = np.random.default_rng(7), Rule(onset=1e-6), 0
    for _ in range(RUNS):
        item = rng.normal(size=(LEVELS, 2, N, DIM))
        before: Decision | None = None
        for look in range(1, LOOKS + 1):
            apart = np.square(0.7 * item + 0.7 * rng.normal(size=item.shape)).mean(axis=-1)
            levels = [LevelSignals(k + 1.0, 1.0, 1.0, *UNTOLD, paired_share(*each)) for k, each in enumerate(apart)]
            chosen = rule if allowance else Rule(0.05 * 2 * 3, 1, rule.onset)
            before = chosen.decide(look if allowance else 1, look, levels, N, None, before)
            if before.since is not None:
                found += 1
                break
    return found


@pytest.mark.slow
@pytest.mark.statistical
def test_fifty_looks_at_models_that_cannot_memorize() -> None:
    """The promise, by Bonferroni conservative: at most 10 of 200."""
    assert alarms(allowance=True) <= 10


@pytest.mark.slow
@pytest.mark.statistical
def test_without_the_correction_it_would_cry_wolf() -> None:
    """A negative control: each look at five per cent."""
    assert alarms(allowance=False) > 20
