"""Two-layer networks in the mean-field scaling, trained many at a time (Wu, Marion, Biau & Boyer, arXiv 2502.03435)."""

from mnemoscope.mean_field.batch import TwoLayerBatch
from mnemoscope.mean_field.descent import Descent, Draw, denoising_draws, stochastic_descent

__all__ = ["Descent", "Draw", "TwoLayerBatch", "denoising_draws", "stochastic_descent"]
