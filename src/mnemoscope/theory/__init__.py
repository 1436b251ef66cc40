"""Predictions that need no training: precise learning curves of random-feature scores.

Imports processes only, so that prediction and experiment meet in studies and tests alone.
"""

from mnemoscope.theory.activations import Activation, activation_names
from mnemoscope.theory.learning_curves import learning_curve
from mnemoscope.theory.spectrum import data_spectrum

__all__ = ["Activation", "activation_names", "data_spectrum", "learning_curve"]
