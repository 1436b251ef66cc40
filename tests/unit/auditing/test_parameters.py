"""The numbers after a colon are within the bounds that their words say, at both ends."""

import re

import pytest

from mnemoscope.auditing.parameters import Parameter
from mnemoscope.auditing.planted import KINDS
from mnemoscope.auditing.transformations import TRANSFORMATIONS

PARAMETERS = {
    **{name: family.parameter for name, family in TRANSFORMATIONS.items() if family.parameter},
    **{f"planted {name}": kind.parameter for name, kind in KINDS.items() if kind.parameter},
}


def ends(meaning: str) -> tuple[list[float], list[float]]:
    """Numbers just within and just beyond the bounds, read from the words."""
    if found := re.search(r" in \(0, ([\d.]+)\]$", meaning):
        most = float(found[1])
        return [1e-9, most], [0.0, -1.0, most * 1.001]
    found = re.search(r"whole.* from 1(?: to (\d+))?$", meaning)
    assert found, meaning
    most = float(found[1] or 1e6)
    return [1.0, 2.0, most], [0.0, 1.5, -1.0, *([most + 1] if found[1] else [])]


@pytest.mark.parametrize("name", PARAMETERS)
def test_bounds_are_those_that_are_said(name: str) -> None:
    parameter: Parameter = PARAMETERS[name]
    within, beyond = ends(parameter.meaning)
    assert all(map(parameter.allowed, [*within, parameter.default]))
    assert not any(map(parameter.allowed, beyond))
