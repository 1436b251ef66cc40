"""Which networks stand in which figure, and where two distances cross: tables made by hand."""

import math

import pandas as pd
import pytest

from mnemoscope.studies.large_steps.generation_plots import (
    crossing,
    mean_distances,
    of_two_dimensions,
    sharing_the_step,
)
from mnemoscope.studies.large_steps.risk import mean_risks


def test_the_crossing_is_interpolated_in_log_eta() -> None:
    found = pd.DataFrame(
        {
            "learning_rate": [0.01, 0.1, 0.1, 1.0],
            "mmd_optimal": [0.0, 0, 0.2, 0.3],
            "mmd_gaussian": [0.4, 0.2, 0.2, 0.2],
        }
    )
    assert crossing(mean_distances(found, "learning_rate")) == pytest.approx(math.sqrt(0.1))
    assert math.isnan(crossing(mean_distances(found.assign(mmd_optimal=1.0), "learning_rate")))
    diverged = found.assign(mmd_gaussian=[0.4, 0.2, math.nan, 0.2])
    assert mean_distances(diverged, "learning_rate").mmd_gaussian.isna().tolist() == [False, True, False]


def test_networks_of_the_two_figures_are_told_apart() -> None:
    rates = {"dim": [2, 5, 2, 2], "learning_rate": [1.0, 0.5, 0.5, 0.5], "seed": [0, 0, 1, 0]}
    found = pd.DataFrame({**rates, "steps": 20, "copies": range(4)})
    assert of_two_dimensions(found).copies.tolist() == [3, 2, 0]
    assert sharing_the_step(found).copies.tolist() == [3, 2, 1]
    longer = found.assign(steps=[20, 20, 30, 20])
    assert sharing_the_step(longer).copies.tolist() == [3, 1]


def test_the_mean_risk_of_a_learning_rate_is_missing_where_a_run_is() -> None:
    risks = pd.DataFrame({"learning_rate": [0.5, 0.1, 0.1], "excess_risk": [3.0, 1.0, 2.0]})
    assert mean_risks(risks).tolist() == [1.5, 3.0]
    assert math.isnan(mean_risks(risks.assign(excess_risk=[3.0, 1.0, math.nan]))[0])
