"""Contract tests: what a process, a score or a measure of your own must satisfy to work with the rest.

A contract is a class of tests. Subclass it under a name that pytest collects and say what is tested:

    class TestMine(ProcessContract):
        def process(self):
            return Mine()

The library runs the same classes on its own processes, scores and measures. Every check is a plain method with
assertions, so that other runners, or a line in a notebook, can call it as well.
"""

from mnemoscope.testing.measures import MeasureContract
from mnemoscope.testing.processes import ProcessContract
from mnemoscope.testing.scores import ScoreContract

__all__ = ["MeasureContract", "ProcessContract", "ScoreContract"]
