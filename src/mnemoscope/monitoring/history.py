"""The records of a training in a file, one JSON object a line, which a run that was cut short goes on with.

The first line says which monitor wrote the file: another one (other data, seed or settings) is refused. A line is
written whole and is on the disk before training goes on; what a crash left of a last line is cut off when the file is
opened again.
"""

import json
import os
from pathlib import Path
from typing import Any

from mnemoscope.errors import InputError
from mnemoscope.monitoring.record import MonitorRecord
from mnemoscope.output.lines import cannot
from mnemoscope.reading import reading

SCHEMA = 1


class History:
    """A file of records.

    Args:
        path: made if it is not there; its folder must be.
        monitor: what the monitor is, as JSON can hold it.

    Attributes:
        records: those that the file held.

    Raises:
        InputError: a file of another monitor, or one that holds something else.
        OutputError: it cannot be written.
    """

    def __init__(self, path: str | Path, monitor: dict[str, Any]) -> None:
        self.path, self.records = Path(path), tuple[MonitorRecord, ...]()
        header = json.loads(json.dumps({"schema": SCHEMA, "monitor": monitor}))
        lines = self._whole_lines() if self.path.exists() else []
        if not lines:
            self._append(header)
            return
        with reading(self.path):
            found, *records = (json.loads(line) for line in lines)
            if found != header:
                raise InputError(f"{self.path}: {_difference(found, header)}; keep each monitor's records apart")
            self.records = tuple(MonitorRecord.from_dict(record) for record in records)

    def append(self, record: MonitorRecord) -> None:
        """Write one more.

        Raises:
            OutputError: it cannot be written.
        """
        self._append(record.to_dict())

    def _whole_lines(self) -> list[bytes]:
        with reading(self.path):
            content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            try:
                os.truncate(self.path, len(whole))
            except OSError as error:
                raise cannot("be written", self.path, error) from None
        return whole.splitlines()

    def _append(self, value: dict[str, Any]) -> None:
        line = (json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n").encode()
        try:
            with self.path.open("ab", buffering=0) as file:
                file.write(line)
                os.fsync(file.fileno())
        except OSError as error:
            raise cannot("be written", self.path, error) from None


def _difference(found: Any, header: dict[str, Any]) -> str:
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or not isinstance(found.get("monitor"), dict):
        return "holds no records of a monitor"
    names = [name for name, value in header["monitor"].items() if found["monitor"].get(name) != value]
    return f"holds records of another monitor (other {', '.join(names)})"


class JsonLines:
    """Appends numbers to a file, one JSON object with its step a line: a logger that needs nothing else.

    Args:
        path: of the file; its folder must be there.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __call__(self, values: dict[str, float], step: int) -> None:
        """Write one line.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            with self.path.open("ab", buffering=0) as file:
                file.write((json.dumps({"step": step, **values}) + "\n").encode())
        except OSError as error:
            raise cannot("be written", self.path, error) from None
