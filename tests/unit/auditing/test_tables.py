"""Audits of tables: the whole command, copies that are found, classes and groups, and arrays without a scale."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator

from mnemoscope.auditing import Report, audit, make_features, report_schema
from mnemoscope.auditing.features.z_scores import scale_note
from mnemoscope.auditing.reports.record import column_rows
from mnemoscope.cli import main
from mnemoscope.data import Dataset, load
from mnemoscope.errors import InputError


def people(n: int, seed: int) -> pd.DataFrame:
    """Rows of six columns in units of their own; names are of no use."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    return pd.DataFrame(
        {
            "id": np.arange(n) + 1000 * seed,
            "age": (45 + 12 * z[:, 0] + 6 * rng.normal(size=n)).round(1),
            "income": np.exp(10 + z[:, 1] + 0.3 * rng.normal(size=n)).round(2),
            "height": (1.7 + 0.1 * z.sum(axis=1) + 0.05 * rng.normal(size=n)).round(3),
            "town": rng.choice(["Bonn", "Köln", "Ulm"], n),
            "since": pd.to_datetime("2010-01-01") + pd.to_timedelta(rng.integers(0, 4000, n), "D"),
        }
    )


TRAIN, HOLDOUT, FRESH = people(300, 0), people(250, 1), people(200, 2)


def copier(n: int = 40) -> pd.DataFrame:
    """The first rows are training rows with noise of 2 % of the columns' standard deviations."""
    rng = np.random.default_rng(3)
    made = FRESH.copy()
    made.iloc[:n] = TRAIN.iloc[:n]
    for name in ("age", "income", "height"):
        made.loc[: n - 1, name] += 0.02 * TRAIN[name].std() * rng.normal(size=n)
    return made


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["mnemoscope", "audit", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    return int(stopped.value.code or 0)


def test_the_whole_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """Copies with a little noise in every column are found, and the report says what the columns were taken for."""
    monkeypatch.chdir(tmp_path)
    for name, frame in (("train", TRAIN), ("test", HOLDOUT), ("synthetic", copier())):
        frame.to_csv(f"{name}.csv", index=False)
    assert command(monkeypatch, "synthetic.csv", "train.csv", "--holdout", "test.csv", "--fail-if-memorizes") == 1
    printed = capsys.readouterr().out
    for said in ("income", "numeric", "Missing in train", "identifiers have"):
        assert said in printed
    report = json.loads(Path("mnemoscope-audit/report.json").read_text(encoding="utf-8"))
    Draft202012Validator(report_schema()).validate(report)
    columns = report["provenance"]["data"]["train"]["source"]["columns"]
    assert [column["kind"] for column in columns.values()] == ["left-out", *["numeric"] * 3, "categorical", "date"]
    listed = {pair["generated"] for pair in report["flagged"] if pair["listed"]}
    assert len(listed & set(range(40))) >= 38
    assert len(listed - set(range(40))) <= 3
    page = Path("mnemoscope-audit/report.html").read_text(encoding="utf-8")
    assert "What the columns were taken for (6)" in page
    # What is wrong is one line that names file and column, and no report is written.
    TRAIN.drop(columns="town").to_csv("less.csv", index=False)
    for arguments, said in (
        (["less.csv", "train.csv"], "less.csv: lacks 1 columns of train, 'town'"),
        (["synthetic.csv", "train.csv", "--column", "town"], "--column: needs NAME=KIND"),
        (["synthetic.csv", "train.csv", "--column", "city=left-out"], "train.csv: has no column 'city'"),
        (["synthetic.csv", "train.csv", "--schema", "train.csv"], "train.csv: cannot be read as JSON"),
    ):
        assert command(monkeypatch, *arguments, "--out", "other") == 2
        assert said in capsys.readouterr().err
    assert not Path("other").exists()


def report_of(samples: Any, **options: Any) -> Report:
    return audit(samples, **{"train": TRAIN, "holdout": HOLDOUT} | options)


def test_the_same_in_python() -> None:
    """Honest rows are not accused; frames, files and data sets of one schema give one report."""
    honest = report_of(FRESH)
    assert not honest.memorizes
    assert honest.copies.listed.sum() == 0
    train = load(TRAIN)
    again = report_of(load(FRESH, schema=train.schema), train=train, holdout=load(HOLDOUT, schema=train.schema))
    assert again.verdict == honest.verdict
    turned = report_of(FRESH[FRESH.columns[::-1]])
    np.testing.assert_array_equal(turned.nearest.indices, honest.nearest.indices)
    with pytest.raises(InputError, match=r"was not read by the schema of .*: load\(\.\.\., schema=train\.schema\)"):
        report_of(load(FRESH))
    with pytest.raises(InputError, match="give both as tables"):
        audit(load(FRESH), TRAIN[["age", "income"]].to_numpy())
    with pytest.raises(InputError, match="schema: train is no data frame"):
        audit(np.zeros((9, 2)), np.zeros((9, 2)), schema={"age": "numeric"})


def test_columns_of_classes_and_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of groups is not compared, and its groups are the units; classes are strata."""
    schema = {"id": "group", "town": "class"}
    parts = [frame.assign(id=frame.id // 2) for frame in (TRAIN, HOLDOUT)]
    found = report_of(copier(), train=parts[0], holdout=parts[1], schema=schema)
    assert found.groups is not None
    assert len(found.groups.names) == 275
    assert found.extracted_by_class is not None
    assert set(found.extracted_by_class) == {"Bonn", "Köln", "Ulm"}
    given = report_of(
        copier(),
        schema={"id": "left-out"},
        classes=[*TRAIN.town, *HOLDOUT.town],
        groups=[*parts[0].id, *parts[1].id],
    )
    assert given.to_dict()["closeness"] == found.to_dict()["closeness"]
    monkeypatch.chdir(tmp_path)
    for name, frame in (("train", parts[0]), ("test", parts[1]), ("synthetic", copier())):
        frame.to_csv(f"{name}.csv", index=False)
    options = ["--holdout", "test.csv", "--groups-column", "id", "--classes-column", "town"]
    assert command(monkeypatch, "synthetic.csv", "train.csv", *options) == 0
    report = json.loads(Path("mnemoscope-audit/report.json").read_text(encoding="utf-8"))
    assert report["extracted"]["groups"]
    assert report["extracted"]["classes"] == found.extracted_by_class
    with pytest.raises(InputError, match=r"groups: .* of them are in train and in the held-out set"):
        report_of(copier(), train=parts[0], holdout=parts[1].assign(id=parts[0].id[:250]), schema=schema)


def test_a_private_report_holds_no_content() -> None:
    train = TRAIN.assign(grade=np.where(TRAIN.age > 40, "grade-a", "grade-b"))
    train.loc[:3, "age"] = np.nan
    samples, holdout = (
        frame.assign(grade=np.where(frame.age > 40, "grade-a", "grade-b"))
        for frame in (FRESH.replace("Bonn", "Trier"), HOLDOUT)
    )
    schema = {"grade": "ordinal:grade-b<grade-a"}
    texts = {
        private: json.dumps(audit(samples, train, holdout=holdout, schema=schema, private=private).to_dict())
        for private in (False, True)
    }
    for content in ("grade-a", "Trier"):
        assert [content in texts[private] for private in (False, True)] == [True, False]
    columns = json.loads(texts[True])["provenance"]["data"]["train"]["source"]["columns"]
    assert columns["age"]["missing"] is None
    Draft202012Validator(report_schema()).validate(json.loads(texts[True]))


def unscaled(n: int, seed: int) -> np.ndarray:
    """Twenty columns in units of their own; one has numbers in the millions."""
    rng = np.random.default_rng(seed)
    scales = np.r_[1e6, np.geomspace(0.01, 100, 19)]
    return rng.normal(size=(n, 20)) * scales


def test_arrays_without_a_scale_are_warned_of() -> None:
    """Rows that are copies but for one column of large numbers hide there, and not among z-scores."""
    train, holdout, samples = (unscaled(n, seed) for n, seed in ((300, 0), (250, 1), (200, 2)))
    samples[:20, 1:] = train[:20, 1:]
    samples[:20, 0] = train[:20, 0] + 0.1e6 * np.random.default_rng(4).normal(size=20)
    plain, scaled = (audit(samples, train, holdout=holdout, features=f) for f in ("pixels", "z-scores"))
    assert plain.copies.listed[:20].mean() < 0.2
    assert scaled.copies.listed[:20].all()
    warned = [any("1 of its 20 columns makes 99 %" in said for said in each.warnings) for each in (plain, scaled)]
    assert warned == [True, False]
    even = audit(samples / unscaled(300, 0).std(axis=0), train / unscaled(300, 0).std(axis=0), holdout=None)
    assert not any("of its 20 columns" in said for said in even.warnings)


@pytest.mark.parametrize(("columns", "constant", "said"), [(4, 0, True), (3, 0, False), (3, 1, False), (5, 1, True)])
def test_one_column_in_four_that_vary_is_too_few(columns: int, constant: int, said: bool) -> None:
    table = np.random.default_rng(0).normal(size=(200, columns)) * np.r_[1e6, np.ones(columns - 1)]
    table = np.concatenate([table, np.ones((200, constant))], axis=1)
    notes = scale_note(Dataset(table))
    assert [f"1 of its {columns} columns makes 99 %" in note for note in notes] == [True] * said


def test_z_scores() -> None:
    """Of the training set's means and standard deviations, for every set; what is constant there keeps its unit."""
    train, other = unscaled(30, 0), unscaled(7, 1)
    train[:, 3] = 2.0
    embedding = make_features("z-scores").fit(Dataset(train))
    spread = train.std(axis=0)
    spread[3] = 1
    expected = (other - train.mean(axis=0)) / spread
    np.testing.assert_allclose(embedding.embed(Dataset(other)).array, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="z-scores take no setting"):
        make_features("z-scores:2")


@pytest.mark.parametrize(("private", "said"), [(False, ["4", "23", "0"]), (True, ["under 10", "23", "0"])])
def test_missing_cells_are_counted_and_few_of_them_kept_private(private: bool, said: list[str]) -> None:
    rows = TRAIN.copy()
    rows.loc[:3, "age"] = np.nan
    rows.loc[10:32, "income"] = np.nan
    report = audit(FRESH, train := load(rows), private=private)
    missing = {name: cells for name, _, _, cells in column_rows(report)}
    assert train.schema is not None
    assert [missing[name] for name in ("age", "income", "height")] == said
