"""Samplers: time grids, one step of each solver, and one loop that takes any score and any process."""

from mnemoscope.sampling.grids import ratio_grid
from mnemoscope.sampling.sample import SOLVERS, sample
from mnemoscope.sampling.steps import ancestral_step, heun_step

__all__ = ["SOLVERS", "ancestral_step", "heun_step", "ratio_grid", "sample"]
