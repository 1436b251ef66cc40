"""Rounding of dot products in single precision, in whatever order they are summed (Higham 2002, eq. 3.5)."""

import math

UNIT = 2.0**-24
"""The unit roundoff u of single precision."""

SMALLEST = 2.0**-126
"""What is smaller may be rounded to zero."""


def gamma(terms: int) -> float:
    """γ_k = ku/(1 − ku): a dot product of k terms is off by at most γ_k Σ|x_i y_i|; infinite beyond 1/u."""
    return terms * UNIT / (1 - terms * UNIT) if terms * UNIT < 1 else math.inf
