"""``mnemoscope demo``."""

from pathlib import Path
from typing import Annotated

import typer

from mnemoscope.cli.options import AsJson, Seed, print_json, print_line, print_rich


def demo(
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.json.")] = Path("mnemoscope-demo"),
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train on few and on many real digits, audit both and the empirical score: three minutes on two cores."""
    from mnemoscope.auditing.reports.terminal import rate_table
    from mnemoscope.demo import DemoSpec, run_demo

    result = run_demo(out, DemoSpec(seed=seed), progress=True)
    if as_json:
        print_json(result.to_dict())
    else:
        rows = [
            (model.name, model.report.results[0], f"{model.expected}: {'holds' if model.holds else 'DOES NOT HOLD'}")
            for model in result.models
        ]
        print_rich(rate_table("Model", rows, "Theory"))
        print_line(f"report: {out / 'report.html'}")
    raise typer.Exit(0 if result.holds else 1)
