"""The report of an audit: its result, which writes itself for machines and for people."""

from dataclasses import dataclass
from pathlib import Path

from mnemoscope.auditing.result import AuditResult
from mnemoscope.output import write_json, write_text


@dataclass(frozen=True, eq=False)
class Report(AuditResult):
    """The result of ``audit``, and the two files that show it."""

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
        from mnemoscope.auditing.page import audit_page  # draws figures: only pages pay for matplotlib's import

        write_text(path, audit_page(self))
