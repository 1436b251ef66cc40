"""The store: one file per finished trial, from which the labelled results are built.

    DIR/sweep.json                  what is being swept: attributes, and by its key every trial's kind and spec
    DIR/trials/KEY.safetensors      one finished trial: arrays, spec, provenance and a checksum of all of them
    DIR/failed/KEY.json             one trial that kept failing: spec, traceback, provenance
    DIR/results.zarr                all trials with named dimensions, a group for each kind: xarray.open_datatree
    DIR/lock                        held by the one process that drives the sweep

The trial files are the truth, each one atomic write by the process that computed it, so whoever dies takes no
finished trial along. results.zarr is derived from them: rebuilt whole, put in place in one step, never repaired.
It holds nothing but specs and results, so that a sweep that was interrupted ends with the same bytes as one that
was not; seconds and hosts stay in the trial files. No pickle is ever read.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numcodecs  # type: ignore[import-untyped]
import xarray as xr
from zarr.storage import MemoryStore

from mnemoscope.errors import InputError
from mnemoscope.output import atomic_file, output_folder, output_subfolder, uninterrupted, writing
from mnemoscope.reading import reading
from mnemoscope.records import read_record, write_record
from mnemoscope.sweeps.files import lock, replace_folder
from mnemoscope.sweeps.stored import (
    CorruptRecordError,
    Failure,
    FailureRecord,
    ListedTrial,
    Record,
    SweepRecord,
    parse_trial,
    serialize_trial,
)
from mnemoscope.sweeps.table import tabulate_kinds
from mnemoscope.sweeps.trial import Trial, Variables


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
        """Make the folders, or find out that they can be written to; what killed writers left half-done goes.

        Raises:
            OutputError: they cannot be made or written to, or one within the store is a link.
        """
        root, *inner = self._folders
        output_folder(root)
        for folder in inner:
            output_subfolder(folder)

    @contextmanager
    def driven(self, trials: Sequence[Trial], attrs: Mapping[str, Any]) -> Iterator[None]:
        """Drive this sweep within a block; what was made for it goes again if nothing could be begun.

        Raises:
            InputError: another process drives it, or ``write_manifest`` says so.
            OutputError: the store cannot be made or written to.
        """
        fresh, mine = not self.root.exists(), False
        with ExitStack() as holding:
            try:
                with uninterrupted():
                    output_folder(self.root)
                    holding.enter_context(self.lock())
                    mine = True
                self.create()
                self.write_manifest(trials, attrs)
            except BaseException:
                if mine and not self._manifest.exists():
                    self._remove_empty()
                if fresh:
                    with suppress(OSError):
                        self.root.rmdir()
                raise
            yield

    def _remove_empty(self) -> None:
        root, *inner = self._folders
        for remove in (*(folder.rmdir for folder in inner), (root / "lock").unlink):
            with suppress(OSError):
                remove()

    def lock(self) -> AbstractContextManager[None]:
        """The right to drive this sweep, for one process at a time.

        Raises:
            InputError: another process has it.
        """
        return lock(self.root / "lock")

    def has(self, key: str) -> bool:
        """Whether the trial is finished."""
        return self._trial(key).exists()

    def write(self, trial: Trial, variables: Variables, provenance: Mapping[str, Any]) -> None:
        """Record a finished trial.

        Raises:
            OutputError: it cannot be written.
        """
        content = serialize_trial(trial, variables, provenance)
        with atomic_file(self._trial(trial.key), sync=False) as temporary:  # torn files fail their checksum
            temporary.write_bytes(content)
        self._failure(trial.key).unlink(missing_ok=True)

    def read(self, key: str) -> Record:
        """A finished trial, checked.

        Raises:
            CorruptRecordError: the file is not what was written, or is another trial's.
            InputError: it cannot be opened.
            FileNotFoundError: the trial is not finished.
        """
        if key in self._read:
            return self._read[key]
        path = self._trial(key)
        if not path.exists():
            raise FileNotFoundError(path)
        with reading(path):
            content = path.read_bytes()
        try:
            with reading(path):
                return self._read.setdefault(key, parse_trial(path, key, content))
        except InputError as error:
            raise CorruptRecordError(str(error)) from None

    def discard(self, key: str) -> None:
        """Forget a finished trial, so that it is computed again."""
        with writing(self._trial(key)):
            self._trial(key).unlink(missing_ok=True)
        self._read.pop(key, None)

    def remove(self) -> None:
        """Remove all that is of the store, and its folder if nothing else is in it."""
        with writing(self.root):
            for path in (self._folders[1], self._folders[2], *self.root.glob(f".{self.results_path.name}-*")):
                if not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
            for path in (self.results_path, self.root / "sweep.json", self.root / "lock"):
                path.unlink(missing_ok=True)
            with suppress(OSError):
                self.root.rmdir()

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
        record = FailureRecord(spec=trial.spec, error=error, traceback=traceback, provenance=dict(provenance))
        write_record(self._failure(trial.key), record, trial.key)

    def failures(self, trials: Sequence[Trial]) -> list[Failure]:
        """What is known of those among ``trials`` that failed.

        Raises:
            InputError: the record of one is damaged; it is named.
        """
        paths = {trial.key: self._failure(trial.key) for trial in trials if not self.has(trial.key)}
        found = {key: read_record(path, FailureRecord, key) for key, path in paths.items() if path.exists()}
        return [Failure(key, one.spec, one.error, one.traceback, one.provenance) for key, one in found.items()]

    def write_manifest(self, trials: Sequence[Trial], attrs: Mapping[str, Any]) -> None:
        """Say what is being swept.

        Raises:
            InputError: the directory holds trials of other kinds only, or was written by newer code.
            OutputError: it cannot be written.
        """
        kinds = {type(trial).__name__ for trial in trials}
        if self._manifest.exists():
            found = {about["trial"] for about in self.manifest()["trials"].values()}
            if found and found.isdisjoint(kinds):
                text = f"holds trials of {', '.join(sorted(found))}, not of {', '.join(sorted(kinds))}"
                raise InputError(f"{self.root}: {text}: choose another directory")
        listed = {trial.key: ListedTrial(trial=type(trial).__name__, spec=trial.spec) for trial in trials}
        write_record(self._manifest, SweepRecord(attrs=dict(attrs), trials=listed))

    def manifest(self) -> dict[str, Any]:
        """What is being swept: "attrs", and "trials" with the kind and spec of each by its key.

        Raises:
            InputError: this is not the directory of a sweep, it is damaged, or newer code wrote it.
        """
        return read_record(self._manifest, SweepRecord).model_dump()

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
        # Into memory first: zarr writes in threads, which go on after an interruption.
        content: dict[str, Any] = {}
        tree.to_zarr(MemoryStore(content), zarr_format=2, consolidated=True, encoding=encoding)
        replace_folder(self.results_path, {name: buffer.to_bytes() for name, buffer in content.items()})
        return tree

    @property
    def _folders(self) -> tuple[Path, ...]:
        return self.root, self.root / "trials", self.root / "failed"

    @property
    def _manifest(self) -> Path:
        return self.root / "sweep.json"

    def _trial(self, key: str) -> Path:
        return self.root / "trials" / f"{key}.safetensors"

    def _failure(self, key: str) -> Path:
        return self.root / "failed" / f"{key}.json"
