"""Memorization and regularization: where the exact score leads, and what stops it (Baptista et al., arXiv 2501.15785).

The score that fits a data set exactly returns its points. This study follows it there, counts how many samples end on
a training point under each regularization, and holds the counts against the source; then it asks on real images what
each regularization costs in quality.

``paper`` differs from ``quick`` in the training: 100,000 epochs of the plain network instead of 20,000 and 50,000 of
its variants, so that the claims on training speak of the first 20,000 epochs under ``quick``; in the number of seeds;
and in the networks trained on real images, which ``quick`` trains on digits only.
"""

from mnemoscope.studies.regularization.collapse import Collapse
from mnemoscope.studies.regularization.image_copies import ImageCopies
from mnemoscope.studies.regularization.network import Network
from mnemoscope.studies.regularization.path import Path
from mnemoscope.studies.regularization.symmetric import Symmetric
from mnemoscope.studies.regularization.two_pictures import TwoPictures, TwoPicturesNetwork
from mnemoscope.studies.study import Study

__all__ = ["Regularization"]


class Regularization(Study):
    """Study D of the literature: memorization in closed form, in training, and what stops it."""

    name = "regularization"
    title = "Memorization and regularization: where the exact score leads, and what keeps samples off the training set"
    experiments = (Path, Symmetric, Collapse, Network, TwoPictures, TwoPicturesNetwork, ImageCopies)
