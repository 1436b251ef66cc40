"""Large learning rates prevent memorization (Wu, Marion, Biau & Boyer, COLT 2025, arXiv 2502.03435).

The optimal score of few data is irregular, but minima at which SGD with a large step is stable are regular: with a
large η the optimal score, and with it the copies of the training data, cannot be learned. This study checks every bound
of the theory (``mnemoscope.theory.large_steps``), repeats the paper's experiments, and adds what they do not show:
sharpness, irregularity against its bound, memorized fractions with their null, and real images.

    Theorems           the theorems on data of a given separation and on networks of low and of any risk
    Stability          networks trained by exact full-batch descent: sharpness, irregularity, the bounds
    Risk               networks trained by SGD to the score at one time: their excess risk (Fig. 1 and 2 of the paper)
    StepSizes          networks with the time as an input, trained by SGD: their samples against η (Fig. 3)
    Dimensions         the same against the dimension (Fig. 4)
    IndependentDraws   the same beyond the one draw of the data that Fig. 3 has: distances and copies
    ImageCopies        networks trained on real images by SGD or Adam: copies among their samples

A network that diverges is a result like any other: ``diverged`` holds the step (0 for none), its measurements are NaN.
``paper`` keeps the published widths, learning rates and steps wherever two cores can afford them; what it leaves out is
said in docs/results/large-steps.
"""

from mnemoscope.studies.large_steps.dimensions import Dimensions
from mnemoscope.studies.large_steps.image_copies import ImageCopies
from mnemoscope.studies.large_steps.independent_draws import IndependentDraws
from mnemoscope.studies.large_steps.risk import Risk
from mnemoscope.studies.large_steps.stability import Stability
from mnemoscope.studies.large_steps.step_sizes import StepSizes
from mnemoscope.studies.large_steps.theorems import Theorems
from mnemoscope.studies.study import Study

__all__ = ["LargeSteps"]


class LargeSteps(Study):
    """Study A of the literature."""

    name = "large-steps"
    title = "Large learning rates prevent memorization: theorems, sharpness, samples, images"
    experiments = (Theorems, Stability, Risk, StepSizes, Dimensions, IndependentDraws, ImageCopies)
