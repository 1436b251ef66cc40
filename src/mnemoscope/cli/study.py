"""The commands ``study list``, ``study run`` and ``study report``: thin, results on stdout, the rest on stderr.

Errors that a person can act on are raised; the command line that mounts ``app`` prints them and exits with 2.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnemoscope.cli.options import (
    LARGEST_SEED,
    Scheduler,
    TlsCa,
    TlsCert,
    TlsKey,
    certificates_of,
    print_line,
    print_rich,
)
from mnemoscope.text import one_line

if TYPE_CHECKING:
    from mnemoscope.studies.findings import Findings

Preset = Literal["quick", "paper"]
"""Those of ``mnemoscope.studies.study``, which takes a second to import."""

app = typer.Typer(help="Results of the literature, computed again and checked.", no_args_is_help=True)


@app.command("list")
def list_studies() -> None:
    """List the studies and what each is about."""
    from mnemoscope.studies import STUDIES, load_study

    for name in STUDIES:
        typer.echo(f"{name}\t{load_study(name).title}")


@app.command("run")
def run(
    name: Annotated[str, typer.Argument(help="A study's name, see `study list`.")],
    preset: Annotated[Preset, typer.Option(help="Minutes on two cores, or the scale of the source.")] = "quick",
    out: Annotated[Path | None, typer.Option(help="Where results go; mnemoscope-NAME if left out.")] = None,
    scheduler: Scheduler = None,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Compute this experiment only; repeat for several. The others wait.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="The seed from which the trials derive theirs.", min=0, max=LARGEST_SEED)
    ] = 0,
) -> None:
    """Compute what is missing of a study, check its claims, write its report.

    Exits with 1 if a claim does not hold or waits for trials.
    """
    from mnemoscope.studies import load_study
    from mnemoscope.studies.findings import run_study
    from mnemoscope.sweeps import Certificates

    certificates = certificates_of(tls_ca, tls_cert, tls_key)
    study = load_study(name)
    directory = out or Path(f"mnemoscope-{name}")
    found = run_study(
        study,
        directory,
        preset=preset,
        seed=seed,
        only=only or [],
        scheduler=scheduler,
        certificates=Certificates(*certificates) if certificates else None,
        progress=True,
    )
    _finish(found, directory)


@app.command("report")
def report(directory: Annotated[Path, typer.Argument(help="The directory of a study, running or done.")]) -> None:
    """Check the claims and write the report from the trials that are finished.

    Exits with 1 if a claim does not hold or waits for trials.
    """
    from mnemoscope.studies import load_study
    from mnemoscope.studies.findings import report_study, study_name

    _finish(report_study(load_study(study_name(directory)), directory), directory)


def _finish(found: "Findings", directory: Path) -> None:
    from rich.table import Table

    from mnemoscope.studies.findings import claim_texts

    table = Table("claim", "published", "measured", "tolerance", "holds", "statement")
    for claim in found.claims:
        table.add_row(claim.name, *claim_texts(claim), "yes" if claim.holds else "NO", claim.statement)
    print_rich(table)
    for failure in found.failures:
        print_line(one_line(f"failed: {failure.spec}: {failure.error}"), err=True)
    for waiting in found.waiting:
        print_line(f"claims wait: {waiting}", err=True)
    print_line(found.verdict, err=True)
    print_line(f"report: {directory / 'report.html'}", err=True)
    if not found.holds:
        raise typer.Exit(1)
