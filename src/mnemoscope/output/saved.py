"""Results that are kept as a pair of files, ``report.json`` and ``report.html``."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from mnemoscope.output.atomic import write_json, write_text
from mnemoscope.output.together import atomic_files

JSON, PAGE = "report.json", "report.html"


class Saved(ABC):
    """A result that shows itself to machines and to people."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``."""

    @abstractmethod
    def page(self) -> str:
        """The content of ``report.html``."""

    def to_json(self, path: str | Path) -> None:
        """Write ``report.json``, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        write_json(path, self.to_dict())

    def to_html(self, path: str | Path) -> None:
        """Write a self-contained page, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        write_text(path, self.page())

    def save(self, folder: str | Path, *, force: bool = False) -> None:
        """Write ``report.json`` and ``report.html`` into a folder, both or none.

        Args:
            folder: made if it is not there.
            force: whether a report that is there already may be replaced.

        Raises:
            OutputError: a report is there and ``force`` is not given, or the folder cannot be written to.
        """
        with atomic_files(folder, (JSON, PAGE), force=force) as temporary:
            self.write_into(temporary)

    def write_into(self, folder: Path) -> None:
        """Write both into a folder that is there.

        Raises:
            OutputError: one cannot be written.
        """
        self.to_json(folder / JSON)
        self.to_html(folder / PAGE)
