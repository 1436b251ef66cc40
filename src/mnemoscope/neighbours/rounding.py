"""Rounding of dot products in single precision, in whatever order they are summed (Higham 2002, eq. 3.5)."""

UNIT = 2.0**-24
"""The unit roundoff u of single precision."""


def gamma(terms: int) -> float:
    """γ_k = ku/(1 − ku): a dot product of k terms is off by at most γ_k Σ|x_i y_i|."""
    return terms * UNIT / (1 - terms * UNIT)
