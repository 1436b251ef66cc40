"""The law of onsets: fitted where it is known, with intervals that hold what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemoscope.monitoring.advice import power_law
from mnemoscope.monitoring.advice.power_law import Onset, fit_power_law

SIZES = (16, 32, 64)


def onsets(exponent: float, spread: float, rng: np.random.Generator, last: float = math.inf) -> list[Onset]:
    found = []
    for n in SIZES:
        for seed in range(3):
            step = 20 * n**exponent * math.exp(spread * rng.standard_normal())
            found.append(Onset(n, seed, step if step <= last else None, round(min(step, last))))
    return found


@given(exponent=st.floats(0.2, 2), scale=st.floats(0.1, 100))
def test_without_noise_the_law_is_found(exponent: float, scale: float) -> None:
    exact = [Onset(n, seed, scale * n**exponent, 10**6) for n in SIZES for seed in range(2)]
    law = fit_power_law(exact)
    assert law is not None
    assert law.exponent == pytest.approx(exponent, abs=1e-3)
    assert law.predict(256).step == pytest.approx(scale * 256**exponent, rel=1e-2)
    assert law.predict(32).interval[0] < scale * 32**exponent < law.predict(32).interval[1]


def test_without_censoring_it_is_least_squares() -> None:
    """Against textbook formulas, the bend left out."""
    found = onsets(1.1, 0.2, np.random.default_rng(3))
    law = fit_power_law(found)
    assert law is not None
    x, y = np.log([each.n for each in found]), np.log([each.step for each in found])
    slope, level = np.polyfit(x, y, 1)
    sd = math.sqrt(np.sum((y - slope * x - level) ** 2) / 7)
    at, t = math.log(50), 2.364624
    half = t * sd * math.sqrt(1 + 1 / 9 + (at - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2))
    low, high = law.predict(50).interval
    assert law.exponent == pytest.approx(slope, abs=1e-4)
    assert law.spread == pytest.approx(sd, rel=1e-3)
    assert (math.log(low), math.log(high)) == pytest.approx(
        (slope * at + level - half, slope * at + level + half), abs=2e-3
    )
    assert law.probability(50, round(high)) == pytest.approx(0.975, abs=1e-3)
    assert law.probability(50, round(low)) == pytest.approx(0.025, abs=1e-3)


@pytest.mark.statistical
@pytest.mark.parametrize("last", [math.inf, 900])
def test_coverage(last: float) -> None:
    """100 probes; 95 % promised, so fewer than 88 twice in a thousand. Beyond 900 steps nothing is seen."""
    rng, inside = np.random.default_rng(5), 0
    for _ in range(100):
        law = fit_power_law(onsets(1.0, 0.25, rng, last))
        assert law is not None
        low, high = law.predict(128).interval
        exponent = 1 + power_law.BEND * rng.standard_normal()
        inside += low <= 20 * 64 * 2**exponent * math.exp(0.25 * rng.standard_normal()) <= high
    assert inside >= 88


def test_leaving_out_what_was_not_seen_would_be_wrong() -> None:
    """Of the largest size only the early trainings are seen: the fit knows that there are others."""
    rng, with_all, without = np.random.default_rng(7), [], []
    for _ in range(30):
        found = onsets(1.0, 0.4, rng, last=1000)
        law, biased = fit_power_law(found), fit_power_law([each for each in found if each.step is not None])
        if law is not None and biased is not None:
            with_all.append(law.exponent)
            without.append(biased.exponent)
    assert np.mean(without) < 0.9 < np.mean(with_all) < 1.15


def test_items_for_a_number_of_steps() -> None:
    law = fit_power_law(onsets(1.2, 0.05, np.random.default_rng(0)))
    assert law is not None
    n = law.items_for(5000)
    assert n is not None
    assert law.predict(n).interval[0] >= 5000 > law.predict(round(0.99 * n)).interval[0]
    assert fit_power_law(onsets(0.0, 0.3, np.random.default_rng(0))).items_for(10**6) is None


def test_too_few_onsets_are_no_law() -> None:
    seen = [Onset(16, seed, 100.0, 100) for seed in range(5)]
    assert fit_power_law(seen) is None
    assert fit_power_law([*seen, Onset(32, 0, None, 500)]) is None
    assert fit_power_law([*seen[:2], Onset(32, 0, 300.0, 300)]) is None
    assert fit_power_law([*seen, Onset(32, 0, 300.0, 300)]) is not None
