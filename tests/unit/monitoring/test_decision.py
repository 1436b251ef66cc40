"""The decision: sizes against references, and one probability for all looks."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mnemoscope.errors import InputError
from mnemoscope.monitoring import Decision, LevelSignals, SampleSignals, Signal
from mnemoscope.monitoring.decision import GENERALIZING, MEMORIZING, STARTING, Rule

ZERO = Signal(0.0, (-0.1, 0.1), 0.0)
SAMPLES = SampleSignals(
    n=100,
    copied=0.0,
    copied_null=0.0,
    copies=0.0,
    copies_p=1.0,
    listed=0,
    identical=0,
    closeness=0.7,
    closeness_interval=(0.66, 0.74),
    expected=0.5,
    chance_spread=0.02,
    reference=0.6,
    excess_interval=(0.06, 0.14),
)


def level(perfection: float, ratio: float = 0.1) -> LevelSignals:
    areas = Signal(0.95, (0.9, 1.0), 0.5), Signal(0.5, (0.4, 0.6), 0.5)
    return LevelSignals(ratio, 0.1, 0.2, *areas, ZERO, Signal(perfection, (perfection - 0.1, perfection + 0.1), 0.0))


def decide(
    perfection: float = 0.0,
    samples: SampleSignals | None = None,
    n: int = 100,
    look: int = 1,
    before: Decision | None = None,
) -> Decision:
    return Rule().decide(look, 10 * look, [level(perfection), level(0.0, 1.0)], n, samples, before)


@given(looks=st.integers(1, 200), false_alarms=st.floats(0.001, 0.5), made=st.integers(1, 2000))
def test_all_looks_together_have_the_promised_probability(looks: int, false_alarms: float, made: int) -> None:
    rule = Rule(false_alarms, looks)
    spent = [rule.allowance(look) for look in range(1, made + 1)]
    assert sum(spent) <= false_alarms * (1 + 1e-9)
    assert all(later <= sooner * (1 + 1e-9) for sooner, later in pairwise(spent))
    # The tail from K on is (α/2) L/(K − 1), telescoped: together all of it is used.
    if made > looks:
        assert sum(spent) == pytest.approx(false_alarms / 2 * (2 - looks / made))


def test_the_levels() -> None:
    assert decide(0.2).state == GENERALIZING, "beyond chance, and yet below the reference"
    assert decide(0.4).state == STARTING
    assert decide(0.4, n=4).state == GENERALIZING, "of four pairs it may be chance"
    assert "may be chance: there are 4 pairs" in decide(0.4, n=4).reason
    assert decide(samples=SAMPLES).state == STARTING
    assert decide(samples=replace(SAMPLES, closeness=0.61)).state == GENERALIZING
    assert decide(samples=replace(SAMPLES, reference=None, excess_interval=None)).state == GENERALIZING
    assert decide(samples=replace(SAMPLES, copies_p=1e-5, copies=0.2)).state == MEMORIZING
    assert decide(1.0, samples=replace(SAMPLES, copies_p=1e-3)).state == STARTING, "one look of fifty"


def test_few_samples_that_are_all_near_to_train_are_no_proof() -> None:
    """They do not vary; their spread under chance does."""
    few = replace(SAMPLES, closeness=1.0, closeness_interval=(1.0, 1.0), excess_interval=(0.4, 0.4), chance_spread=0.2)
    assert decide(samples=few).state == GENERALIZING
    assert replace(few, chance_spread=0.0).closeness_p == 1.0


def test_since_when() -> None:
    states, before = [], None
    for look, perfection in enumerate([0.0, 0.4, 0.2, 0.4, 0.9, 1.0], start=1):
        before = decide(perfection, look=look, before=before)
        states.append(before.since)
    assert states == [None, 20, None, 40, 40, 40]


def test_the_reason_and_the_evidence() -> None:
    found = decide(0.4, samples=replace(SAMPLES, closeness=0.5))
    assert found.reason == (
        "40 % of the way to the exact denoiser of the training items are gone at σ/α = 0.1"
        " (which tells them from held-out ones with area 0.95): 25 % or more"
    )
    error = Rule().allowance(1) / 3 / 2
    half = 0.1 / stats.t.ppf(0.975, 99)
    expected = {"perfection": 0.4, "perfection_bound": 0.4 - stats.t.isf(error, 99) * half, "ratio": 0.1}
    expected |= {"onset": 0.25, "membership": 0.95}
    assert {name: found.evidence[name] for name in expected} == pytest.approx(expected)
    assert decide(-0.2).reason.startswith("0 % of the way")
    assert decide(0.2).reason.endswith(": less than 25 %")
    assert "70 %" in decide(samples=SAMPLES).reason


@pytest.mark.parametrize("values", [(0.0, 50, 0.9), (1.0, 50, 0.9), (0.05, 0, 0.9), (0.05, 50, 0.0), (0.05, 50, 1.0)])
def test_rules_that_are_none(values: tuple[float, int, float]) -> None:
    with pytest.raises(InputError):
        Rule(*values)
