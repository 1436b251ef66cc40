"""The test of the tests is tested too: its cases, its thresholds, and what it says where a tool is missing."""

import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.auditors import workers
from benchmarks.auditors.cases import GENERATORS, SETTINGS, Case, Spec, make, shares_of
from benchmarks.auditors.run import Repetitions, examine, plan
from benchmarks.auditors.score import Outcome, beaten, called, level_of_sets, rows
from benchmarks.auditors.table import render, summarize
from benchmarks.auditors.tools import NATIVE, Finding, numbers, ours, plain, searched

SIZE = 100
EFFORT = {"jobs": 2, "seconds": 60.0, "cpu_seconds": 90.0}
NOTHING = np.zeros(4, dtype=bool)


def identical(items: np.ndarray, train: np.ndarray) -> np.ndarray:
    known = {row.tobytes() for row in train}
    return np.array([row.tobytes() in known for row in items])


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_planted_case_has_its_share_of_copies_and_an_honest_one_has_none(setting):
    assert not make(Spec(setting), SIZE).is_copy.any()
    for kind in SETTINGS[setting].kinds:
        for share in shares_of(kind):
            case = make(Spec(setting, kind=kind, share=share), SIZE)
            assert case.is_copy.sum() == round(share * SIZE)
            assert case.generated.dtype == case.train.dtype
            assert len(case.train) == len(case.holdout) == len(case.generated) == SIZE


@pytest.mark.parametrize("setting", ["gaussian", "clusters", "duplicated", "images"])
def test_exact_copies_are_training_items_and_nothing_else_is(setting):
    case = make(Spec(setting, kind="exact", share=0.2), SIZE)
    np.testing.assert_array_equal(identical(case.generated, case.train), case.is_copy)
    assert not identical(case.holdout, case.train).any()


@pytest.mark.parametrize("generator", GENERATORS)
def test_wrong_generators_know_no_training_item(generator):
    for setting in ("gaussian", "images"):
        case = make(Spec(setting, generator), SIZE)
        assert not case.is_copy.any()
        assert not identical(case.generated, case.train).any()


def test_wrong_generators_are_wrong_as_they_say():
    honest, narrow, wide, blurred, selective = (
        make(Spec("gaussian", each), 1000).generated for each in ("honest", *GENERATORS)
    )
    for samples, spread in ((honest, 1), (narrow, 0.5), (wide, 1.5), (blurred, 3**-0.5)):
        np.testing.assert_allclose(samples.std(axis=0), spread, rtol=0.1)
    assert selective.mean() > honest.mean() + 0.3


def test_noise_is_as_large_as_it_says_and_leaves_categories_alone():
    case = make(Spec("mixed", kind="noise .5", share=0.2), 1000)
    known = {row.tobytes() for row in case.train[:, list(case.categorical)]}
    items = case.generated[case.is_copy]
    assert all(row.tobytes() in known for row in items[:, list(case.categorical)])
    np.testing.assert_array_equal(items[:, 0], np.round(items[:, 0]))
    case = make(Spec("gaussian", kind="noise .2", share=1.0), 1000)
    distances = np.linalg.norm(case.generated[:, None] - case.train, axis=2).min(axis=1)
    np.testing.assert_allclose(np.sqrt(np.mean(distances**2)), 0.2 * np.sqrt(10), rtol=0.1)


def test_training_rows_of_the_duplicated_setting_stand_there_twice():
    counts = np.unique(make(Spec("duplicated"), SIZE).train, axis=0, return_counts=True)[1]
    assert (counts == 2).all()


def test_a_case_follows_from_its_spec():
    first, same, other = (make(Spec("gaussian", seed=seed), SIZE) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.generated, same.generated)
    assert not np.array_equal(first.generated, other.generated)


def test_the_plan_names_no_case_twice():
    specs = plan(Repetitions(2, 2, 2))
    assert len(set(specs)) == len(specs)


def test_one_in_a_hundred_honest_samples_is_called():
    rng = np.random.default_rng(0)
    flags = called(rng.random(20_000), rng.random(20_000), 0.01)
    assert 0.008 < flags.mean() < 0.012


def test_ties_count_against_the_tool():
    honest = np.r_[np.zeros(50), np.ones(950)]
    assert not called(honest, np.zeros(3), 0.01).any()
    assert called(honest, np.full(3, -1.0), 0.01).all()


def test_sets_are_called_where_no_honest_set_was_as_suspicious():
    honest = np.arange(1.0, 100.0)
    np.testing.assert_array_equal(called(honest, np.array([0.5, 1.0, 2.0]), 0.01), [True, False, False])
    # With 9 sets the level is one in ten, and said.
    np.testing.assert_array_equal(called(honest[:9], np.array([0.5, 1.0]), 0.01), [True, False])
    assert level_of_sets([Outcome(Spec("gaussian", seed=i), NOTHING, {}) for i in range(9)]) == pytest.approx(0.1)


def outcomes() -> list[Outcome]:
    """99 honest sets and 4 planted ones: ``ours`` finds the copy of two, ``good`` of all, ``blind`` of none."""
    scores, is_copy = np.array([1.0, 2, 3, 4]), np.array([True, False, False, False])
    found = []
    for seed in range(99):
        honest = {
            "ours: score": Finding(scores, accuses=np.arange(4) < 1),
            "good: score": Finding(scores),
            "blind": Finding(statistic=float(seed), accuses=seed < 5),
        }
        found.append(Outcome(Spec("gaussian", seed=seed), NOTHING, honest, {"ours": 1.0}))
    for seed in range(400):
        planted = {
            "ours: score": Finding(scores - (seed % 2) - (seed % 2) * 1e-9, accuses=np.arange(4) < 1),
            "good: score": Finding(scores - 1.5),
            "blind": Finding(statistic=0.0, accuses=False),
        }
        found.append(Outcome(Spec("gaussian", kind="exact", share=0.01, seed=seed), is_copy, planted))
    return found


def test_hits_and_sizes_are_counted():
    table = {(row["reading"], row["of"], row["kind"]): row for row in rows(outcomes())}
    assert table["ours: score", "samples", "exact"]["calls"] == [200, 400]
    assert table["good: score", "samples", "exact"]["calls"] == [400, 400]
    assert table["blind", "sets", "exact"]["calls"] == [0, 400]
    assert table["ours: score", "samples", None]["own"] == [99, 4 * 99]
    assert table["blind", "sets", None]["own"] == [5, 99]
    assert table["good: score", "samples", None]["own"] is None


def test_the_page_says_who_beats_us_and_who_is_missing():
    (lost,) = beaten(rows(outcomes()))
    assert (lost["reading"], lost["calls"], lost["ours"]) == ("good: score", [400, 400], [200, 400])
    page = render(summarize(outcomes(), Repetitions(), 4, {"anonymeter": None, "sdmetrics": "1.0"}, EFFORT))
    assert "| good | 1 / – |" in page
    assert "anonymeter: not installed." in page
    assert "sdmetrics 1.0" in page
    assert "| gaussian | samples | exact | good: score: 1 | ours: score: .50 |" in page
    assert "/home" not in page
    assert str(Path.cwd()) not in page


def test_a_tool_that_is_missing_is_none():
    assert set(workers.open_workers([]).values()) == {None}
    assert workers.Worker("sdmetrics", "/no/such/python").version is None
    assert workers.Worker("sdmetrics", sys.executable).version is None


STUB = """
import json, sys
print(json.dumps({"version": "7"}), flush=True)
for line in sys.stdin:
    import numpy as np
    scores = np.load(line.strip())["generated"][:, 0].tolist()
    print(json.dumps({"": {"refused": "no"}, "a": {"scores": scores, "statistic": 2.0, "accuses": True}}), flush=True)
    sys.exit()
"""


def test_a_worker_reads_cases_and_tells_what_it_found(tmp_path, monkeypatch):
    script = tmp_path / "stub.py"
    script.write_text(STUB)
    monkeypatch.setattr(workers, "SCRIPT", script)
    worker = workers.Worker("stub", sys.executable)
    case = make(Spec("gaussian"), SIZE)
    found = worker(workers.store(case, str(tmp_path)))
    assert worker.version == "7"
    assert found["stub"].refused == "no"
    np.testing.assert_array_equal(found["stub: a"].scores, case.generated[:, 0])
    assert (found["stub: a"].statistic, found["stub: a"].accuses) == (2.0, True)
    worker.process.wait()
    assert worker(tmp_path)["stub"].refused
    worker.close()


def test_plain_scores_are_what_a_loop_finds():
    case = make(Spec("mixed", kind="exact", share=0.05), 60)
    train, holdout, generated = numbers(case)
    found = plain(case)
    for i, item in enumerate(generated):
        near = sorted(float(np.sqrt(sum((a - b) ** 2 for a, b in zip(item, row, strict=True)))) for row in train)
        other = min(float(np.linalg.norm(item - row)) for row in holdout)
        assert found["plain: DCR, 5th percentile"].scores[i] == pytest.approx(near[0], abs=1e-12)
        assert found["plain: distance ratio < 1/3"].scores[i] == pytest.approx(near[0] / near[1], abs=1e-12)
        assert found["plain: DCR share"].scores[i] == pytest.approx(near[0] / other, abs=1e-9)
    assert found["plain: distance ratio < 1/3"].accuses[case.is_copy].all()


@pytest.mark.parametrize("kind", ["flipped", "shifted", "cropped", "brightness"])
def test_the_search_finds_what_the_plain_score_does_not(kind):
    case = make(Spec("images", kind=kind, share=0.2), SIZE)
    known = searched(case)["ours, searched: d1/d2, listed"].scores
    score = plain(case)["plain: distance ratio < 1/3"].scores
    threshold, plain_threshold = (np.sort(scores[~case.is_copy])[0] for scores in (known, score))
    assert np.mean(known[case.is_copy] < threshold) >= max(0.8, np.mean(score[case.is_copy] < plain_threshold))


def test_our_audit_answers_and_its_refusals_are_answers(tmp_path):
    case = make(Spec("gaussian", kind="exact", share=0.2), SIZE)
    found, seconds = examine(case, {"sdmetrics": None}, str(tmp_path))
    assert set(seconds) == set(NATIVE)
    assert found["ours: copies"].accuses is True
    assert found["ours: d1/d2, listed"].accuses[case.is_copy].all()
    assert not list(tmp_path.iterdir())
    assert ours(Case(case.train, case.train, case.generated, case.is_copy))["ours"].refused
