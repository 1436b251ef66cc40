"""Tables as they come: every form of a file gives the rows that are in it, and says so, or is refused in one line."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.data import Dataset, load, load_together
from mnemoscope.errors import InputError, MissingExtraError
from tests.robustness.damage import KINDS, Damage, damaged

N = 40
RNG = np.random.default_rng(7)
FRAME = pd.DataFrame(
    {
        "size": (1000 * RNG.random(N)).round(2),
        "colour": RNG.choice(["red", "blue", "Grün"], N),
        "when": pd.to_datetime("2020-01-01") + pd.to_timedelta(RNG.integers(0, 900, N), "D"),
        "note": RNG.choice(["a, b", 'say "c"', "two\nlines"], N),
        "ok": RNG.random(N) < 0.5,
    }
)
PLAIN = FRAME.to_csv(index=False)


def written(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def semicolons(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, sep=";", decimal=",")


FORMS: dict[str, tuple[Callable[[], str | bytes], str, str]] = {
    "plain": (lambda: PLAIN, "a.csv", ""),
    "a mark of UTF-8": (lambda: PLAIN.encode("utf-8-sig"), "a.csv", ""),
    "UTF-16": (lambda: PLAIN.encode("utf-16"), "a.csv", "was read as utf-16"),
    "Windows-1252": (lambda: PLAIN.encode("cp1252"), "a.csv", "was read as Windows-1252"),
    "tabs": (lambda: FRAME.to_csv(index=False, sep="\t"), "a.tsv", ""),
    "tabs in a .csv": (lambda: FRAME.to_csv(index=False, sep="\t"), "a.csv", "columns are separated by tabs"),
    "semicolons and decimal commas": (lambda: semicolons(FRAME), "a.csv", "numbers are written with decimal commas"),
    "bars": (lambda: FRAME.to_csv(index=False, sep="|"), "a.csv", "columns are separated by bars"),
    "gzip": (lambda: gzip.compress(PLAIN.encode()), "a.csv.gz", ""),
    "Windows' ends of lines": (lambda: FRAME.to_csv(index=False, lineterminator="\r\n"), "a.csv", ""),
    "all quoted": (lambda: FRAME.to_csv(index=False, quoting=1), "a.csv", ""),
    "blank lines": (lambda: PLAIN + "\n\n", "a.csv", "2 of 42 rows were passed over, blank lines"),
    "dates as in Germany": (
        lambda: FRAME.assign(when=FRAME.when.dt.strftime("%d.%m.%Y")).to_csv(index=False),
        *("a.csv", ""),
    ),
    "dates as in America": (
        lambda: FRAME.assign(when=FRAME.when.dt.strftime("%m/%d/%Y")).to_csv(index=False),
        *("a.csv", ""),
    ),
    "dates with months by name": (
        lambda: FRAME.assign(when=FRAME.when.dt.strftime("%d %b %Y")).to_csv(index=False),
        *("a.csv", ""),
    ),
    "dates in two forms": (
        lambda: FRAME.assign(
            when=np.where(
                np.arange(N) % 2, FRAME.when.dt.strftime("%d %B %Y"), FRAME.when.dt.strftime("%Y-%m-%dT00:00Z")
            )
        ).to_csv(index=False),
        *("a.csv", ""),
    ),
    "truth values in capitals": (
        lambda: FRAME.assign(ok=FRAME.ok.map(str).str.upper()).to_csv(index=False),
        "a.csv",
        "",
    ),
    "commas between thousands": (
        lambda: FRAME.assign(size=FRAME["size"].map(lambda value: f"{1000 * value:,.1f}")).to_csv(index=False),
        *("a.csv", "with commas between thousands"),
    ),
    "an index and constant, empty and repeated columns": (
        lambda: FRAME.assign(k=3, empty=None).reset_index(names="").to_csv(index=False),
        *("a.csv", "1 columns were left out, no cell is filled: empty"),
    ),
    "delimiters at the ends of rows": (
        lambda: "\n".join(line + "," if place else line for place, line in enumerate(SIMPLE.splitlines())),
        *("simple.csv", "every row but the first ends with a delimiter"),
    ),
    "names of rows, as R writes them": (
        lambda: "\n".join(f"r{place},{line}" if place else line for place, line in enumerate(SIMPLE.splitlines())),
        *("simple.csv", "it was called 'row names'"),
    ),
}
SIMPLE = FRAME[["size", "colour", "ok"]].to_csv(index=False)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_rows(tmp_path: Path, form: str) -> None:
    make, name, said = FORMS[form]
    found = load(written(tmp_path, make(), name))
    expected = load(FRAME[["size", "colour", "ok"]] if name == "simple.csv" else FRAME)
    np.testing.assert_allclose(found.array, expected.array, atol=1e-9)
    assert said in " | ".join(found.notes)
    assert found.source is not None
    assert found.source["seen"] - found.source["read"] == (2 if form == "blank lines" else 0)
    if not said:
        assert found.notes == expected.notes


def test_parquet_gives_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FRAME.to_parquet(tmp_path / "a.parquet")
    np.testing.assert_array_equal(load(tmp_path / "a.parquet").array, load(FRAME).array)
    written(tmp_path, PLAIN, "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet: is damaged or cannot be read"):
        load(tmp_path / "b.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mnemoscope\[tables\]'"):
        load(tmp_path / "a.parquet")


def test_kinds_are_inferred_and_may_be_declared(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=N),
            "few": rng.integers(0, 5, N),
            "two": rng.choice([3, 7], N),
            "word": rng.choice(["x", "y"], N),
            "day": pd.date_range("2021-01-01", periods=N),
            "size": pd.Categorical(rng.choice(["S", "M", "L"], N), ["S", "M", "L"], ordered=True),
            "key": rng.permutation(N),
            "name": [f"n{place}" for place in range(N)],
            "same": "x",
            "gap": np.where(np.arange(N) < 3, np.nan, rng.normal(size=N)),
        }
    )
    read = load(frame)
    assert read.schema is not None
    kinds = {name: column["kind"] for name, column in read.schema.to_dict().items()}
    assert kinds == {
        **{"number": "numeric", "few": "numeric", "two": "categorical", "word": "categorical", "day": "date"},
        **{"size": "ordinal", "key": "left-out", "name": "left-out", "same": "left-out", "gap": "numeric"},
    }
    assert read.source is not None
    assert read.source["columns"] == read.schema.to_dict()
    for said in (
        "2 columns were left out, every row has another content, as identifiers have: key, name",
        "1 columns were left out, one content throughout: same",
        "1 columns have no more than 10 whole numbers and were read as numeric, not as codes of categories: few",
        "cells are missing in 1 columns, such as gap (3)",
    ):
        assert said in read.notes
    (tmp_path / "schema.json").write_text(json.dumps({"columns": read.schema.to_dict()}))
    again = load(frame, schema=tmp_path / "schema.json")
    np.testing.assert_array_equal(again.array, read.array)
    other = load(frame, schema={"few": "ordinal", "key": "numeric", "two": {"kind": "numeric"}, "word": "class"})
    assert other.schema is not None
    assert [other.schema.to_dict()[name]["kind"] for name in ("few", "key", "word")] == ["ordinal", "numeric", "class"]
    assert other.classes == tuple(frame.word)
    assert not other.schema.to_dict()["key"]["inferred"]
    grouped = load(frame.assign(key=np.arange(N) // 2), schema={"key": "group"})
    assert grouped.groups == tuple(str(place // 2) for place in range(N))
    assert not any("key" in name for name in grouped.schema.coordinates)
    part = grouped.take(np.array([5, 0]))
    assert (part.groups, part.schema) == (("2", "0"), grouped.schema)


REFUSED: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "empty": ("", {}, r"a\.csv: is empty"),
    "blank": ("\n \n\n", {}, r"a\.csv: is empty"),
    "a header alone": ("x,y\n", {}, "has columns x, y and no rows"),
    "a longer row": ("x,y\n1,2\n3,4\n5,6,7\n", {}, r"line 4 has 3 cells, the header 2"),
    "a shorter row": ("x,y\n1,2\n3\n", {}, r"line 3 has 1 cells, the header 2"),
    "two columns of one name": ("x,y,x\n1,2,3\n4,5,7\n", {}, r"columns 1, 3 are all called 'x'"),
    "an open quote": ('x,y\n"1,2\n' + "3,4\n" * 40_000, {}, r"line \d+ cannot be read .*: is a quote left open\?"),
    "no text": (b"x,y\n1,\x00\n", {}, r"is no text: there is a control character \(0x00\) in line 2"),
    "no encoding": (b"x,y\n1,\xff\x81\n", {}, r"neither UTF-8 nor Windows-1252 \(byte 0x81\)"),
    "infinite": ("x\n1.5\n2.5\ninf\n", {}, r"row 2 of column 'x' is 'inf', infinite"),
    "too large": ("x\n1.5\n2.5\n1e400\n", {}, r"row 2 of column 'x' is '1e400', infinite"),
    "words among numbers": (
        "x\n" + "".join(f"{place}.5\n" for place in range(60)) + "about 7\n",
        *({}, r"row 60 of column 'x' is 'about 7' among 60 different numbers: declare it numeric"),
    ),
    "days or months": ("x,y\n01/02/2020,1.5\n03/04/2020,2.5\n01/02/2020,3.5\n", {}, "declare it as date:%d/%m/%Y"),
    "no order": (
        "x,y\nlow,1.5\nhigh,2.5\nlow,3.5\n",
        {"x": "ordinal"},
        "declare it as ordinal:high<low, in their order",
    ),
    "no level": (
        "x\nlow\nhigh\nmid\n",
        {"x": "ordinal:low<high"},
        r"row 2 of column 'x' is 'mid', no level of low, high",
    ),
    "no date": ("x\n2020-01-01\nsoon\n", {"x": "date"}, r"row 1 of column 'x' is 'soon', no date"),
    "nothing to compare": ("x,y\na,1\nb,1\n", {}, r"leaves no column to compare: x \(every row .*\), y \(one content"),
    "no such column": ("x\n1.5\n2.5\n", {"z": "numeric"}, "has no column 'z'; it has x"),
    "no such kind": ("x\n1.5\n2.5\n", {"x": "number"}, "schema: column 'x': unknown name 'number'"),
    "one level": ("x\n1.5\n2.5\n", {"x": "ordinal:low"}, "needs two different levels or more"),
    "two classes": ("x,y\n1,2\n2,1\n1,1\n", {"x": "class", "y": "class"}, "columns x, y are all declared class"),
    "a web page": ("<!doctype html>\n<p>x,y</p>\n", {}, "is a web page"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, what: str) -> None:
    content, schema, said = REFUSED[what]
    path = written(tmp_path, content)
    with pytest.raises(InputError, match=said) as caught:
        load(path, schema=schema or None)
    assert str(caught.value).startswith((str(path), "schema"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "names", "n"),
    [
        ("1.5,red\n2.5,blue\n3.5,red\n4.5,blue\n", ["column 1", "column 2"], 4),
        ("red,blue\nred,red\nblue,blue\n", ["column 1", "column 2"], 3),
        ("a,b\nred,1\nblue,2\nred,3\n", ["a", "b"], 3),
        ("a,2020\nred,1.5\nblue,2.5\nred,3.5\nred,4.5\n", ["a", "2020"], 4),
        ("7\n8.5\n9.5\n", ["column 1"], 3),
        ("0,1,2,3\n1,2,3,4\n5,1,2,3\n", ["0", "1", "2", "3"], 2),
        ("1,2,3,4\n0.5,2,3,4\n5,1,2,3\n", ["1", "2", "3", "4"], 2),
        (",0,1,2,3\n0,7,2,3,4\n1,5,1,2,3\n", ["column 1", "0", "1", "2", "3"], 2),
        ("0,1,2\n1,2,3\n5,1,2\n", ["column 1", "column 2", "column 3"], 3),
        ("0,1,3,2\n1,2,3,4\n5,1,2,3\n", ["column 1", "column 2", "column 3", "column 4"], 3),
    ],
)
def test_a_header_is_told_by_what_is_below(tmp_path: Path, content: str, names: list[str], n: int) -> None:
    read = load(written(tmp_path, content), schema=None)
    assert read.schema is not None
    assert [column.name for column in read.schema.columns] == names
    assert read.n_samples == n
    assert any("no header" in note for note in read.notes) == names[-1].startswith("column")
    assert any("counts the columns" in note for note in read.notes) == (names[-1] in ("3", "4"))
    assert any("though it has numbers" in note for note in read.notes) == ("2020" in names)


class TestOtherSets:
    def read(self, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Dataset:
        return load(change(FRAME), schema=load(FRAME).schema)

    def test_values_are_no_names_that_count_the_columns(self, tmp_path: Path) -> None:
        """A row of values may have the same numbers as the header; columns without their names are refused."""
        train = load(written(tmp_path, "0,1,2,3\n1,2,3,7\n5,1,2,3\n"))
        assert train.schema is not None
        with pytest.raises(InputError, match="0"):
            load(written(tmp_path, "0,1,3,2\n1,2,3,7\n5,1,2,3\n"), schema=train.schema)
        assert load(written(tmp_path, "0,1,2,3\n4,2,3,7\n"), schema=train.schema).n_samples == 1

    def test_columns_are_matched_by_name(self) -> None:
        train = load(FRAME)
        other = self.read(lambda frame: frame[frame.columns[::-1]].assign(more=1))
        np.testing.assert_array_equal(other.array, train.array)
        assert other.value_range == train.value_range
        assert other.notes == (
            "1 columns that train does not have were not read: more",
            "its columns stand in another order than train's, and were matched by their names",
        )
        with pytest.raises(InputError, match=r"lacks 1 columns of train, 'size'; is it 'Size'\?"):
            self.read(lambda frame: frame.rename(columns={"size": "Size"}))

    def test_what_train_does_not_have_is_said(self) -> None:
        other = self.read(lambda frame: frame.assign(colour="pink", size=frame["size"].where(frame.index > 1)))
        assert other.notes == (
            "cells of column size are missing, and none of train's, such as 2 of 40",
            "column colour has contents that train's does not have, such as pink; they are 1, in 40 of 40 rows",
        )
        with pytest.raises(InputError, match="row 0 of column 'size' is 'large', no number"):
            self.read(lambda frame: frame.assign(size="large"))
        constant = load(FRAME.assign(k=1))
        said = load(FRAME.assign(k=[1, 2] * 20), schema=constant.schema).notes
        assert (
            "column k is constant in train and left out, and has other contents here, such as in 20 of 40 rows" in said
        )

    def test_one_value_in_other_words(self) -> None:
        """Truth values as numbers, whole numbers with a point, dates in another form, words as numbers by order."""
        train = load(FRAME.assign(code=np.arange(N) % 4), schema={"code": "categorical", "size": "numeric"})
        other = FRAME.assign(
            code=(np.arange(N) % 4).astype(float), ok=FRAME.ok.astype(int), when=FRAME.when.dt.strftime("%d.%m.%Y")
        )
        read = load(other, schema=train.schema)
        np.testing.assert_array_equal(read.array, train.array)
        assert read.notes == ()
        holes = load(FRAME.assign(code=0, size="unknown"), schema=train.schema)
        assert "cells of column size that are no numbers were read as missing, such as 40" in holes.notes

    def test_arrays_without_names(self, tmp_path: Path) -> None:
        values = RNG.normal(size=(N, 3))
        train = written(tmp_path, pd.DataFrame(values, columns=[*"abc"]).to_csv(index=False))
        np.save(tmp_path / "b.npy", values[:5])
        sets = load_together({"train": train, "generated": tmp_path / "b.npy"})
        np.testing.assert_allclose(sets["generated"].array, sets["train"].array[:5])
        assert sets["generated"].notes == ("has no names of columns: they were taken in the order of train's",)
        np.save(tmp_path / "b.npy", values[:, :2])
        with pytest.raises(InputError, match=r"b\.npy: is an array of event shape \(2,\) without names of columns"):
            load_together({"train": train, "generated": tmp_path / "b.npy"})
        with pytest.raises(InputError, match=r"b\.npy: is no table, and has no columns to declare"):
            load(tmp_path / "b.npy", schema={"x": "numeric"})


def test_frames_of_every_type() -> None:
    whole = pd.Series([1, 2, None, 4, 8, 9] * 4)
    same = [
        whole,
        whole.astype("Int64"),
        whole.astype("Float32"),
        whole.astype(object),
        pd.to_timedelta(whole, "s"),
        whole.map({1.0: "1", 2.0: "2", 4.0: "4.0", 8.0: " 8", 9.0: "9e0"}),
        whole.astype("Int64").astype("string"),
    ]
    arrays = [load(pd.DataFrame({"x": column})).array for column in same]
    for array in arrays[1:]:
        np.testing.assert_allclose(array, arrays[0], atol=1e-12)
    moments = pd.Series(pd.date_range("2020-01-01", periods=24, freq="36h"))
    times = [moments, moments.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"), moments.astype(str), moments.dt.date]
    read = [load(pd.DataFrame({"x": column})).array for column in times[:3]]
    np.testing.assert_allclose(read[1], read[0], atol=1e-9)
    np.testing.assert_allclose(read[2], read[0], atol=1e-9)
    assert load(pd.DataFrame({"x": times[3]})).schema.columns[0].kind == "date"
    for bad, said in (
        (pd.DataFrame({"x": [[1], [2]]}), "row 0 of column 'x' holds a list, not a single value"),
        (pd.DataFrame({"x": [1j, 2j]}), "column 'x' holds complex numbers"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "columns 1, 2 are all called 'x'"),
        (pd.DataFrame({"x": []}), "has columns x and no rows"),
        (pd.DataFrame(index=[1, 2]), "has no columns"),
        (pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")])), "names of 2 levels"),
    ):
        with pytest.raises(InputError, match=said):
            load(bad)
    assert "its index is not read" in load(FRAME.set_index("note")).notes


damage = st.builds(Damage, st.sampled_from(KINDS), st.floats(0, 1), st.integers(0, 10**6))


@settings(max_examples=150)
@given(
    damages=st.lists(damage, min_size=1, max_size=5), form=st.sampled_from(["plain", "semicolons and decimal commas"])
)
def test_damaged_tables_are_read_or_named(tmp_path_factory: pytest.TempPathFactory, damages: list, form: str) -> None:
    content = FORMS[form][0]()
    path = tmp_path_factory.getbasetemp() / "damaged.csv"
    path.write_bytes(damaged(content.encode() if isinstance(content, str) else content, damages))
    try:
        read = load(path)
    except InputError as error:
        message = str(error)
        assert message.startswith(str(path))
        assert "\n" not in message
    else:
        assert np.isfinite(read.array).all()
        assert read.schema is not None
        assert read.array.shape == (read.n_samples, read.schema.width)
