"""All benchmarks in one table: ``python -m benchmarks [MODULE ...]``.

The half hours of ``python -m benchmarks auditors`` and ``adviser`` are no part of it.
"""

import importlib
import os
import platform
import sys

from rich.console import Console
from rich.table import Table

MODULES = (
    "core",
    "audits",
    "scores",
    "theory",
    "sweeps",
    "storing",
    "large_steps",
    "deep_limits",
    "monitoring",
    "tables",
    "halves",
)


def main() -> None:
    if sys.argv[1:2] == ["auditors"]:
        importlib.import_module("benchmarks.auditors").main(sys.argv[2:])
        return
    console = Console()
    console.print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    table = Table("what", "value", "promised", "holds")
    # The words after ``kills`` are its own.
    for name in ["kills"] if sys.argv[1:2] == ["kills"] else sys.argv[1:] or MODULES:
        for line in importlib.import_module(f"benchmarks.{name}").rows():
            promised = "" if line["promised"] is None else f"{line['promised']:g}"
            table.add_row(line["name"], f"{line['value']:.4g}", promised, "yes" if line["holds"] else "MISSED")
    console.print(table)


if __name__ == "__main__":
    main()
