"""Scores in closed form: of a data set (exact, regularised, conditional) and of a law.

A score is any callable ``score(x, t)`` with x of shape ``(batch, *event)``; the classes here also know their process,
their event shape and their denoiser.
"""

from mnemoscope.scores.base import Score, ScoreFunction
from mnemoscope.scores.collapse import collapse_time
from mnemoscope.scores.conditional import condition_weights
from mnemoscope.scores.empirical import EmpiricalScore
from mnemoscope.scores.law import LawScore
from mnemoscope.scores.regularized import (
    EmpiricalBayesScore,
    KernelSmoothedScore,
    RegularizedScore,
    TemperedScore,
    TikhonovScore,
    make_regularized,
)

__all__ = [
    "EmpiricalBayesScore",
    "EmpiricalScore",
    "KernelSmoothedScore",
    "LawScore",
    "RegularizedScore",
    "Score",
    "ScoreFunction",
    "TemperedScore",
    "TikhonovScore",
    "collapse_time",
    "condition_weights",
    "make_regularized",
]
