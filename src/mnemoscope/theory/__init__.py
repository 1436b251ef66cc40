"""Predictions that need no training: precise learning curves of random-feature scores.

The chain is: ``activations`` and ``data_spectrum`` give the constants, ``grid`` lays them out over the values of the
settings, ``fixed_point`` states the equations and ``solver`` solves them; losses, training time, spectra, phases
and predictions read their answers off the solution. ``large_steps`` is a theory of its own: why large learning
rates prevent memorization; ``depth`` holds what is known of deep residual networks, ``collapse`` what a
regularized score leaves of copies. Imports processes only, so that prediction and experiment meet in studies and
tests alone.
"""

from mnemoscope.theory.activations import Activation, activation_names
from mnemoscope.theory.collapse import copy_share
from mnemoscope.theory.data_spectrum import data_spectrum
from mnemoscope.theory.depth import (
    Rate,
    alternating_limit,
    euler_error_bound,
    exponential_rate,
    initial_polyak_lojasiewicz,
    power_law,
)
from mnemoscope.theory.early_stopping import early_stopping
from mnemoscope.theory.feature_spectrum import FeatureSpectrum, feature_spectrum, spectral_density
from mnemoscope.theory.grid import ModelSettings, Settings
from mnemoscope.theory.learning_curves import learning_curve
from mnemoscope.theory.phases import memorization_share, phase_diagram
from mnemoscope.theory.prediction import Losses, Prediction, predict
from mnemoscope.theory.training_time import training_curve

__all__ = [
    "Activation",
    "FeatureSpectrum",
    "Losses",
    "ModelSettings",
    "Prediction",
    "Rate",
    "Settings",
    "activation_names",
    "alternating_limit",
    "copy_share",
    "data_spectrum",
    "early_stopping",
    "euler_error_bound",
    "exponential_rate",
    "feature_spectrum",
    "initial_polyak_lojasiewicz",
    "learning_curve",
    "memorization_share",
    "phase_diagram",
    "power_law",
    "predict",
    "spectral_density",
    "training_curve",
]
