"""A private report: nothing of a single item leaves it, and the key finds an item again."""

import hashlib
import hmac
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mnemoscope.auditing import Report, audit, item_hashes, report_schema
from mnemoscope.auditing.private import FEWEST, merged_bins
from mnemoscope.auditing.reports.page import audit_page, draw_distances
from mnemoscope.auditing.reports.terminal import pair_lines, statistic_lines
from mnemoscope.errors import InputError
from mnemoscope.pages.figures import plain_axes
from tests.unit.auditing.audited import SECRET, copying, honest, sets


def everything(report: Report, folder: Path) -> str:
    report.save(folder)
    texts = [path.read_text(encoding="utf-8") for path in folder.iterdir()]
    return "\n".join([*texts, report.model_card(), report._repr_html_(), repr(report), *pair_lines(report)])


def test_nothing_of_a_single_item_is_in_it(tmp_path: Path) -> None:
    report, open_one = copying(private=True), copying()
    text, open_text = everything(report, tmp_path / "private"), everything(open_one, tmp_path / "open")
    # Those that no coordinate of a drawing is by chance.
    distances = {number for number in map(repr, report.nearest.distances.ravel().tolist()) if len(number) > 12}
    secrets = {
        "names": [SECRET, "ward-1", "made.npy", "train.npy"],
        "pictures": ["<img", "data:image"],
        "distances": distances,
        "fingerprints": [data.fingerprint[:16] for data in report.sets.values()],
        "votes": ['"nearer_to_train": ['],
    }
    for what, marks in secrets.items():
        assert not [text[max(0, text.index(mark) - 150) : text.index(mark) + 50] for mark in marks if mark in text], (
            what
        )
        assert what == "distances" or any(mark in open_text for mark in marks), f"{what} could not have been found"
    assert distances & set(open_text.replace(",", "").split())
    for keys in ("ratio", "distance", "train_name", "generated_name", "unit"):
        assert all(keys not in pair for pair in report.to_dict()["flagged"])
    assert report.key is not None
    assert report.key.hex() not in text


def test_the_verdict_is_that_of_the_open_report() -> None:
    for made in (copying, honest):
        private, opened = made(private=True), made()
        assert private.verdict == opened.verdict
        assert private.to_dict()["copies"] == opened.to_dict()["copies"]


def test_the_key_finds_an_item_and_nothing_else_does() -> None:
    report = copying(private=True)
    assert report.key is not None
    flagged = {pair["train"] for pair in report.to_dict()["flagged"]}
    item = report.train.array[5]
    digest = hashlib.blake2b(item.astype(np.float64).tobytes(), digest_size=16).digest()
    assert hmac.new(report.key, digest, "sha256").hexdigest() in flagged
    assert set(item_hashes(report.train, report.key)) >= flagged
    assert not set(item_hashes(report.train, bytes(32))) & flagged
    counts = report.to_dict()["extracted"]["items"]
    assert [each["count"] for each in counts] == [count for _, count in report.extracted]


def test_hashes_stand_in_an_order_of_their_own() -> None:
    report = copying(private=True)
    shown = [pair["generated"] for pair in report.to_dict()["flagged"]]
    assert shown == sorted(shown)
    assert report.key is not None
    nearest_first = item_hashes(report.generated.array[[pair.generated for pair in report.flagged]], report.key)
    assert shown != nearest_first
    assert sorted(nearest_first) == shown


def test_every_report_has_a_key_of_its_own() -> None:
    from mnemoscope.auditing.private import new_key

    assert len({new_key() for _ in range(8)}) == 8
    assert len(new_key()) * 8 == 256
    assert copying().key is None


def test_it_says_that_this_is_no_guarantee(tmp_path: Path) -> None:
    copying(private=True).to_html(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "passing tests on distances is no privacy guarantee" in page
    assert f"at least {FEWEST} items" in page


def test_small_counts_of_a_class_are_left_out() -> None:
    samples, train, _ = sets()
    # The thirty copies are of the first thirty items; some honest samples are listed too.
    classes = np.where(np.arange(len(train)) < 25, "many", np.where(np.arange(len(train)) < 35, "few", "none"))
    opened, private = (audit(samples, train, classes=classes, private=each) for each in (False, True))
    counts = opened.to_dict()["extracted"]["classes"]
    assert counts["many"] >= FEWEST > counts["few"] > 0
    small = {name for name, count in counts.items() if 0 < count < FEWEST}
    assert private.to_dict()["extracted"]["classes"] == {**counts, **dict.fromkeys(small)}
    page = audit_page(private)
    assert page.count("under 10<") == len(small)
    assert "under 10<" not in audit_page(opened)
    assert statistic_lines(private)[:1] == ["class few: under 10 training items copied"]
    Draft202012Validator(report_schema()).validate(json.loads(json.dumps(private.to_dict())))


def test_there_is_no_data_frame_of_it() -> None:
    with pytest.raises(InputError, match="no single items"):
        copying(private=True).to_dataframe()


def test_its_json_tells_that_it_is_private() -> None:
    read = json.loads(json.dumps(copying(private=True).to_dict()))
    assert read["private"] is True
    assert {data["name"] for data in read["provenance"]["data"].values()} == {"generated", "train", "holdout"}


@given(
    st.lists(st.floats(0, 12), min_size=FEWEST, max_size=80),
    st.lists(st.floats(0, 12), min_size=FEWEST, max_size=80),
    st.integers(1, 30),
)
def test_bins_hold_none_or_many(first: list[float], second: list[float], n_bins: int) -> None:
    edges, counts = merged_bins(np.array(first), np.array(second), np.linspace(0, 10, n_bins + 1))
    assert ((counts == 0) | (counts >= FEWEST)).all()
    assert counts.sum(axis=1).tolist() == [len(first), len(second)]
    assert len(edges) == counts.shape[1] + 1
    assert (np.diff(edges) > 0).all()
    assert set(edges) <= set(np.linspace(0, 10, n_bins + 1))
    for row, values in zip(counts, (first, second), strict=True):
        np.testing.assert_array_equal(row, np.histogram(np.clip(values, 0, 10), edges)[0])


def test_the_figure_ends_at_nobodys_distance() -> None:
    ax = draw_distances(copying(private=True), plain_axes())
    end = ax.get_xlim()[1]
    assert end == float(f"{end:.1e}")
    assert end not in copying().nearest.distances
    assert end < copying().nearest.distances[:, 0].max()
