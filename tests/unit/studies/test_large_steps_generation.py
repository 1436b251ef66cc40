"""Where two distances cross, in tables made by hand; the published points."""

import math

import numpy as np
import pandas as pd
import pytest

from mnemoscope.studies.large_steps.distances import crossing, mean_distances
from mnemoscope.studies.large_steps.published import FIG_3_POINTS
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


def test_the_published_points_are_a_tight_draw() -> None:
    """Below 98 % of 4,000 draws of N(0, 4I) in generalised variance, up to twice the standard error of such a share."""
    draws = 2 * np.random.default_rng(0).normal(size=(4000, 10, 2))
    variances = np.linalg.det(np.array([np.cov(draw.T) for draw in draws]))
    assert (variances > np.linalg.det(np.cov(np.array(FIG_3_POINTS).T))).mean() == pytest.approx(0.98, abs=0.007)


def test_the_mean_risk_of_a_learning_rate_is_missing_where_a_run_is() -> None:
    risks = pd.DataFrame({"learning_rate": [0.5, 0.1, 0.1], "excess_risk": [3.0, 1.0, 2.0]})
    assert mean_risks(risks).tolist() == [1.5, 3.0]
    assert math.isnan(mean_risks(risks.assign(excess_risk=[3.0, 1.0, math.nan]))[0])
