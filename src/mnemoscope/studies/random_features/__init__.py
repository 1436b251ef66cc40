"""Precise learning curves of random-feature scores against simulation (George, Veiga & Macris, arXiv 2502.00336).

A score model whose first layer is random and fixed is solved exactly in the limit of many dimensions
(``mnemoscope.theory``). Below as many features as samples it generalizes; beyond, it memorizes, the more so the
more noise draws it sees. This study trains finite models and holds them against that theory, on Gaussian data and
on real images, and counts copies among the samples of such models.
"""

from mnemoscope.studies.random_features.study import RandomFeatures

__all__ = ["RandomFeatures"]
