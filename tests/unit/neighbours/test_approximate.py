"""The approximate search: exact distances, a recall that is measured, and an error that names what is missing."""

import json
import sys

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from mnemoscope.auditing import audit, report_schema
from mnemoscope.errors import InputError, MissingExtraError
from mnemoscope.neighbours import approximate, nearest_neighbours
from mnemoscope.neighbours.approximate import ApproximateSearch

RNG = np.random.default_rng(3)
CENTRES = RNG.normal(scale=4, size=(30, 12))
DATA = (CENTRES[RNG.integers(30, size=3000)] + RNG.normal(size=(3000, 12))).astype(np.float32)
QUERIES = (CENTRES[RNG.integers(30, size=200)] + RNG.normal(size=(200, 12))).astype(np.float32)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approximate, "FEWEST_ROWS", 1000)


def test_without_faiss_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mnemoscope\[faiss\]'"):
        audit(QUERIES, DATA, approximate="faiss-ivf")


@pytest.mark.parametrize("wrong", [{"approximate": "fast"}, {"approximate": "faiss-ivf", "shards": "shards"}])
def test_what_does_not_go_together_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError, match="approximate"):
        audit(QUERIES, DATA, **wrong)  # type: ignore[arg-type]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("out", [False, True], ids=["all", "passed over"])
def test_what_is_found_has_its_exact_distance_and_the_recall_is_what_it_was(
    out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(approximate, "_CHECKED", len(QUERIES))
    queries, ignore, exclude = QUERIES, None, None
    if out:
        queries, exclude = DATA[:200], np.arange(200)
        ignore = np.arange(len(DATA)) % 7 == 3
    search = ApproximateSearch()
    found = search(queries, DATA, 5, ignore=ignore, exclude=exclude)
    exact = nearest_neighbours(queries, DATA, 5, ignore=ignore, exclude=exclude)
    lengths = np.linalg.norm(DATA[found.indices].astype(float) - queries[:, None].astype(float), axis=2)
    np.testing.assert_allclose(found.distances, lengths, rtol=1e-12)
    assert (np.diff(found.distances, axis=1) >= 0).all()
    assert (found.distances >= exact.distances).all()
    if out:
        assert not ignore[found.indices].any()
        assert (found.indices != exclude[:, None]).all()
    hits = np.mean([len(set(one) & set(other)) for one, other in zip(found.indices, exact.indices, strict=True)]) / 5
    recall = search.recall.to_dict()
    assert recall["recall"] == pytest.approx(hits)
    assert recall["recall_nearest"] == np.mean(found.indices[:, 0] == exact.indices[:, 0])
    assert recall["recall"] > 0.9
    # Fewer cells are looked at: the recall that is told falls with the recall.
    monkeypatch.setattr(approximate, "_LOOKED_AT", 10**6)
    less = ApproximateSearch()
    found = less(queries, DATA, 5, ignore=ignore, exclude=exclude)
    hits = np.mean([len(set(one) & set(other)) for one, other in zip(found.indices, exact.indices, strict=True)]) / 5
    assert less.recall.to_dict()["recall"] == pytest.approx(hits)
    assert hits < recall["recall"]


@pytest.mark.usefixtures("small")
def test_the_verdict_says_with_which_recall(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    samples = np.concatenate([DATA[:40] + np.float32(1e-3), QUERIES[:80]])
    report = audit(samples, DATA, holdout=QUERIES[80:], approximate="faiss-ivf")
    Draft202012Validator(report_schema()).validate(report.to_dict())
    found = report.to_dict()["provenance"]["approximate"]
    assert json.dumps(found)
    assert 0 < found["recall_nearest"] <= 1
    assert f"of {found['queries']:,} items that were also searched exactly" in report.verdict
    assert report.memorizes
    assert "approximate" not in audit(samples, DATA, holdout=QUERIES[80:]).to_dict()["provenance"]


def test_small_sets_are_searched_exactly() -> None:
    pytest.importorskip("faiss")
    report = audit(QUERIES, DATA, approximate="faiss-ivf")
    assert "searched exactly: there are too few" in report.verdict
