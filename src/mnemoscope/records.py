"""What is stored as JSON knows what it is: a schema version, and a checksum bound to its kind and key.

Everything is validated when it is read: a file that was changed, that belongs to something else (another trial, another
step), that lacks a field or that newer code wrote is refused in one line that names it. What older code wrote is read.

A record is summed by SHA-256. Tensors are summed by CRC32C, at the speed of memory, and their sums stand in records: it
misses no change within 32 bits, and any other once in four billion.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeVar

import google_crc32c
from pydantic import BaseModel, ConfigDict, ValidationError

from mnemoscope.errors import InputError
from mnemoscope.output import write_json
from mnemoscope.reading import reading
from mnemoscope.text import one_line

_BLOCK = 1 << 20
_SHA256_DIGITS = 64


class JsonRecord(BaseModel):
    """The content of one JSON file; a subclass for each kind of file declares the fields.

    Attributes:
        what: the kind, as errors call it and checksums know it: "a sweep".
        schema_version: of what is written today. Before the version ``checked_since`` there was no checksum.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    what: ClassVar[str]
    schema_version: ClassVar[int] = 2
    checked_since: ClassVar[int] = 2

    @classmethod
    def from_older(
        cls,
        schema: int,  # noqa: ARG003
        content: dict[str, Any],
    ) -> dict[str, Any]:
        """The fields of today from those of an older schema version: the same, unless a kind says otherwise."""
        return content


RecordType = TypeVar("RecordType", bound=JsonRecord)


def write_record(path: Path, record: JsonRecord, key: str = "") -> None:
    """Write a record atomically; ``key`` is what it is of, such as a trial's key.

    Raises:
        OutputError: it cannot be written.
    """
    fields = record.model_dump(mode="json", exclude_unset=True)
    head = {"schema": record.schema_version, "sha256": _checksum(record, key, record.schema_version, fields)}
    write_json(path, head | fields)


def read_record(path: Path, kind: type[RecordType], key: str = "") -> RecordType:
    """Read a record back; ``key`` is what it should be of.

    Raises:
        InputError: it is missing, damaged, changed, another's, or written by newer code; the message names the file.
    """
    with reading(path, f"the record of {kind.what}"):
        content = json.loads(path.read_bytes(), parse_constant=_no_constant)
        if not isinstance(content, dict):
            raise InputError(f"{path}: is not the record of {kind.what}")
        schema, checksum = content.pop("schema", 1), content.pop("sha256", None)
        versions = range(1, kind.schema_version + 1)
        if type(schema) is not int or schema not in versions:
            reads = " and ".join(map(str, versions))
            shown = one_line(repr(schema), 40)
            text = f"schema {shown} is unknown, this version of mnemoscope reads {reads}"
            raise InputError(f"{path}: is not the record of {kind.what}: {text}")
        if schema >= kind.checked_since and checksum != _checksum(kind, key, schema, content):
            raise InputError(f"{path}: was changed, or is not of {kind.what} {key}".rstrip())
        if schema < kind.schema_version:
            content = kind.from_older(schema, content)
        try:
            return kind.model_validate_json(json.dumps(content))
        except ValidationError as error:
            problem = error.errors()[0]
            where = one_line(".".join(map(str, problem["loc"])), 100)
            raise InputError(f"{path}: is not the record of {kind.what}: {where}: {problem['msg']}") from None


def canonical_json(value: Any) -> bytes:
    """The one way to write a JSON value: sorted names, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def file_checksum(path: Path) -> str:
    """CRC32C of a file's bytes, eight hexadecimal digits."""
    checksum = google_crc32c.Checksum()
    with path.open("rb") as file:
        for _ in checksum.consume(file, _BLOCK):
            pass
    return str(checksum.hexdigest(), "ascii")


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether that is the checksum of the file's bytes; older code wrote SHA-256, which is longer."""
    if len(checksum) < _SHA256_DIGITS:
        return file_checksum(path) == checksum
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == checksum


def _checksum(kind: JsonRecord | type[JsonRecord], key: str, schema: int, fields: Mapping[str, Any]) -> str:
    about = {"what": kind.what, "schema": schema, "key": key, "fields": fields}
    return hashlib.sha256(canonical_json(about)).hexdigest()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
