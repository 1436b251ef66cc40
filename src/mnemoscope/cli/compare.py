"""``mnemoscope compare``."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from mnemoscope.cli.options import AsJson, print_json, print_rich
from mnemoscope.errors import InputError
from mnemoscope.reading import check_memory, reading


def compare(
    reports: Annotated[list[Path], typer.Argument(help="Two or more report.json, or the folders that hold them.")],
    paired: Annotated[bool, typer.Option("--paired", help="The i-th samples of all share their noise.")] = False,
    as_json: AsJson = False,
) -> None:
    """By how much do audits against one training set differ? Each is compared with the first."""
    if len(reports) < 2:
        raise InputError("compare needs two reports at least")
    contents = [read_report(path) for path in reports]
    from mnemoscope.auditing import compare as compare_reports
    from mnemoscope.auditing.reports.terminal import comparison_table

    found = [compare_reports(contents[0], other, paired=paired) for other in contents[1:]]
    if as_json:
        print_json(
            [
                {"reports": [str(reports[0]), str(path)], **each.to_dict()}
                for path, each in zip(reports[1:], found, strict=True)
            ]
            if len(found) > 1
            else found[0].to_dict()
        )
        return
    for path, each in zip(reports[1:], found, strict=True):
        print_rich(comparison_table(each, str(reports[0]), str(path)))
        print_rich(each.copied)
        for note in each.notes:
            print_rich(f"note: {note}")


def read_report(path: Path) -> dict[str, Any]:
    """The content of a ``report.json``, or of the one in a folder.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    with reading(path):
        file = path / "report.json" if path.is_dir() else path
    with reading(file, "a report.json"):
        check_memory(file, 20 * file.stat().st_size)  # of Python's objects for a byte of JSON
        content = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise InputError(f"{file}: is no report.json of an audit")
    return content
