import math
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb

from mnemoscope.errors import InputError
from mnemoscope.pages.figures import FIGURE_COLOURS
from mnemoscope.studies import STUDIES, Claim, Study, load_study
from mnemoscope.studies.figures import THEMES, style
from mnemoscope.studies.findings import claim_texts


def claim(**changes: Any) -> Claim:
    return Claim(**{"name": "c", "statement": "s", "source": "p", "measured": 1.0, "tolerance": (0.0, 2.0), **changes})


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({}, True),
        ({"measured": 2.0}, True),
        ({"measured": 2.0001}, False),
        ({"tolerance": (None, 0.9)}, False),
        ({"tolerance": (None, 1.1)}, True),
        ({"tolerance": (1.1, None)}, False),
        ({"tolerance": (0.9, None)}, True),
        ({"published": 1.5, "tolerance": 0.5}, True),
        ({"published": 1.5, "tolerance": 0.4}, False),
        ({"published": 0.5, "tolerance": 0.4}, False),
        ({"published": 9.0, "tolerance": (0.0, 2.0)}, True),
        ({"measured": math.nan, "tolerance": (None, None)}, False),
    ],
)
def test_holds_is_computed_from_measured_and_tolerance(changes: dict[str, Any], holds: bool) -> None:
    assert claim(**changes).holds is holds
    with pytest.raises(AttributeError):
        claim(**changes).holds = not holds  # type: ignore[misc]


@pytest.mark.parametrize("changes", [{"tolerance": 0.1}, {"tolerance": -0.1, "published": 1.0}, {"tolerance": (2, 1)}])
def test_a_claim_that_nothing_can_meet_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="claim c: tolerance"):
        claim(**changes)


def test_numbers_that_json_lacks_become_null() -> None:
    assert claim(measured=math.nan).to_json()["measured"] is None
    assert claim(tolerance=(None, 1.0)).to_json()["tolerance"] == [None, 1.0]
    assert claim(tolerance=(0.5, math.inf)).to_json()["tolerance"] == [0.5, None]


def test_tolerances_as_tables_show_them() -> None:
    assert claim_texts(claim(measured=1 / 3, published=0.5, tolerance=0.1)) == ("0.5", "0.3333", "± 0.1")
    assert claim_texts(claim(measured=math.nan)) == ("–", "–", "0 to 2")
    assert [claim_texts(claim(tolerance=t))[2] for t in ((None, 2.0), (1.0, None))] == ["≤ 2", "≥ 1"]


def test_every_registered_study_can_be_loaded() -> None:
    for name in STUDIES:
        study = load_study(name)
        assert isinstance(study, Study)
        assert study.name == name
        planned = study.plan("quick", 0)
        assert planned
        assert len({experiment.kind() for experiment in study.experiments}) == len(study.experiments)


def luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_text_and_the_first_curves_stand_out_from_the_paper(theme: str) -> None:
    paper, ink, _ = THEMES[theme]
    assert contrast(paper, ink) > 12
    assert min(contrast(paper, colour) for colour in FIGURE_COLOURS[:4]) > 2.8
    with mpl.rc_context(style(theme)):
        cycle = list(mpl.rcParams["axes.prop_cycle"])
    assert [entry["color"] for entry in cycle] == list(FIGURE_COLOURS)
    assert all(one["linestyle"] != two["linestyle"] for one, two in pairwise(cycle))
