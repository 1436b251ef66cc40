"""Precise learning curves of random-feature scores against simulation (George, Veiga & Macris, arXiv 2502.00336).

A score model whose first layer is random and fixed is solved exactly in the limit of many dimensions
(``mnemoscope.theory``). Below as many features as samples it generalizes; beyond, it memorizes, the more so the
more noise draws it sees. This study trains finite models and holds them against that theory, on Gaussian data and
on real images, and counts copies among the samples of such models and of U-Nets.

Theory and simulation are at the same m, so that they differ by their size only. For m = ∞ a finite model is trained on
the exact expectation over the noise.

``paper`` differs from ``quick`` in size: dimensions up to 400 instead of 200, the learning curves at the source's
ψ_n = 20 instead of 4, more seeds. The U-Net of ``quick`` is trained on 8 digits for 200 steps at two widths, a minute
of computing; that of ``paper`` on 16 digits, as many as the random features have, for 1,500 steps at three widths.
"""

from mnemoscope.studies.random_features.copies import Copies
from mnemoscope.studies.random_features.curve import Curve
from mnemoscope.studies.random_features.curve_limit import CurveLimit
from mnemoscope.studies.random_features.image_theory import ImageTheory
from mnemoscope.studies.random_features.size import Size
from mnemoscope.studies.random_features.spectrum import Spectrum
from mnemoscope.studies.random_features.training_time import TrainingTime
from mnemoscope.studies.random_features.unet import UNet
from mnemoscope.studies.study import Study

__all__ = ["RandomFeatures"]


class RandomFeatures(Study):
    """Study C of the literature: theory lines, simulation dots."""

    name = "random-features"
    title = "Precise learning curves of random-feature scores, and where they memorize"
    experiments = (Curve, CurveLimit, Size, TrainingTime, Spectrum, ImageTheory, Copies, UNet)
