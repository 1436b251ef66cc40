"""Deep residual networks become neural ODEs (Marion, Wu, Sander & Biau, ICLR 2024, arXiv 2309.01213).

Trained with steps proportional to the depth, the weights of a residual network that start smooth along the depth stay
so, and the network converges to an ODE; where σ has a kink, or the start is random, it does not. This study measures
the rates, repeats the counter-example, asks trained convolutional networks whether they are smooth, and asks residual
score networks whether depth or start changes what they memorize.
"""

from mnemoscope.studies.deep_limits.study import DeepLimits

__all__ = ["DeepLimits"]
