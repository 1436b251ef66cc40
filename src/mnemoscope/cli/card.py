"""``mnemoscope card``."""

from pathlib import Path
from typing import Annotated

import typer

from mnemoscope.cli.compare import read_report


def card(
    report: Annotated[Path, typer.Argument(help="A report.json of an audit, or the folder that holds it.")],
    model: Annotated[str, typer.Option(help="Name of the model.")],
    task: Annotated[
        str | None, typer.Option(help="Its task, by the hubs' names; unconditional-image-generation if left out.")
    ] = None,
) -> None:
    """Metadata for the head of a model card (README.md): the audit's numbers as a model-index, in YAML."""
    content = read_report(report)
    from mnemoscope.auditing.reports.metadata import TASK, model_index

    typer.echo(f"---\n{model_index(content, model, task or TASK)}\n---")
