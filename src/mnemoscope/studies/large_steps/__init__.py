"""Large learning rates prevent memorization (Wu, Marion, Biau & Boyer, COLT 2025, arXiv 2502.03435).

The optimal score of few data is irregular, but minima at which SGD with a large step is stable are regular: with a
large η the optimal score, and with it the copies of the training data, cannot be learned. This study checks every bound
of the theory (``mnemoscope.theory.large_steps``), repeats the paper's experiments, and adds what they do not show:
sharpness, irregularity against its bound, memorized fractions with their null, and real images.
"""

from mnemoscope.studies.large_steps.study import LargeSteps

__all__ = ["LargeSteps"]
