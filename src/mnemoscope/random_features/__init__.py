"""Random-feature scores: a fixed random first layer and a linear read-out, trained in closed form, one for each time.

George, Veiga & Macris, arXiv 2502.00336; ``mnemoscope.theory`` has their limit of many dimensions.
"""

from mnemoscope.random_features.closed_form import (
    GradientFlow,
    Moments,
    collect_moments,
    gradient_descent,
    ridge_readout,
    stochastic_gradient_descent,
)
from mnemoscope.random_features.score import RandomFeatureGrid, RandomFeatureScore

__all__ = [
    "GradientFlow",
    "Moments",
    "RandomFeatureGrid",
    "RandomFeatureScore",
    "collect_moments",
    "gradient_descent",
    "ridge_readout",
    "stochastic_gradient_descent",
]
