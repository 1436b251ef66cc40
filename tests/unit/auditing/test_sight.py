"""What the chosen settings see, by copies planted in the data at hand."""

import numpy as np
from torch import Tensor

from mnemoscope.auditing import MEASURES, WHOLE_SET_STATISTICS, audit
from mnemoscope.auditing.reports.page import audit_page
from mnemoscope.auditing.reports.terminal import statistic_lines
from mnemoscope.data import Dataset, load_digits

TRAIN, HOLDOUT = load_digits().split(500, seed=0)
NULL, HONEST = HOLDOUT.split(200, seed=0)


def test_what_is_searched_is_seen_and_nothing_else() -> None:
    plain = audit(HONEST, TRAIN, holdout=NULL)
    flipped = audit(HONEST, TRAIN, holdout=NULL, transformations=["flips"])
    assert plain.sight.found["exact"].fraction == flipped.sight.found["exact"].fraction == 1
    assert plain.sight.found["flip"].fraction < 0.2
    assert flipped.sight.found["flip"].fraction == 1
    assert "flip 100 %" in flipped.blind_spots[0]
    assert flipped.to_dict()["sight"]["flip"]["fraction"] == 1
    assert {rate.total for rate in plain.sight.found.values()} == {50}


def test_tables_have_no_pictures_to_plant() -> None:
    rng = np.random.default_rng(0)
    report = audit(*rng.normal(size=(2, 100, 6)), holdout=rng.normal(size=(100, 6)))
    assert list(report.sight.found) == [
        "exact",
        "noise:0.05",
        "noise:0.1",
        "brightness:0.1",
        "contrast:0.2",
        "smoothed:0.7",
    ]
    assert report.sight.found["exact"].fraction == 1


def test_in_features_copies_are_planted_in_the_pictures() -> None:
    report = audit(HONEST, TRAIN, holdout=NULL, features="pca:20")
    assert report.sight.found["exact"].fraction == 1
    assert report.provenance["features"] == "pca:20"


def test_classes_and_groups() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 1297 + 300)
    copies = audit(TRAIN.take(np.arange(60)), TRAIN, holdout=NULL, classes=labels)
    found = copies.to_dict()["extracted"]["classes"]
    assert found == {str(k): int((labels[:60] == k).sum()) for k in range(3)}
    groups = np.concatenate([np.arange(1297) // 2, 1000 + np.arange(300) // 4])
    grouped = audit(HONEST, TRAIN, holdout=NULL, groups=groups)
    assert grouped.results[0].effective < 300
    assert grouped.closeness.expected == 649 / (649 + 75)
    assert grouped.to_dict()["extracted"]["groups"] == {}


def test_copies_are_counted_by_group() -> None:
    """Of three items of one group and one of another; a private report names no group."""
    groups = np.concatenate([np.arange(1297) // 4, 1000 + np.arange(300) // 4])
    samples = Dataset(np.concatenate([TRAIN.array[[8, 9, 10, 21]], HONEST.array]), "samples", TRAIN.value_range)
    report, private = (audit(samples, TRAIN, holdout=NULL, groups=groups, private=each) for each in (False, True))
    found = report.to_dict()["extracted"]["groups"]
    assert (found["2"], found["5"]) == (3, 1)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert sum(found.values()) == report.to_dict()["extracted"]["distinct"]
    assert "group 2: 3 training items copied" in statistic_lines(report)
    assert "by group" in audit_page(report)
    assert private.to_dict()["extracted"]["groups"] is None
    assert not any("group" in line for line in statistic_lines(private))
    assert "by group" not in audit_page(private)


def test_every_measure_and_statistic_goes_through_an_audit() -> None:
    names = [*MEASURES, *WHOLE_SET_STATISTICS]
    pixels = [name for name in names if name != "cosine"]
    report = audit(TRAIN.take(np.arange(300)), TRAIN, holdout=NULL, measures=pixels)
    assert [result.name for result in report.results] == [name for name in MEASURES if name != "cosine"]
    assert all(result.rate.fraction == 1 for result in report.results)
    assert [each.name for each in report.statistics] == list(WHOLE_SET_STATISTICS)
    cosine = audit(HONEST, TRAIN, holdout=NULL, measures=["cosine"], features="cosine:pca:20")
    assert cosine.results[0].name == "cosine"


def test_every_set_is_embedded_once() -> None:
    """A network is dear: samples, held-out and training items go through it one time each."""
    seen: list[np.ndarray] = []

    def network(batch: Tensor) -> Tensor:
        seen.append(batch.numpy().reshape(len(batch), -1).copy())
        return batch.flatten(1)

    audit(HONEST, TRAIN, holdout=NULL, features=network, measures=["distance-ratio", "ct"])
    rows = np.concatenate(seen)
    for data in (HONEST, NULL):
        own = data.array.reshape(len(data), -1) / np.float32(16)
        assert [int((rows == row).all(axis=1).sum()) for row in own[:20]] == [1] * 20
