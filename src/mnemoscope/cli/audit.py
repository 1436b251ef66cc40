"""``mnemoscope audit``."""

from pathlib import Path
from typing import Annotated

import typer

from mnemoscope.cli.options import DATA, AsJson, Seed, print_json, print_rich


def audit(
    generated: Annotated[str, typer.Argument(help=f"Generated samples: {DATA}")],
    train: Annotated[str, typer.Argument(help="The training set, in any of the same forms.")],
    holdout: Annotated[str | None, typer.Option(help="Real data that was not trained on, for the null.")] = None,
    measure: Annotated[list[str] | None, typer.Option(help="Measure; repeat for several, the first decides.")] = None,
    resolution: Annotated[float, typer.Option(help="Smallest rate of copies to be told from zero.")] = 0.1,
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.json.")] = Path("mnemoscope-audit"),
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Are these samples copies of the training set, more often than held-out data is?"""
    from mnemoscope.auditing import MEASURES
    from mnemoscope.auditing import audit as run_audit
    from mnemoscope.auditing.terminal import pair_lines, rate_table
    from mnemoscope.data import load, source_paths
    from mnemoscope.output import check_apart, new_output_folder

    check_apart([out / "report.json", out / "report.html"], source_paths(generated, train, holdout))
    with new_output_folder(out) as folder:
        report = run_audit(
            load(generated, progress=True),
            load(train, progress=True),
            holdout=None if holdout is None else load(holdout, progress=True),
            measures=measure or list(MEASURES),
            resolution=resolution,
            seed=seed,
            progress=True,
        )
        report.to_json(folder / "report.json")
        report.to_html(folder / "report.html")
    if as_json:
        print_json(report.to_dict())
        return
    print_rich(rate_table("Measure", [(result.name, result, result.rule) for result in report.results]))
    print_rich(f"identical: {report.identical.sentence}")
    for warning in report.warnings:
        print_rich(f"warning: {warning}")
    for line in pair_lines(report):
        typer.echo(line)
    print_rich(report.verdict)
    typer.echo(f"report: {folder / 'report.html'}")
