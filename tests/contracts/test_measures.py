"""The measures satisfy their contract."""

import pytest

from mnemoscope.auditing.measures import MEASURES, Measure
from mnemoscope.testing import MeasureContract

CHECKS = [name for name in dir(MeasureContract) if name.startswith("test_")]


def contract_of(name: str) -> MeasureContract:
    class OfMeasure(MeasureContract):
        unit_length = name == "cosine"

        def measure(self) -> Measure:
            return MEASURES[name]()

    return OfMeasure()


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", MEASURES)
def test_every_measure(name: str, check: str) -> None:
    getattr(contract_of(name), check)()
