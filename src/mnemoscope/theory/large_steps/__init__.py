"""Why large learning rates prevent memorization: the theory of Wu, Marion, Biau & Boyer (COLT 2025, arXiv 2502.03435).

The optimal score of one-dimensional data in closed form (``NoisedPoints``), risks by quadrature and by Monte Carlo, the
irregularity TV_π of a smooth function and of a ReLU network, and every bound of the paper with its conditions.
"""

from mnemoscope.theory.large_steps.bounds import (
    Bound,
    excess_risk_bound,
    learned_irregularity_bound,
    midpoint_variance_bound,
    optimal_irregularity_bound,
    optimal_risk_bound,
    posterior_mean_bound,
    posterior_variance_bound,
    stable_irregularity_bound,
)
from mnemoscope.theory.large_steps.descent import full_batch_descent
from mnemoscope.theory.large_steps.irregularity import relu_irregularity, smooth_irregularity, weight
from mnemoscope.theory.large_steps.noised import NoisedPoints
from mnemoscope.theory.large_steps.quadrature import (
    Estimate,
    excess_risk,
    expectation,
    monte_carlo_risk,
    optimal_risk,
    risk,
)
from mnemoscope.theory.large_steps.relu import Neurons, check_neurons, interpolate, relu_risk, relu_risk_gradient

__all__ = [
    "Bound",
    "Estimate",
    "Neurons",
    "NoisedPoints",
    "check_neurons",
    "excess_risk",
    "excess_risk_bound",
    "expectation",
    "full_batch_descent",
    "interpolate",
    "learned_irregularity_bound",
    "midpoint_variance_bound",
    "monte_carlo_risk",
    "optimal_irregularity_bound",
    "optimal_risk",
    "optimal_risk_bound",
    "posterior_mean_bound",
    "posterior_variance_bound",
    "relu_irregularity",
    "relu_risk",
    "relu_risk_gradient",
    "risk",
    "smooth_irregularity",
    "stable_irregularity_bound",
    "weight",
]
