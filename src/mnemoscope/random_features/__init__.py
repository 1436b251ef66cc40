"""Random-feature scores: a fixed random first layer and a linear read-out, trained in closed form, one for each time.

George, Veiga & Macris, arXiv 2502.00336; their limit of many dimensions is in the theory.
"""

from mnemoscope.random_features.closed_form import (
    GradientFlow,
    Moments,
    collect_moments,
    gradient_descent,
    ridge_readout,
    stochastic_gradient_descent,
)
from mnemoscope.random_features.expectation import expected_moments, moments_of
from mnemoscope.random_features.fit import (
    RandomFeatureSpec,
    build_random_features,
    fit_random_features,
    standardization,
)
from mnemoscope.random_features.score import RandomFeatureGrid, RandomFeatureScore

__all__ = [
    "GradientFlow",
    "Moments",
    "RandomFeatureGrid",
    "RandomFeatureScore",
    "RandomFeatureSpec",
    "build_random_features",
    "collect_moments",
    "expected_moments",
    "fit_random_features",
    "gradient_descent",
    "moments_of",
    "ridge_readout",
    "standardization",
    "stochastic_gradient_descent",
]
