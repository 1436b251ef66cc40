"""The form of a stored record, so that what is written today is read tomorrow."""

import hashlib
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from mnemoscope import records
from mnemoscope.errors import InputError
from mnemoscope.records import JsonRecord, canonical_json, file_checksum, has_checksum, read_record, write_record
from tests.references.checksums import crc32c


class Note(JsonRecord):
    what: ClassVar[str] = "a note"

    text: str
    size: int = 3


class Later(JsonRecord):
    """The same kind of file two versions on: ``text`` is called ``words`` now."""

    what: ClassVar[str] = "a note"
    schema_version: ClassVar[int] = 4

    words: str
    size: int = 3

    @classmethod
    def from_older(cls, schema: int, content: dict[str, Any]) -> dict[str, Any]:
        assert schema in (1, 2, 3)
        return {"words" if name == "text" else name: value for name, value in content.items()}


class Other(Note):
    what: ClassVar[str] = "a letter"


def test_what_is_written(tmp_path: Path) -> None:
    """Schema, checksum and the fields that were given; the checksum is of all of these and of what and whose it is."""
    write_record(tmp_path / "note.json", Note(text="größe"), "k1")
    about = '{"fields":{"text":"größe"},"key":"k1","schema":2,"what":"a note"}'
    checksum = hashlib.sha256(about.encode()).hexdigest()
    written = json.loads((tmp_path / "note.json").read_text(encoding="utf-8"))
    assert written == {"schema": 2, "sha256": checksum, "text": "größe"}
    assert read_record(tmp_path / "note.json", Note, "k1") == Note(text="größe")


class Parts(JsonRecord):
    """Fields of every form that JSON can say in words of its own, and one that takes any."""

    what: ClassVar[str] = "parts"

    place: Path
    when: datetime
    pair: tuple[int, float]
    inner: Note
    free: Any = None


PARTS = Parts(place=Path("a"), when=datetime(2025, 1, 2, tzinfo=UTC), pair=(1, 0.5), inner=Note(text="x"), free=[{}])


def test_fields_of_other_types_come_back(tmp_path: Path) -> None:
    write_record(tmp_path / "parts.json", PARTS)
    assert read_record(tmp_path / "parts.json", Parts) == PARTS


def test_a_record_stays_as_it_was_checked() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        PARTS.pair = (2, 1.0)
    with pytest.raises(ValidationError, match="finite"):
        Parts.model_validate({**PARTS.model_dump(), "pair": (1, math.nan)})


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("field", ["pair", "free"])
def test_a_number_that_json_lacks_is_refused_with_or_without_a_checksum(tmp_path: Path, word: str, field: str) -> None:
    path = tmp_path / "parts.json"
    write_record(path, PARTS)
    text = path.read_text().replace("0.5" if field == "pair" else "{}", word)
    for content in (text, json.dumps({k: v for k, v in json.loads(text).items() if k not in ("schema", "sha256")})):
        assert word in content
        path.write_text(content)
        with pytest.raises(InputError, match=f"{word} is no JSON"):
            read_record(path, Parts)


@pytest.mark.parametrize(("kind", "key"), [(Note, "k2"), (Note, ""), (Other, "k1")])
def test_it_is_bound_to_its_kind_and_key(tmp_path: Path, kind: type[Note], key: str) -> None:
    write_record(tmp_path / "note.json", Note(text="x"), "k1")
    shown = f"{kind.what} {key}".rstrip()
    with pytest.raises(InputError, match=f"was changed, or is not of {shown}$"):
        read_record(tmp_path / "note.json", kind, key)


def test_every_older_version_is_read_with_its_own_checksum(tmp_path: Path) -> None:
    """Version 2 has a checksum and is held to it by newer code; version 1 has none."""
    path = tmp_path / "note.json"
    write_record(path, Note(text="x"), "k1")
    assert read_record(path, Later, "k1") == Later(words="x")
    path.write_text(path.read_text().replace('"x"', '"y"'))
    with pytest.raises(InputError, match="was changed"):
        read_record(path, Later, "k1")
    for old in ({"text": "x"}, {"schema": 1, "text": "x"}):
        path.write_text(json.dumps(old))
        assert read_record(path, Later, "anything") == Later(words="x")
    write_record(path, Later(words="x"), "k1")
    with pytest.raises(InputError, match="schema 4 is unknown, this version of mnemoscope reads 1 and 2"):
        read_record(path, Note, "k1")
    assert read_record(path, Later, "k1").words == "x"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"text": 3}, "text: Input should be a valid string"),
        ({"text": "x", "more": 1}, "more: Extra inputs"),
        ({"size": 2}, "text: Field required"),
        ([], "is not the record of a note"),
        ({"schema": 3, "text": "x"}, "schema 3 is unknown"),
        ({"schema": True, "text": "x"}, "schema True is unknown"),
        ({"schema": 2, "text": "x"}, "was changed"),
    ],
)
def test_what_is_refused_is_said(tmp_path: Path, content: object, complaint: str) -> None:
    (tmp_path / "note.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=complaint) as raised:
        read_record(tmp_path / "note.json", Note)
    assert str(raised.value).startswith(str(tmp_path / "note.json"))


def test_canonical_json_is_one_text() -> None:
    assert canonical_json({"b": [1, 2.5, None], "a": "ä"}) == '{"a":"ä","b":[1,2.5,null]}'.encode()
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("inf"))


@pytest.mark.parametrize("content", [b"123456789", b"", bytes(range(256)) * 20])
def test_the_checksum_of_a_file(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_BLOCK", 1000)
    path = tmp_path / "x"
    path.write_bytes(content)
    slow = f"{crc32c(content):08x}"
    assert file_checksum(path) == slow
    assert slow == "e3069283" or content != b"123456789"
    older = hashlib.sha256(content).hexdigest()
    assert has_checksum(path, slow)
    assert has_checksum(path, older)
    path.write_bytes(content + b"x")
    assert not has_checksum(path, slow)
    assert not has_checksum(path, older)
