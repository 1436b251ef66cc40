"""Identical items: counted on their own, and a held-out set that shares items with train is refused."""

import json
import math
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.auditing import Rate, Repeated, audit, difference_interval
from mnemoscope.auditing.identical import Identical, expected_coincidences
from mnemoscope.auditing.nearest import TrainingIndex
from mnemoscope.auditing.overlap import _too_many, check_near, made_by_hand
from mnemoscope.data import Dataset
from mnemoscope.errors import InputError

RNG = np.random.default_rng(0)
TRAIN, HOLDOUT, FRESH = (RNG.normal(size=(n, 12)) for n in (600, 300, 1000))


def integers(n: int, seed: int) -> np.ndarray:
    """A table whose rows recur: three columns of five values."""
    return np.random.default_rng(seed).integers(0, 5, (n, 3)).astype(float)


def with_copies(rows: list[int]) -> np.ndarray:
    return np.concatenate([TRAIN[rows], FRESH[len(rows) :]])


@pytest.mark.parametrize("held_out", [True, False])
def test_three_of_a_thousand_in_continuous_data_are_no_acquittal(held_out: bool) -> None:
    report = audit(with_copies([5, 9, 5]), TRAIN, holdout=HOLDOUT if held_out else None)
    assert not report.results[0].exceeds  # the rate is too small for the measure to notice
    assert report.identical.rate == Rate(3, 1000)
    found = report.to_dict()["identical"]
    null = Rate(0, 300 if held_out else 600)
    assert found.pop("p") < 1e-6
    assert found == {
        "count": 3,
        "distinct": 2,
        "expected": 0.0,
        "interval": list(difference_interval(Rate(3, 1000), null)),
    }
    assert report.memorizes
    assert report.tone == "memorizes"
    assert report.verdict.startswith(
        "This model memorizes: 3 of 1,000 samples are identical to a training item (2 distinct); 0 expected"
    )


def test_none_is_said_too() -> None:
    report = audit(FRESH, TRAIN, holdout=HOLDOUT)
    assert report.identical.sentence == "0 of 1,000 samples are identical to a training item; 0 expected from the null"
    assert (report.tone, report.memorizes) == ("clear", False)
    assert "identical" not in report.verdict


def test_in_discrete_data_the_held_out_rate_decides() -> None:
    train = integers(80, 1)
    honest = audit(integers(1000, 4), train, holdout=integers(1000, 3))
    assert honest.identical.rate.count > 300
    assert honest.identical.expected == 1000 * honest.identical.null.fraction
    assert honest.identical.distinct == len(np.unique(train, axis=0))  # clusters of identical items count once
    assert honest.identical.p > 0.05
    copies = audit(np.resize(train, (1000, 3)), train, holdout=integers(1000, 3))
    assert copies.identical.p < 1e-6
    assert copies.memorizes


def test_the_test_keeps_its_level_in_discrete_data() -> None:
    rng = np.random.default_rng(7)
    p = []
    for _ in range(400):
        samples, null = np.isin(rng.integers(0, 300, (2, 500)), rng.integers(0, 300, 120))
        p.append(Identical.find(np.where(samples, 0, -1), null, coincidences=1e-9).p)
    assert 0.01 < np.mean(np.array(p) <= 0.05) < 0.08


def test_coincidences_are_expected_where_values_are_coarse() -> None:
    """Three columns in steps of ¼: the expected number is a bound on that counted, and images need no such luck."""
    rng = np.random.default_rng(0)
    counted, expected = [], []
    for _ in range(50):
        train, samples = (4 * rng.normal(size=(2, 60, 3))).round() / 4
        index = TrainingIndex(train, Repeated(train).first, rng)
        counted.append((Repeated(train).rows_of(Repeated(samples)) >= 0).sum())
        expected.append(expected_coincidences(60, train, index.spacing, index.dimension))
    assert 1 < np.mean(counted) < np.mean(expected) < 20
    images = rng.integers(0, 256, (60, 64)).astype(np.uint8)
    index = TrainingIndex(images, np.arange(60), rng)
    assert expected_coincidences(60, images, index.spacing, index.dimension) < 1e-6


def test_blank_frames_are_no_evidence() -> None:
    """One blank item in train, one among the samples, none held out: no accusation, and no acquittal."""
    blank = np.zeros((1, 12))
    report = audit(np.concatenate([FRESH, blank]), np.concatenate([TRAIN, blank]), holdout=HOLDOUT)
    assert report.identical.rate.count == 1
    assert (report.tone, report.memorizes) == ("unclear", False)


def test_a_few_repeats_in_train_alone_leave_it_open(tmp_path: Path) -> None:
    report = audit(with_copies([5, 9, 5]), np.concatenate([TRAIN, TRAIN[:20]]))
    assert "3 of 1,000 samples are identical" in report.verdict
    assert (report.tone, report.memorizes) == ("unclear", False)
    report.to_html(tmp_path / "report.html")
    assert '<div class="verdict">' in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_repeats_made_by_hand_explain_no_identical_samples() -> None:
    """Thirty twins in train and none across the split were made there: five identical samples are five copies."""
    train = np.concatenate([TRAIN, TRAIN[:30]])
    report = audit(with_copies([5, 9, 100, 200, 300]), train, holdout=HOLDOUT)
    assert report.memorizes
    assert not made_by_hand(Repeated(np.concatenate([TRAIN, TRAIN[:2]])), Repeated(HOLDOUT))
    assert not made_by_hand(Repeated(integers(80, 1)), Repeated(integers(200, 2)))


def test_order_in_memory_does_not_matter() -> None:
    assert (Repeated(np.asfortranarray(integers(80, 1))).digests == Repeated(integers(80, 1)).digests).all()


def test_repeats_in_train_do_not_acquit() -> None:
    """One pair of twins, made by hand, must not turn three identical samples green."""
    report = audit(with_copies([5, 9, 5]), np.concatenate([TRAIN, TRAIN[:1]]), holdout=HOLDOUT)
    assert report.identical.unexplained
    assert report.tone == "unclear"
    assert report.verdict.startswith("No verdict: 3 of 1,000 samples are identical")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 59), max_size=20),
    st.lists(st.integers(0, 59), max_size=10),
    st.sampled_from(["f4", "f8", "i2", "u1"]),
)
def test_counts_are_those_of_a_set_of_rows(copied: list[int], repeated: list[int], dtype: str) -> None:
    """Against tuples in a set, in every dtype; zeros of either sign are one value."""
    rng = np.random.default_rng(3)
    rows = rng.permutation(200 * 200)[:140]
    items = np.stack([rows // 200, rows % 200], axis=1).astype(dtype)
    if np.dtype(dtype).kind == "f":
        items -= 100
    train = np.concatenate([items[:60], items[repeated]])
    samples = np.concatenate([items[copied], items[60:100]])
    signed = np.where(samples == 0, -0.0, samples) if np.dtype(dtype).kind == "f" else samples
    repeated = Repeated(train)
    identical = Identical.find(repeated.rows_of(Repeated(signed.astype(dtype))), np.zeros(40, bool), None)
    known = {tuple(row) for row in train.tolist()}
    met = [tuple(row) for row in samples.tolist() if tuple(row) in known]
    assert (identical.rate.count, identical.distinct) == (len(met), len(set(met)))
    assert repeated.redundant == len(train) - len(known)
    assert repeated.multiplicity.tolist() == [train.tolist().count(row) for row in train.tolist()]


def test_zeros_of_either_sign_are_one_value() -> None:
    table = np.array([[0.0, 1.0], [-0.0, 1.0], [1.0, -0.0], [1.0, 0.0], [2.0, 0.0]])
    duplicates = Repeated(table)
    np.testing.assert_array_equal(duplicates.first, [0, 0, 2, 2, 4])
    assert (duplicates.redundant, duplicates.clusters, duplicates.items) == (2, 2, 4)


def test_the_page_and_the_report_say_it(tmp_path: Path) -> None:
    report = audit(with_copies([5]), TRAIN, holdout=HOLDOUT)
    report.to_html(tmp_path / "report.html")
    report.to_json(tmp_path / "report.json")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    head = page[: page.index("<h2>Measures</h2>")]
    assert report.identical.sentence in head
    assert '<div class="verdict copy">' in head
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["identical"]["count"] == 1


class TestHeldOut:
    def refused(self, holdout: object, train: object, complaint: str) -> None:
        with pytest.raises(InputError, match=complaint) as raised:
            audit(FRESH[:40], train, holdout=holdout)
        assert "\n" not in str(raised.value)

    def test_the_training_set_itself(self) -> None:
        self.refused(TRAIN, TRAIN, "^holdout: is the training set train itself, row by row")
        twice = np.concatenate([TRAIN, TRAIN])
        self.refused(twice.astype(np.float64), twice, "row by row")

    @pytest.mark.parametrize("count", [1, 2, 10, 300])
    def test_any_overlap_where_nothing_repeats(self, count: int) -> None:
        leaked = np.concatenate([HOLDOUT[count:], TRAIN[7 : 7 + count]])
        first = f"item {300 - count} is item 7 of train"
        self.refused(leaked, TRAIN, f"^holdout: {count} of 300 held-out items are identical.*{first}")

    def test_names_are_said(self) -> None:
        train = Dataset(TRAIN, "train", names=tuple(f"t{i}.png" for i in range(600)))
        held = Dataset(np.concatenate([HOLDOUT, TRAIN[40:45]]), "held", names=tuple(f"h{i}.png" for i in range(305)))
        rows = r"item 300 \('h300.png'\) is item 40 \('t40.png'\) of train, .*t41.*t42.*, …; take"
        self.refused(held, train, f"^held: 5 of 305 .*{rows}")

    def test_a_leak_among_repeats_made_by_hand(self) -> None:
        train = np.concatenate([TRAIN, TRAIN[:5]])
        self.refused(np.concatenate([HOLDOUT, TRAIN[100:200]]), train, "^holdout: 100 of 400 held-out items")

    def test_repeats_that_belong_to_the_data_are_no_leak(self) -> None:
        report = audit(integers(200, 2), integers(300, 1), holdout=integers(200, 3))
        assert any("held-out items are identical to training items, no more than" in text for text in report.warnings)
        once = np.unique(integers(200, 3), axis=0)[:40]  # repeats in train alone explain as much
        alone = audit(integers(200, 2), integers(300, 1), holdout=once)
        assert any("held-out items are identical" in text for text in alone.warnings)
        none = audit(FRESH[:40], TRAIN, holdout=HOLDOUT)
        assert not any("identical to training items" in text for text in none.warnings)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 10**6), st.integers(20, 300), st.integers(40, 300), st.sampled_from([5, 40, 400]))
    def test_honest_splits_of_discrete_data_pass(self, seed: int, n: int, m: int, values: int) -> None:
        """Labels dealt at random over a pool that repeats itself: refused in 0.1 % of cases, here in none."""
        rng = np.random.default_rng(seed)
        pool = rng.integers(0, values, n + m)
        _, sizes = np.unique(pool, return_counts=True)
        both = len(np.intersect1d(pool[:n], pool[n:]))
        assert not _too_many(both, sizes[sizes > 1], n, m)

    def test_the_law_of_groups_on_both_sides(self) -> None:
        """Its size by simulation: fewer than 3 in 1,000 refused where 1 is promised; and two extremes by hand."""
        rng = np.random.default_rng(5)
        pool = np.repeat(np.arange(120), rng.integers(1, 4, 120))
        sizes = np.unique(pool, return_counts=True)[1]
        n, m = 90, len(pool) - 90
        dealt = (rng.permutation(pool) for _ in range(1000))
        refused = [_too_many(len(np.intersect1d(x[:n], x[n:])), sizes[sizes > 1], n, m) for x in dealt]
        assert np.mean(refused) < 0.003
        assert _too_many(10, np.full(10, 2), 500, 500)  # 2⁻¹⁰
        assert not _too_many(9, np.full(9, 2), 500, 500)  # 2⁻⁹


def test_expected_scales_with_the_number_of_samples() -> None:
    null = np.array([True] * 3 + [False] * 57)
    assert Identical.find(np.full(200, -1), null, None).expected == 10


@pytest.mark.parametrize("usual", [0, 6, 21])
def test_near_duplicates_across_the_sets_by_their_law(usual: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 50 and 100 pairs so many near ones are in the held-out set by chance; below 0.1 % the set is refused."""
    items = np.random.default_rng(0).normal(size=(100, 3))
    sets = [Dataset(items, "kept"), Dataset(items, "train")]
    index = TrainingIndex(items, np.arange(100), np.random.default_rng(0))
    found = index.nearest(items + 0.1)
    for near in range(0, 61, 3):
        pairs, others = near // 2, usual // 2
        ways = [math.comb(50, k) * math.comb(100, pairs + others - k) for k in range(pairs + others + 1)]
        p = sum(ways[pairs:]) / sum(ways)
        flags = iter([np.arange(100) < near, np.arange(200) < usual])
        monkeypatch.setattr(index, "are_near_duplicates", lambda _, flags=flags: next(flags))
        refused = pytest.raises(InputError, match=f"kept: {near} of 100 .* only {usual} of 200")
        with refused if pairs and p < 1e-3 else nullcontext():
            check_near(*sets, index, found, found)
