"""Reports: what stands first, what is named, what a page may run, and what other programs may rely on."""

import base64
import hashlib
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from matplotlib.figure import Figure

from mnemoscope.auditing import Report, audit, report_schema
from mnemoscope.auditing.copies import calibrated, numbers_needed
from mnemoscope.auditing.reports.axes import axes
from mnemoscope.auditing.reports.page import audit_page, gallery
from mnemoscope.auditing.reports.terminal import axis_table, pair_lines, settle_lines, statistic_lines
from mnemoscope.data import Dataset
from mnemoscope.pages.figures import LARGEST_PICTURE, image_uri
from tests.unit.auditing.audited import N_COPIES, SECRET, copying, honest, sets, small

REPORTS = {
    "copies": copying,
    "honest": honest,
    "private": lambda: copying(private=True),
    "leave-one-out": lambda: copying(held_out=False),
    "few": small,
}


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.script = ""
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script"

    def handle_data(self, data: str) -> None:
        self.script += data if self._inside else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def validator() -> jsonschema.Draft202012Validator:
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("which", REPORTS)
def test_report_json_follows_the_published_schema(which: str) -> None:
    validator().validate(json.loads(json.dumps(REPORTS[which]().to_dict(), allow_nan=False)))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda read: read.pop("tone"),
        lambda read: read.update(tone="green"),
        lambda read: read.update(schema="mnemoscope.audit/1"),
        lambda read: read.update(private=True),
        lambda read: read["flagged"][0].update(path="/home/alice"),
        lambda read: read["copies"].update(share_lower=1.5),
        lambda read: read["provenance"]["data"].pop("train"),
    ],
)
def test_the_schema_can_fail(spoil: object) -> None:
    read = json.loads(json.dumps(copying().to_dict()))
    spoil(read)  # type: ignore[operator]
    assert list(validator().iter_errors(read))


@pytest.mark.parametrize("which", ["copies", "leave-one-out"])
def test_nobody_is_named_but_every_row_is(which: str, tmp_path: Path) -> None:
    report = REPORTS[which]()
    report.save(tmp_path / "out")
    read = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    shown = "".join([*(path.read_text("utf-8") for path in (tmp_path / "out").iterdir()), report.model_card()])
    assert f"/home/{SECRET}" not in shown
    assert "secret" not in shown
    assert read["provenance"]["data"]["train"]["name"] == "train.npy"
    names = report.train.names, report.generated.names
    assert names[0] is not None
    assert names[1] is not None
    assert all(pair["train_name"] == names[0][pair["train"]] for pair in read["flagged"])
    assert all(pair["generated_name"] == names[1][pair["generated"]] for pair in read["flagged"])
    assert all(item["train_name"] == names[0][item["train"]] for item in read["extracted"]["items"])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("/home/alice/x.npy", "x.npy"),
        ("C:\\Users\\alice\\x.npy", "x.npy"),
        ("../alice/images/", "images"),
        ("~/x.npz:train", "x.npz:train"),
        ("/home/alice/x.npy (held-out split)", "x.npy (held-out split)"),
        ("digits", "digits"),
        ("hf:owner/set", "hf:owner/set"),
        ("/", "data"),
    ],
)
def test_data_are_called_without_their_path(name: str, shown: str) -> None:
    assert Dataset(np.zeros((2, 1)), name).label == shown


def test_items_are_called_within_their_folder() -> None:
    items = Dataset(np.zeros((3, 1)), names=("class/1.png", "/home/alice/2.png", "C:\\alice\\3.png"))
    assert [items.label_of(i) for i in range(3)] == ["class/1.png", "2.png", "3.png"]


def test_copies_are_counted_for_each_training_item() -> None:
    report = copying()
    counted = Counter(int(row) for row in report.nearest.indices[report.copied])
    assert dict(report.extracted) == counted
    assert report.extracted[0] == (5, counted[5])
    assert report.extracted == sorted(report.extracted, key=lambda pair: (-pair[1], pair[0]))
    assert counted[5] >= 3
    assert sum(counted.values()) == report.copied.sum() >= N_COPIES
    assert report.to_dict()["extracted"]["distinct"] == len(counted)


def test_the_axes_stand_before_the_measures_and_after_the_headline() -> None:
    page = audit_page(copying())
    order = ["It memorizes.", "Are samples training items?", "Are samples drawn", 'class="verdict', "<h2>Measures"]
    places = [page.index(text) for text in order]
    assert places == sorted(places)
    copies, closeness = axes(copying())
    near = copying().closeness
    assert near is not None
    assert (copies.state, closeness.name) == ("found", "closeness")
    for axis in (copies, closeness):
        for text in (axis.meaning, *(label for label, _ in axis.rows), *(value for _, value in axis.rows)):
            assert text in page
    assert any(text.startswith(f"{100 * near.share:.1f} %") for text in dict(closeness.rows).values())


def test_no_table_of_a_page_scrolls_sideways_on_a_telephone() -> None:
    """Wide tables stack; the one that does not has two columns."""
    page = Page(audit_page(copying()))
    assert [table["class"] for table in page.named("table")] == ["stack sortable", "copied sortable", "stack sortable"]
    assert not [each for each in page.named("div") if each.get("class") == "scroll"]


def test_the_only_script_is_the_one_that_the_page_admits() -> None:
    text = audit_page(copying())
    page = Page(text)
    (policy,) = (meta["content"] for meta in page.named("meta") if meta.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256(page.script.encode()).digest()).decode()
    assert policy == f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert len(page.named("script")) == 1
    assert "sortable" in page.script
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_a_page_stays_small() -> None:
    """Every one of many samples flagged, and long names: cut, and the page says by how much. Pictures: see below."""
    images = sets()[1].array[:400]
    train = Dataset(images, "train", names=tuple(f"{i:02000d}" for i in range(400)))
    report = audit(Dataset(images[:120], "made"), train)
    page = audit_page(report)
    assert len(page) < 5e5
    assert "20 more are in report.json." in page
    assert "108 more are in report.json." in page
    assert len(report.to_dict()["flagged"]) == 120
    assert len(report.to_dict()["extracted"]["items"]) == 120


def test_pictures_are_made_smaller_only_where_they_are_large() -> None:
    from io import BytesIO

    from PIL import Image

    def size(shape: tuple[int, ...]) -> tuple[int, int]:
        uri = image_uri(np.zeros(shape, np.uint8), (0.0, 255.0))
        assert uri is not None
        return Image.open(BytesIO(base64.b64decode(uri.split(",")[1]))).size

    assert size((8, 9)) == (9, 8)
    assert size((3, 1000, 500)) == (LARGEST_PICTURE // 2, LARGEST_PICTURE)


def test_a_name_cannot_break_out_of_page_notebook_or_card() -> None:
    samples, train, holdout = sets()
    evil = '<script>alert("x") | `code`\n# heading.npy'
    report = audit(Dataset(samples.array, evil, samples.value_range), train, holdout=holdout)
    for text in (audit_page(report), report._repr_html_()):
        assert "<script>alert" not in text
    line = next(line for line in report.model_card().splitlines() if line.startswith("| generated"))
    assert line.count(" | ") == 2  # its own two borders
    assert "\\<script\\>" in line
    assert len(Page(audit_page(report)).named("script")) == 1


def test_what_would_settle_an_open_question_is_a_number() -> None:
    copies, closeness = axes(small())
    assert (copies.state, closeness.state) == ("cannot tell", "not tested")
    needed = re.search(r"about ([\d,]+) samples and ([\d,]+) training items", " ".join(copies.settle))
    assert needed is not None
    assert any("--holdout" in what for what in closeness.settle)
    assert any(line.startswith("closeness would be settled by a held-out set") for line in settle_lines(small()))
    for what in (*copies.settle, *closeness.settle):
        assert what in audit_page(small())
    assert axes(copying())[0].settle == ()


def test_the_numbers_needed_are_enough_and_not_many_times_too_many() -> None:
    def detectable(n: int, m: int) -> float:
        rng = np.random.default_rng(1)
        return calibrated("s", "null", rng.uniform(size=n), rng.uniform(size=m), rng).detectable

    rng = np.random.default_rng(0)
    needed = numbers_needed(0.05, 40, 50, rng)
    assert needed is not None
    assert detectable(*needed) <= 0.055
    assert detectable(needed[0] // 2, needed[1] // 2) > 0.05
    assert numbers_needed(0.05, 40, 50, rng, most=1.1) is None


def test_repr_is_short() -> None:
    assert len(repr(copying())) < 160
    assert "memorizes" in repr(copying())
    assert "not tested" in repr(small())


def test_the_notebook_shows_both_axes_and_nothing_from_outside() -> None:
    text = copying()._repr_html_()
    assert copying().verdict.split(";")[0] in text
    assert {tag for tag, _ in Page(text).tags} <= {"div", "p", "strong", "details", "summary", "table", "tr", "td"}
    assert len(text) < 10_000


def test_the_data_frame_has_a_row_for_every_sample() -> None:
    report = copying()
    frame = report.to_dataframe()
    assert list(frame.index) == list(range(report.generated.n_samples))
    np.testing.assert_array_equal(frame[["d1", "d2"]], report.nearest.distances)
    np.testing.assert_array_equal(frame["train"], report.nearest.indices)
    np.testing.assert_array_equal(frame["listed"], report.copies.listed)
    np.testing.assert_array_equal(frame["p"], report.copies.p_values)
    np.testing.assert_array_equal(frame["absolute-distance"], report.results[1].flags)
    assert list(frame["train_name"])[:1] == [report.train.name_of(int(report.nearest.indices[0]))]
    assert frame["ratio"][:3].eq(0).any()


def test_plot_draws_into_given_axes_or_its_own() -> None:
    own = Figure().add_subplot()
    assert copying().plot(own) is own
    assert len(own.patches) == 2
    assert copying().plot().get_xlabel() == "distance to the nearest training item"


def test_a_model_card_says_what_was_found_and_with_what() -> None:
    card, report = copying().model_card(), copying()
    for text in ("## Memorization audit", "**It memorizes.**", report.train.fingerprint, "no privacy guarantee"):
        assert text in card
    for axis in axes(report):
        assert f"### {axis.name.capitalize()}: {axis.state}" in card
    assert "Markdown" in audit_page(report)


def test_terminal_tables_put_the_axes_first() -> None:
    table = axis_table(copying())
    assert list(table.columns[0].cells) == ["copies", "closeness"]
    assert "share of copies, at least" in next(iter(table.columns[2].cells))
    assert len(pair_lines(copying())) == 5


@pytest.mark.parametrize("report", [copying, honest])
def test_the_page_of_a_report_reads_alike_each_time(report: object) -> None:
    assert isinstance(made := report(), Report)  # type: ignore[operator]
    strip = re.compile(r"(id|href|clip-path|xlink:href)=\"[^\"]*\"|url\(#[^)]*\)")  # matplotlib's own ids
    assert strip.sub("", audit_page(made)) == strip.sub("", audit_page(made))


def test_the_gallery_begins_with_the_samples_nearest_to_train() -> None:
    report = copying()
    distances = report.nearest.distances
    shown = [one["pair"].generated for one in gallery(report)]
    assert shown == np.argsort(distances[:, 0], kind="stable")[: len(shown)].tolist()
    assert shown != np.argsort(distances[:, 1], kind="stable")[: len(shown)].tolist()


def test_groups_of_copied_items_come_by_how_many_were() -> None:
    samples, train, holdout = sets()
    places = np.arange(len(train) + len(holdout))
    groups = ["z" if place < 20 else f"c{place}" for place in places]
    counts = audit(samples, train, holdout=holdout, groups=groups).extracted_by_group
    assert counts is not None
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert next(iter(counts)) == "z"
    assert len(counts) > 1


def test_ten_groups_are_shown_and_the_others_counted() -> None:
    samples, train, holdout = sets()
    groups = [f"g{place}" for place in range(len(train) + len(holdout))]
    report = audit(samples, train, holdout=holdout, groups=groups)
    assert report.extracted_by_group is not None
    lines = [line for line in statistic_lines(report) if "group" in line]
    assert len(lines) == 11
    assert lines[-1] == f"and {len(report.extracted_by_group) - 10} more groups"
