import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

from mnemoscope.auditing import AbsoluteDistance, DistanceRatio, audit
from mnemoscope.auditing.dimension import intrinsic_dimension
from mnemoscope.auditing.measures import STANDARD, Geometry, Search
from mnemoscope.auditing.nearest import Nearest, TrainingIndex
from mnemoscope.data import Dataset, load, load_digits
from mnemoscope.errors import InputError, OutputError
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.pages import percent


@pytest.fixture(scope="module")
def digits() -> tuple[Dataset, Dataset]:
    train, holdout = load_digits().split(500, seed=0)
    # The digits come writer by writer: in a random order the held-out items are exchangeable.
    return train, holdout.take(np.random.default_rng(0).permutation(500))


def noisy(items: np.ndarray, size: float, seed: int = 0) -> np.ndarray:
    return items + np.random.default_rng(seed).normal(0, size, items.shape)


def test_copies_are_found_and_honest_samples_are_not(digits: tuple[Dataset, Dataset]) -> None:
    train, holdout = digits
    honest, null = holdout.take(np.arange(250)), holdout.take(np.arange(250, 500))
    copied = audit(noisy(train.array[:200], 0.16), train, holdout=null)
    clean = audit(honest, train, holdout=null)
    for result in copied.results:
        assert result.rate.fraction == 1
        assert result.excess_interval[0] > 0.95
    for result in clean.results:
        assert result.excess_interval[0] <= 0 <= result.excess_interval[1]
    assert copied.memorizes
    assert copied.fraction == 1
    assert copied.verdict.startswith("This model memorizes: ")
    lower = percent(copied.copies.share_lower)
    assert f"at least {lower} of the samples are copies of training items by distance-ratio" in copied.verdict
    assert copied.copies.share_lower > 0.97
    assert not clean.memorizes
    assert clean.verdict.startswith("No memorization beyond the null was found")
    assert [pair.train for pair in sorted(copied.flagged)] == list(range(200))
    assert copied.copies.listed.all()
    assert not clean.copies.listed.any()
    assert copied.drawn
    assert not clean.drawn
    assert clean.tone == "clear"


def test_a_mixture_is_measured(digits: tuple[Dataset, Dataset]) -> None:
    train, holdout = digits
    mixed = np.concatenate([noisy(train.array[:60], 0.1), holdout.array[:140].astype(float)])
    report = audit(mixed, train, holdout=holdout.take(np.arange(200, 500)))
    low, high = report.results[0].rate.interval
    assert low < 0.3 < high
    flagged = {pair.generated for pair in report.flagged}
    assert set(range(60)) <= flagged
    assert len(flagged) <= 64  # the list may hold 5 % that are none


@pytest.mark.slow
@pytest.mark.statistical
def test_real_fashion_mnist(fashion: Path) -> None:
    """The main claims at a thirtieth of their size; the full size is in the documentation."""
    train = load(fashion)
    test = load(fashion / "t10k-images-idx3-ubyte.gz")
    sub = train.take(np.arange(2000))
    honest = audit(test.take(np.arange(300)), sub, holdout=test.take(np.arange(300, 900)))
    copies = audit(noisy(sub.array[:400], 2.55), sub, holdout=test.take(np.arange(300, 900)))
    for result in honest.results:
        assert result.excess_interval[0] <= 0 <= result.excess_interval[1]
    for result in copies.results:
        assert result.rate.fraction == 1
        assert result.rate.interval[0] > 0.99


def test_without_held_out_data_the_null_is_leave_one_out(digits: tuple[Dataset, Dataset]) -> None:
    train, holdout = digits
    report = audit(holdout, train)
    assert report.results[0].null_source == "leave-one-out on the training set"
    assert (report.null_nearest.distances[:, 0] > 0).all()
    assert report.to_dict()["n_holdout"] is None
    assert not report.memorizes
    assert report.drawn is None
    assert "cannot be tested" in report.verdict


def test_identical_training_items_count_once(digits: tuple[Dataset, Dataset]) -> None:
    train, holdout = digits
    doubled = Dataset(np.concatenate([train.array, train.array[:300]]), "doubled", train.value_range)
    report = audit(noisy(train.array[:100], 0.1), doubled, holdout=holdout)
    assert report.fraction == 1
    assert report.to_dict()["duplicates"] == {"clusters": 300, "items": 600}
    assert any("600 training items are identical" in warning for warning in report.warnings)
    exact = audit(train.array[:100], doubled, holdout=holdout)
    assert exact.fraction == 1  # 0/0 is a copy
    assert {pair.ratio for pair in exact.flagged} == {0.0}


@pytest.mark.slow
@pytest.mark.parametrize("twins", [1, 4, 10, 40])
def test_near_duplicates_do_not_hide_copies(digits: tuple[Dataset, Dataset], twins: int) -> None:
    train, holdout = digits
    near = [noisy(train.array[:100], 0.1, seed) for seed in range(twins)]
    crowded = np.concatenate([train.array.astype(float), *near])
    copies = noisy(train.array[:100], 0.1, seed=99)
    plain = nearest_neighbours(copies, crowded, 2).distances
    assert (plain[:, 0] / plain[:, 1] < 1 / 3).mean() < 0.05 or twins < 4  # what the plain ratio would say
    assert audit(copies, crowded, holdout=holdout).fraction > 0.97


def test_without_near_duplicates_d2_is_the_second_nearest(digits: tuple[Dataset, Dataset]) -> None:
    train, holdout = digits
    report = audit(holdout, train, holdout=holdout)
    plain = nearest_neighbours(holdout.array, train.array, 2).distances
    assert (report.nearest.distances == plain).mean() > 0.99


def found(distances: np.ndarray, geometry: Geometry) -> Search:
    rows = np.zeros(len(distances), dtype=int)
    index = TrainingIndex(distances, np.arange(len(distances)), np.random.default_rng(0))
    return Search(Nearest(distances, rows, rows, rows), geometry, index, distances)


def test_rules_by_hand() -> None:
    distances = np.array([[0.0, 0.0], [0.0, 5.0], [1.0, 3.1], [1.0, 2.9], [0.39, 0.4], [0.41, 9.0]])
    search = found(distances, Geometry(dim=4, span=10.0))
    np.testing.assert_array_equal(DistanceRatio().flags(search), [True, True, True, False, False, True])
    # 2 % of the range per value: 0.02 · 10 · √4 = 0.4.
    np.testing.assert_array_equal(AbsoluteDistance().flags(search), [True, True, False, False, True, False])


def test_a_measure_with_another_threshold(digits: tuple[Dataset, Dataset]) -> None:
    train, holdout = digits
    loose = audit(holdout, train, holdout=holdout, measures=[DistanceRatio(0.99), "absolute-distance"])
    assert loose.results[0].null.fraction > 0.5
    assert "0.99 ×" in loose.results[0].rule


@pytest.mark.statistical
@pytest.mark.parametrize("dim", [2, 5, 10])
def test_intrinsic_dimension(dim: int) -> None:
    """Uniform data in a d-cube turned into 30 dimensions; edges bias the estimate down by a few percent."""
    rng = np.random.default_rng(dim)
    basis = np.linalg.qr(rng.normal(size=(30, dim)))[0]
    points = rng.uniform(size=(3000, dim)) @ basis.T
    found = nearest_neighbours(points[:500], points, 20, exclude=np.arange(500))
    assert intrinsic_dimension(found.distances) == pytest.approx(dim, rel=0.2)


def test_intrinsic_dimension_of_nothing() -> None:
    assert intrinsic_dimension(np.zeros((4, 3))) is None
    assert intrinsic_dimension(np.ones((4, 3))) is None
    assert intrinsic_dimension(np.ones((4, 1))) is None


def test_low_dimension_is_warned_of_with_the_measured_null() -> None:
    rng = np.random.default_rng(0)
    generated, train, holdout = (rng.normal(size=(n, 2)) for n in (100, 300, 200))
    flat = audit(generated, train, holdout=holdout, measures=[DistanceRatio(0.15)])
    null = flat.results[0].null.fraction
    assert 0 < null < 0.09  # not the 3⁻² of a threshold of 1/3
    quoted = f"here distance-ratio {100 * null:.1f} % of the null"
    assert any("intrinsic dimension is about" in warning and quoted in warning for warning in flat.warnings)


def test_disagreeing_measures_are_warned_of(digits: tuple[Dataset, Dataset]) -> None:
    train, holdout = digits
    copies = noisy(train.array[:100], 0.8)  # close in ratio, but 5 % of the range away
    report = audit(copies, train, holdout=holdout)
    assert any("the fixed rules disagree: absolute-distance finds no excess" in warning for warning in report.warnings)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "data")]


def test_the_page_is_self_contained_and_escaped(digits: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    train, holdout = digits
    evil = Dataset(noisy(train.array[:100], 0.1), '<script>alert("x")</script>.npy', train.value_range)
    audit(evil, train, holdout=holdout).to_html(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.tags.count("script") == 1  # ours, see test_reports
    assert "&lt;/script&gt;" not in text  # of a path the last part is shown
    assert "script&gt;.npy" in text
    assert "This model memorizes" in text
    assert page.tags.count("img") == 2 * 24 + 12
    assert {"svg", "table"} <= set(page.tags)
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in page.sources)
    assert not re.search(r"url\((?!#)", text)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_the_page_of_vectors_has_no_gallery(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    audit(rng.normal(size=(50, 5)), rng.normal(size=(200, 5))).to_html(tmp_path / "report.html")
    assert "<img" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_report_json_has_the_agreed_shape(digits: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    train, holdout = digits
    report = audit(noisy(train.array[:100], 0.1), train, holdout=holdout, seed=3)
    report.to_json(tmp_path / "report.json")
    read = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert read == json.loads(json.dumps(report.to_dict()))
    assert (read["n_generated"], read["n_train"], read["n_holdout"]) == (100, 1297, 500)
    assert list(read["measures"]) == list(STANDARD)
    assert (read["memorizes"], read["drawn"], read["schema"]) == (True, True, "mnemoscope.audit/2")
    assert read["tests"].keys() == {"identical samples", "copies by distance-ratio", "closeness"}
    measure = read["measures"]["distance-ratio"]
    assert {"rule", "fraction", "interval", "null", "excess", "excess_interval", "calibrated"} == set(measure)
    assert {"fraction", "interval", "source"} == set(measure["null"])
    assert read["extracted"]["distinct"] == 100
    names = ["generated_name", "train_name"]
    assert list(read["flagged"][0]) == ["generated", "train", *names, "distance", "ratio", "p", "listed", "unit"]
    assert "no privacy guarantee" in read["limits"][0]
    assert read["provenance"]["seed"] == 3
    assert read["provenance"]["data"]["train"]["fingerprint"] == train.fingerprint


def test_unwritable_reports(digits: tuple[Dataset, Dataset], tmp_path: Path) -> None:
    train, holdout = digits
    report = audit(holdout, train, holdout=holdout)
    for write in (report.to_json, report.to_html):
        with pytest.raises(OutputError, match="missing"):
            write(tmp_path / "missing" / "report")


RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(0, 1, (100, 4, 4))


def with_nan() -> np.ndarray:
    broken = IMAGES.copy()
    broken[41, 2, 3] = np.nan
    return broken


@pytest.mark.parametrize(
    ("generated", "train", "options", "complaint"),
    [
        (IMAGES[:0], IMAGES, {}, "^generated: is empty"),
        (IMAGES, IMAGES[:0], {}, "^train: is empty"),
        (with_nan(), IMAGES, {}, "^generated: item 41 holds NaN"),
        (IMAGES, IMAGES, {"holdout": with_nan()}, "^holdout: item 41 holds NaN"),
        (IMAGES, RNG.uniform(0, 1, (100, 5, 4)), {}, r"\(4, 4\).*\(5, 4\)"),
        (IMAGES, IMAGES, {"holdout": RNG.uniform(0, 1, (100, 5, 4))}, r"^holdout: .*\(5, 4\)"),
        (IMAGES, (255 * IMAGES).astype(np.uint8), {}, "one value range"),
        (2 * IMAGES - 1, IMAGES, {}, "one value range"),
        (IMAGES + 1, IMAGES, {}, "one value range"),
        (IMAGES, IMAGES, {"holdout": 255 * IMAGES}, "^holdout: .*one value range"),
        (IMAGES[:35], IMAGES, {}, "^generated: 35 generated samples are too few.*36 are needed"),
        (IMAGES, IMAGES, {"holdout": IMAGES[:20]}, "^holdout: 20 held-out items are too few.*36 are needed"),
        (IMAGES, IMAGES[:20], {}, "^train: 20 training items for a null.*36 are needed"),
        (IMAGES, IMAGES, {"resolution": 0.01}, "368 are needed"),
        (IMAGES, IMAGES, {"resolution": 1.5}, "resolution"),
        (IMAGES, np.repeat(IMAGES[:1], 50, axis=0), {"holdout": IMAGES}, "at least 2 distinct"),
        (IMAGES, IMAGES, {"repeats": "both"}, "repeats: unknown name 'both'"),
        (IMAGES, IMAGES, {"repeats": "law", "holdout": IMAGES}, "^repeats says"),
        (IMAGES, np.repeat(IMAGES[:2], 50, axis=0), {}, "at least 3 distinct"),
        (IMAGES, IMAGES, {"measures": ["ssim"]}, "measure: unknown name 'ssim'"),
        (IMAGES, IMAGES, {"measures": []}, "at least one"),
    ],
)
def test_bad_input(generated: np.ndarray, train: np.ndarray, options: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as raised:
        audit(generated, train, **options)
    assert "\n" not in str(raised.value)


def test_axes_of_size_one_do_not_matter() -> None:
    report = audit(torch.from_numpy(IMAGES[:50, None]), IMAGES[:50], holdout=IMAGES[50:, ..., None])
    assert report.fraction == 1


def test_bad_thresholds() -> None:
    with pytest.raises(InputError, match="threshold"):
        DistanceRatio(1.0)
    with pytest.raises(InputError, match="tolerance"):
        AbsoluteDistance(0.0)
