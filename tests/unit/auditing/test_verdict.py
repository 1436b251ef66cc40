"""What the verdict may claim: no more than its rule sees, and nothing green on samples that cannot be data."""

from pathlib import Path

import numpy as np
import pytest

from mnemoscope.auditing import AbsoluteDistance, DistanceRatio, audit
from mnemoscope.auditing.checks import unlike
from mnemoscope.data import Dataset, load_digits

TRAIN, HOLDOUT = load_digits().split(500, seed=0)
HONEST, NULL = HOLDOUT.take(np.arange(200)), HOLDOUT.take(np.arange(200, 500))


def made(array: np.ndarray) -> Dataset:
    return Dataset(array, "made", TRAIN.value_range)


@pytest.mark.parametrize("measure", [DistanceRatio(), AbsoluteDistance()])
def test_an_excess_is_excluded_only_for_what_the_rule_sees(measure: DistanceRatio | AbsoluteDistance) -> None:
    report = audit(HONEST, TRAIN, holdout=NULL, measures=[measure])
    assert report.tone == "clear"
    assert report.verdict.endswith(f" is excluded for the copies that {measure.name} sees, and for no others.")


@pytest.mark.parametrize("samples", [HONEST, TRAIN.take(np.arange(200))], ids=["honest", "copies"])
def test_blind_spots_stand_beside_the_verdict(samples: Dataset, tmp_path: Path) -> None:
    report = audit(samples, TRAIN, holdout=NULL)
    report.to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    box = page[page.index('<div class="verdict') : page.index("</div>")]
    for text in (report.verdict, "What this cannot see", *report.blind_spots):
        assert text in box
        assert text not in page.replace(box, "")
    assert report.blind_spots == report.limits[1:]


UNLIKE = {
    "one item that is no copy": (np.repeat(HONEST.array[:1], 100, axis=0), ["every sample is the same item"]),
    "one training item": (np.repeat(TRAIN.array[3:4], 100, axis=0), ["every sample is the same item"]),
    "all black": (
        np.zeros((100, 8, 8)),
        ["every sample is the same item", "every sample has one value throughout"],
    ),
    "flat greys": (
        np.repeat(np.linspace(0, 16, 100), 64).reshape(100, 8, 8),
        ["every sample has one value throughout"],
    ),
    "the training set": (TRAIN.array.astype(np.float32), ["they are the training set, row by row"]),
}


@pytest.mark.parametrize(("samples", "reasons"), UNLIKE.values(), ids=UNLIKE.keys())
@pytest.mark.parametrize("held_out", [True, False])
def test_samples_that_cannot_be_data_are_named_and_never_green(
    samples: np.ndarray, reasons: list[str], held_out: bool, tmp_path: Path
) -> None:
    report = audit(made(samples), TRAIN, holdout=NULL if held_out else None)
    assert list(report.unlike) == reasons
    for reason in reasons:
        assert f"these samples are not like the data: {reason}" in report.warnings
        assert reason in report.verdict
    assert report.tone != "clear"
    assert not report.verdict.startswith("No memorization")
    report.to_html(tmp_path / "report.html")
    assert 'class="verdict fine"' not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_samples_that_can_be_data_are_not_named() -> None:
    copies, almost = TRAIN.take(np.arange(200)), np.repeat(HONEST.array[:1], 100, axis=0)
    almost[99, 0, 0] += 1
    one_flat = np.concatenate([np.zeros((99, 8, 8)), HONEST.array[:1]])
    for samples in (HONEST.array, copies.array, TRAIN.array[::-1], almost, one_flat):
        assert audit(made(samples), TRAIN, holdout=NULL).unlike == ()
    column = Dataset(np.arange(50.0)[:, None], "one column")  # one value throughout is all that an item can have
    assert unlike(column, column, copies_in_order=False) == ()
