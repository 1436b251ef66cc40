"""Every argument of an audit and of its measures matters: another value, another result; the same value, the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnemoscope.auditing import audit
from mnemoscope.auditing.measures import (
    AbsoluteDistance,
    Authenticity,
    CalibratedDistance,
    CalibratedDistanceFromTrain,
    CosineDistance,
    DataCopyingTest,
    DistanceRatio,
    FeatureLikelihood,
    Measure,
    TiledDistance,
    WholeSetStatistic,
)
from mnemoscope.data import Dataset
from mnemoscope.errors import InputError
from tests.unit.auditing import audited
from tests.unit.auditing.measures.searches import search_for

RNG = np.random.default_rng(21)
TRAIN, HOLDOUT, SAMPLES = (RNG.normal(size=(n, 8, 8)) for n in (150, 120, 70))
SAMPLES[:20] = TRAIN[:20] + 0.3 * RNG.normal(size=(20, 8, 8))

SETTINGS: list[tuple[type[Measure], str, Any]] = [
    (DistanceRatio, "threshold", 0.25),
    (AbsoluteDistance, "threshold", 0.3),
    (CalibratedDistance, "threshold", 0.45),
    (CalibratedDistance, "neighbours", 7),
    (CalibratedDistance, "share", 0.3),
    (CalibratedDistanceFromTrain, "threshold", 0.45),
    (CalibratedDistanceFromTrain, "neighbours", 7),
    (CalibratedDistanceFromTrain, "share", 0.3),
    (Authenticity, "threshold", 0.3),
    (TiledDistance, "threshold", 0.3),
    (TiledDistance, "grid", 2),
]


@pytest.mark.parametrize(("kind", "name", "value"), SETTINGS, ids=lambda x: getattr(x, "name", str(x)))
def test_of_a_measure(kind: type[Measure], name: str, value: Any) -> None:
    """A threshold moves flags and not scores, every other setting the scores; the rule says it."""
    search = search_for(SAMPLES, TRAIN)
    usual, again, other = kind(), kind(), kind(**{name: value})
    np.testing.assert_array_equal(usual.scores(search), again.scores(search))
    assert usual.scores(search_for(TRAIN[:1], TRAIN, span=0.0)).tolist() == [0]  # a copy, whatever the unit
    same = np.array_equal(usual.scores(search), other.scores(search))
    assert same is (name == "threshold")
    assert usual.rule(search.geometry) != other.rule(search.geometry)
    if name == "threshold":
        scores = usual.scores(search)
        between = float(np.sort(scores)[10:12].mean())
        flags = kind(**{name: between}).flags(search)
        np.testing.assert_array_equal(flags, scores < between)
        assert flags.sum() == 11


def test_of_the_cosine() -> None:
    """1 − cos, item by item, and its threshold."""
    train, items = (rows / np.linalg.norm(rows, axis=1)[:, None] for rows in (TRAIN[:, 0], SAMPLES[:, 0]))
    search = search_for(items, train)
    slow = np.array([min(1 - float(a @ b) for b in train) for a in items])
    np.testing.assert_allclose(CosineDistance().scores(search), slow, atol=1e-12)
    np.testing.assert_array_equal(CosineDistance(threshold=0.2).flags(search), slow < 0.2)
    assert "> 0.8" in CosineDistance(threshold=0.2).rule(search.geometry)


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (DataCopyingTest, {"cells": 2, "fewest": 2}),
        (FeatureLikelihood, {"components": 52, "iterations": 1}),
    ],
)
def test_of_a_statistic(kind: type[WholeSetStatistic], settings: dict[str, int]) -> None:
    """And of its generator, which makes the cells or chooses the samples."""

    def value(seed: int = 0, **changes: int) -> tuple[float, float | None, float | None]:
        found = kind(**changes).result(SAMPLES, TRAIN, HOLDOUT, np.random.default_rng(seed))
        return found.value, found.null, found.spread

    assert value() == value()
    assert value(seed=1) != value()
    for name, setting in settings.items():
        assert value(**{name: setting}) != value(), name


CHANGES: dict[str, Any] = {
    "holdout": None,
    "measures": ("absolute-distance",),
    "features": "pca:4",
    "transformations": ("flips",),
    "classes": list(np.arange(320) % 2),
    "groups": [f"g{i // 2}" for i in range(200)] + [f"h{i // 2}" for i in range(120)],
    "private": True,
    "seed": 1,
}


def test_of_an_audit(tmp_path: Path) -> None:
    """All but the resolution, which ``test_verdict.py`` has: it matters where there are no copies."""
    train, samples, holdout = (
        Dataset(audited.sets()[part].array[:n], "set", (0, 16)) for part, n in ((1, 200), (0, 80), (2, 120))
    )

    def report(**changes: Any) -> dict[str, Any]:
        found = audit(samples, train, **({"holdout": holdout} | changes)).to_dict()
        settings = {name: found["provenance"].pop(name, None) for name in ("data", "version", *CHANGES)}
        assert settings["version"]
        return found | {"provenance": None}

    usual = report()
    assert report() == usual
    for name, value in CHANGES.items():
        assert report(**{name: value}) != usual, name
    assert report(cache=tmp_path / "cache") == usual
    repeats = [report(holdout=None, repeats=repeats)["readings"][0]["repeats"] for repeats in ("law", "made")]
    assert repeats == ["law", "made"]


def test_the_way_of_searching_is_asked_for() -> None:
    with pytest.raises(InputError, match="approximate: unknown name 'fast'"):
        audit(SAMPLES, TRAIN, approximate="fast")
