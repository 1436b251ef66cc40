"""Deep residual networks become neural ODEs (Marion, Wu, Sander & Biau, ICLR 2024, arXiv 2309.01213).

Trained with steps proportional to the depth, the weights of a residual network that start smooth along the depth stay
so, and the network converges to an ODE; where σ has a kink, or the start is random, it does not. This study measures
the rates, repeats the counter-example, asks trained convolutional networks whether they are smooth, and asks residual
score networks whether depth or start changes what they memorize.

``paper`` runs the source's iterations, ``quick`` fewer, on shallower networks and fewer samples.
"""

from mnemoscope.studies.deep_limits.counter_example import CounterExample
from mnemoscope.studies.deep_limits.depth import Depth
from mnemoscope.studies.deep_limits.design import SmoothnessDesign
from mnemoscope.studies.deep_limits.long_run import LongRun
from mnemoscope.studies.deep_limits.ode import Ode
from mnemoscope.studies.deep_limits.scores import Scores
from mnemoscope.studies.deep_limits.smoothness import Cifar10, FashionMnist
from mnemoscope.studies.study import Study

__all__ = ["DeepLimits"]


class DeepLimits(Study):
    """Study B of the literature."""

    name = "deep-limits"
    title = "Deep residual networks become neural ODEs, and where they do not"
    # The longest first, so that no worker is left alone with one at the end.
    experiments = (Depth, LongRun, FashionMnist, Cifar10, SmoothnessDesign, Scores, Ode, CounterExample)
