"""Memorization and regularization: where the exact score leads, and what stops it (Baptista et al., arXiv 2501.15785).

The score that fits a data set exactly returns its points. This study follows it there, counts how many samples end on
a training point under each regularization, and holds the counts against the source; then it asks on real images what
each regularization costs in quality.
"""

from mnemoscope.studies.regularization.study import Regularization

__all__ = ["Regularization"]
