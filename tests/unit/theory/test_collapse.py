"""The share of copies against the flow it is derived from, solved numerically."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.stats import chi2

from mnemoscope.errors import InputError
from mnemoscope.theory import copy_share
from tests.tolerances import EXACT

positive = st.floats(1e-6, 1e3)


@pytest.mark.parametrize("c", [1e-5, 1e-4, 1e-2])
def test_the_share_is_that_of_the_flow_to_a_single_point(c: float) -> None:
    """dx/dσ = σ x/(σ² + c) down from σ = 100, where x = σ z: what is left of |z| decides who is within 0.01."""
    flow = solve_ivp(lambda sigma, x: sigma * x / (sigma**2 + c), (100.0, 0.0), [100.0], rtol=1e-10, atol=1e-14)
    left = flow.y[0, -1]
    assert float(copy_share(c, 0.01)) == pytest.approx(chi2.cdf((0.01 / left) ** 2, 2), rel=1e-4)


@given(c=positive, distance=positive, scale=st.floats(0.1, 10))
def test_the_share_has_no_unit_and_falls_with_the_penalty(c: float, distance: float, scale: float) -> None:
    share = float(copy_share(c, distance))
    assert 0 < share <= 1
    assert float(copy_share(scale**2 * c, scale * distance)) == pytest.approx(share, rel=EXACT)
    assert float(copy_share(2 * c, distance)) <= share <= float(copy_share(c, 2 * distance))


def test_the_share_has_the_shape_of_the_penalties() -> None:
    assert copy_share(np.full((2, 3), 1e-4), 0.01) == pytest.approx(np.full((2, 3), 1 - math.exp(-0.5)))


@pytest.mark.parametrize(("c", "distance", "name"), [(0.0, 1.0, "c"), ([1.0, math.nan], 1.0, "c"), (1.0, -1.0, "dist")])
def test_what_has_no_share_is_refused_by_name(c: float, distance: float, name: str) -> None:
    with pytest.raises(InputError, match=f"^{name}"):
        copy_share(c, distance)
