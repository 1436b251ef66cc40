"""What the files of a store hold, and how each is told whole from damaged: every one knows what it is of."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import google_crc32c
import numpy as np
from pydantic import BaseModel
from safetensors.numpy import load, save

from mnemoscope.errors import InputError, MnemoscopeError
from mnemoscope.records import JsonRecord, canonical_json
from mnemoscope.sweeps.trial import Array, Trial, Variables


class ListedTrial(BaseModel):
    """A trial of a sweep: the name of its class, and its fields."""

    trial: str
    spec: dict[str, Any]


class SweepRecord(JsonRecord):
    """sweep.json. Version 1 had no number and one kind of trial, version 2 no checksum."""

    what: ClassVar[str] = "a sweep"
    schema_version: ClassVar[int] = 3
    checked_since: ClassVar[int] = 3

    attrs: dict[str, Any]
    trials: dict[str, ListedTrial]

    @classmethod
    def from_older(cls, schema: int, content: dict[str, Any]) -> dict[str, Any]:
        if schema > 1:
            return content
        listed = {key: {"trial": content["trial"], "spec": spec} for key, spec in content["specs"].items()}
        return {"attrs": content["attrs"], "trials": listed}


class FailureRecord(JsonRecord):
    """failed/KEY.json, of the trial KEY."""

    what: ClassVar[str] = "the failed trial"

    spec: dict[str, Any]
    error: str
    traceback: str
    provenance: dict[str, Any]


class CorruptRecordError(MnemoscopeError):
    """A trial file whose content does not match its checksum."""


@dataclass(frozen=True)
class Record:
    """One finished trial as read back: its spec, its checked result, where it came from."""

    spec: dict[str, Any]
    variables: Variables
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """One trial that kept failing: its key and spec, the error in one line, the traceback, where it came from."""

    key: str
    spec: dict[str, Any]
    error: str
    traceback: str
    provenance: dict[str, Any]


def serialize_trial(trial: Trial, variables: Variables, provenance: Mapping[str, Any]) -> bytes:
    """A finished trial as the bytes of its file."""
    # In order, since safetensors writes what lies in memory, whatever the strides say.
    arrays = {name: np.asarray(array, order="C") for name, (_, array) in variables.items()}
    about = {
        "key": trial.key,
        "trial": type(trial).__name__,
        "spec": trial.spec,
        "dims": {name: list(dims) for name, (dims, _) in variables.items()},
        "provenance": dict(provenance),
    }
    record = canonical_json(about)
    return save(arrays, metadata={"record": record.decode(), "checksum": _checksum(record, arrays)})


def parse_trial(path: Path, key: str, content: bytes) -> Record:
    """The inverse, which also checks that it is the trial ``key``; ``path`` is what errors name.

    Raises:
        InputError: its checksum does not match, or it is another trial's. Content that is no trial at all may raise
            anything.
    """
    arrays = load(content)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    about = json.loads(header["record"])
    record = canonical_json(about)
    expected = _checksum(record, arrays) if "checksum" in header else _older_checksum(record, arrays)
    if header.get("checksum", header.get("sha256")) != expected:
        raise InputError(f"{path}: is damaged: its checksum does not match")
    if about.get("key", key) != key:  # trials of before have none
        raise InputError(f"{path}: is damaged: it is the result of another trial, {about['key']}")
    dims = about["dims"]
    return Record(about["spec"], {name: (tuple(dims[name]), arrays[name]) for name in dims}, about["provenance"])


def _checksum(record: bytes, arrays: Mapping[str, Array]) -> str:
    """SHA-256 of a record as JSON and of the CRC32C of contiguous arrays."""
    sums = [
        f"\n{name} {arrays[name].dtype.str} {arrays[name].shape} {google_crc32c.value(arrays[name]):08x}"
        for name in sorted(arrays)
    ]
    return hashlib.sha256(record + "".join(sums).encode()).hexdigest()


def _older_checksum(record: bytes, arrays: Mapping[str, Array]) -> str:
    """SHA-256 of all, as it was once."""
    digest = hashlib.sha256(record)
    for name in sorted(arrays):
        digest.update(f"\n{name} {arrays[name].dtype.str} {arrays[name].shape}\n".encode())
        digest.update(arrays[name].data)  # as it lies in memory, not a copy
    return digest.hexdigest()
