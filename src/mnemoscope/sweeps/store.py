"""The store: one file per finished trial, from which the labelled results are built.

    DIR/sweep.json                  what is being swept: attributes, and by its key every trial's kind and spec
    DIR/trials/KEY.safetensors      one finished trial: arrays, spec, provenance and a SHA-256 over all of them
    DIR/failed/KEY.json             one trial that kept failing: spec, traceback, provenance
    DIR/results.zarr                all trials with named dimensions, a group for each kind: xarray.open_datatree
    DIR/lock                        held by the one process that drives the sweep

The trial files are the truth, each one atomic write by the process that computed it, so whoever dies takes no
finished trial along. results.zarr is derived from them: rebuilt whole, put in place in one step, never repaired.
It holds nothing but specs and results, so that a sweep that was interrupted ends with the same bytes as one that
was not; seconds and hosts stay in the trial files. No pickle is ever read.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numcodecs  # type: ignore[import-untyped]
import xarray as xr
from safetensors import SafetensorError
from safetensors.numpy import load, save

from mnemoscope.errors import InputError, MnemoscopeError
from mnemoscope.output import atomic_file, output_folder, output_subfolder, remove_temporaries, write_json
from mnemoscope.sweeps.files import lock, output_errors, replace_folder
from mnemoscope.sweeps.table import tabulate_kinds
from mnemoscope.sweeps.trial import Array, Trial, Variables, canonical_json

SCHEMA = 2
"""Of sweep.json. Version 1 had no number and one kind of trial."""


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


@dataclass(frozen=True)
class Store:
    """The trials of one sweep under the directory ``root``. Each file is read and checked once in a store's life."""

    root: Path
    _read: dict[str, Record] = field(default_factory=dict, repr=False, compare=False)

    @property
    def results_path(self) -> Path:
        """Where the labelled results are."""
        return self.root / "results.zarr"

    def create(self) -> None:
        """Make the folders.

        Raises:
            OutputError: they cannot be made or written to, or one within the store is a link.
        """
        root, *inner = self._folders
        output_folder(root)
        for folder in inner:
            output_subfolder(folder)

    def lock(self) -> AbstractContextManager[None]:
        """The right to drive this sweep, for one process at a time.

        Raises:
            InputError: another process has it.
        """
        return lock(self.root / "lock")

    def clean(self) -> None:
        """Remove what killed writers left half-done."""
        for folder in self._folders:
            remove_temporaries(folder)

    def has(self, key: str) -> bool:
        """Whether the trial is finished."""
        return self._trial(key).exists()

    def write(self, trial: Trial, variables: Variables, provenance: Mapping[str, Any]) -> None:
        """Record a finished trial.

        Raises:
            OutputError: it cannot be written.
        """
        arrays = {name: array for name, (_, array) in variables.items()}
        about = {
            "trial": type(trial).__name__,
            "spec": trial.spec,
            "dims": {name: list(dims) for name, (dims, _) in variables.items()},
            "provenance": dict(provenance),
        }
        metadata = {"record": canonical_json(about).decode(), "sha256": _checksum(about, arrays)}
        with atomic_file(self._trial(trial.key), sync=False) as temporary:  # torn files fail their checksum
            temporary.write_bytes(save(arrays, metadata=metadata))
        self._failure(trial.key).unlink(missing_ok=True)

    def read(self, key: str) -> Record:
        """A finished trial, checked.

        Raises:
            CorruptRecordError: the file is not what was written.
            FileNotFoundError: the trial is not finished.
        """
        if key in self._read:
            return self._read[key]
        path = self._trial(key)
        content = path.read_bytes()
        try:
            arrays = load(content)
            header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
            about = json.loads(header["record"])
            whole = header["sha256"] == _checksum(about, arrays)
            dims = about["dims"]
            record = Record(about["spec"], {n: (tuple(dims[n]), arrays[n]) for n in dims}, about["provenance"])
        except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorruptRecordError(f"{path}: is damaged: {error}") from None
        if not whole:
            raise CorruptRecordError(f"{path}: is damaged: its checksum does not match")
        return self._read.setdefault(key, record)

    def discard(self, key: str) -> None:
        """Forget a finished trial, so that it is computed again."""
        with output_errors(self._trial(key)):
            self._trial(key).unlink(missing_ok=True)
        self._read.pop(key, None)

    def records(self, trials: Sequence[Trial]) -> Iterator[tuple[str, Record]]:
        """The finished ones among ``trials`` that can be read, with their keys."""
        for trial in trials:
            try:
                yield trial.key, self.read(trial.key)
            except (FileNotFoundError, CorruptRecordError):
                continue

    def write_failure(self, trial: Trial, error: str, traceback: str, provenance: Mapping[str, Any]) -> None:
        """Record a trial that kept failing.

        Raises:
            OutputError: it cannot be written.
        """
        about = {"spec": trial.spec, "error": error, "traceback": traceback, "provenance": dict(provenance)}
        write_json(self._failure(trial.key), about)

    def failures(self, trials: Sequence[Trial]) -> list[Failure]:
        """What is known of those among ``trials`` that failed."""
        paths = {trial.key: self._failure(trial.key) for trial in trials if not self.has(trial.key)}
        return [Failure(key, **json.loads(path.read_bytes())) for key, path in paths.items() if path.exists()]

    def write_manifest(self, trials: Sequence[Trial], attrs: Mapping[str, Any]) -> None:
        """Say what is being swept.

        Raises:
            InputError: the directory holds trials of other kinds only, or was written by newer code.
            OutputError: it cannot be written.
        """
        kinds = {type(trial).__name__ for trial in trials}
        if (self.root / "sweep.json").exists():
            found = {about["trial"] for about in self.manifest()["trials"].values()}
            if found and found.isdisjoint(kinds):
                text = f"holds trials of {', '.join(sorted(found))}, not of {', '.join(sorted(kinds))}"
                raise InputError(f"{self.root}: {text}: choose another directory")
        listed = {trial.key: {"trial": type(trial).__name__, "spec": trial.spec} for trial in trials}
        write_json(self.root / "sweep.json", {"schema": SCHEMA, "attrs": dict(attrs), "trials": listed})

    def manifest(self) -> dict[str, Any]:
        """What is being swept: "attrs", and "trials" with the kind and spec of each by its key.

        Raises:
            InputError: this is not the directory of a sweep, or newer code wrote it.
        """
        path = self.root / "sweep.json"
        try:
            about = json.loads(path.read_bytes())
            schema = about.get("schema", 1)
            if schema == 1:
                listed = {key: {"trial": about["trial"], "spec": spec} for key, spec in about["specs"].items()}
            elif schema == SCHEMA:
                listed = {key: {"trial": one["trial"], "spec": one["spec"]} for key, one in about["trials"].items()}
            else:
                raise ValueError(f"schema {schema!r} is unknown, this version of mnemoscope reads 1 and {SCHEMA}")
            return {"attrs": dict(about["attrs"]), "trials": listed}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: is not the record of a sweep: {error}") from None

    def tree(self, trials: Sequence[Trial]) -> xr.DataTree:
        """The finished ones among ``trials`` with named dimensions, one node for each kind."""
        records = dict(self.records(trials))
        tree = tabulate_kinds(trials, {key: record.variables for key, record in records.items()})
        codes: dict[str, set[str]] = {node: set() for node in tree.children}
        for trial in trials:
            if trial.key in records:
                codes[trial.kind()].add(records[trial.key].provenance["code"])
        for node, table in tree.children.items():
            table.attrs["code"] = sorted(codes[node])
        tree.attrs = self.manifest()["attrs"]
        return tree

    def refresh(self, trials: Sequence[Trial]) -> xr.DataTree:
        """Bring results.zarr up to date and return what it holds. Only the process that has the lock may.

        Raises:
            OutputError: it cannot be written; the previous one stays in place.
        """
        tree = self.tree(trials)
        # Version 2 of the format, because version 3 specifies neither strings nor consolidated metadata yet.
        compressor = numcodecs.Zstd(checksum=True)
        encoding = {
            f"/{kind}": {str(name): {"compressors": [compressor]} for name in node.variables}
            for kind, node in tree.children.items()
        }
        replace_folder(
            self.results_path,
            lambda path: tree.to_zarr(path, zarr_format=2, consolidated=True, encoding=encoding),
        )
        return tree

    @property
    def _folders(self) -> tuple[Path, ...]:
        return self.root, self.root / "trials", self.root / "failed"

    def _trial(self, key: str) -> Path:
        return self.root / "trials" / f"{key}.safetensors"

    def _failure(self, key: str) -> Path:
        return self.root / "failed" / f"{key}.json"


def _checksum(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256(canonical_json(about))
    for name in sorted(arrays):
        digest.update(f"\n{name} {arrays[name].dtype.str} {arrays[name].shape}\n".encode())
        digest.update(arrays[name].tobytes())
    return digest.hexdigest()
