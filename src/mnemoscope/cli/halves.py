"""``mnemoscope halves``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnemoscope.cli.options import (
    DATA,
    LARGEST_COUNT,
    AsJson,
    MaxMemory,
    Seed,
    print_json,
    print_line,
    print_rich,
)

if TYPE_CHECKING:
    from rich.table import Table

    from mnemoscope.monitoring.halves.result import HalvesResult


def halves(
    run_a: Annotated[Path, typer.Argument(help="Run folder of a model trained with --half A.")],
    run_b: Annotated[Path, typer.Argument(help="That of one trained with --half B of the same split.")],
    data: Annotated[
        str | None, typer.Option(help=f"All of the data, where the runs' own name for them does not tell: {DATA}")
    ] = None,
    n: Annotated[int, typer.Option("--n", help="Samples of each model.", min=2, max=LARGEST_COUNT)] = 500,
    solver: Annotated[str, typer.Option(help="ode, adaptive or sde.")] = "ode",
    n_steps: Annotated[int, typer.Option(help="Steps of the fixed grid.", min=1, max=LARGEST_COUNT)] = 32,
    weights: Annotated[str, typer.Option(help="average, over the last steps, or raw.")] = "average",
    fail_if_drawn: Annotated[
        bool, typer.Option("--fail-if-drawn", help="Exit with 1 if samples are drawn to their models' own halves.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.json.")] = Path("mnemoscope-halves"),
    force: Annotated[bool, typer.Option("--force", help="Write over a report that is there.")] = False,
    max_memory: MaxMemory = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Two models, each trained on one half of the data: are they one function, or does each know its own half?"""
    del max_memory  # it is in force already
    from mnemoscope.data import source_paths
    from mnemoscope.monitoring.halves.runs import compare_runs
    from mnemoscope.output import JSON, PAGE, atomic_files, check_apart
    from mnemoscope.training import run_paths

    inputs = [*run_paths(run_a), *run_paths(run_b), *([] if data is None else source_paths(data))]
    check_apart([out / JSON, out / PAGE], inputs)
    with atomic_files(out, (JSON, PAGE), force=force) as folder:
        report = compare_runs(
            run_a,
            run_b,
            data,
            weights=weights,
            n_samples=n,
            solver=solver,
            n_steps=n_steps,
            seed=seed,
            progress=True,
        )
        report.write_into(folder)
    if as_json:
        print_json(report.to_dict())
    else:
        for note in report.notes:
            print_rich(f"note: {note}")
        print_rich(_table(report))
        print_rich(report.verdict)
        print_line(f"report: {out / PAGE}")
    if fail_if_drawn and report.drawn:
        raise typer.Exit(1)


def _table(report: "HalvesResult") -> "Table":
    from rich.table import Table

    table = Table("σ/α", "Cosine of the two", "With memory of the own half", "Loss at own items", "At the other half's")
    for level in report.levels:
        table.add_row(
            f"{level.ratio:g}",
            *(
                f"{each.value:.3f}\n{each.interval[0]:.3f} to {each.interval[1]:.3f}"
                for each in (level.agreement, level.own)
            ),
            f"{level.own_loss:.4g}",
            f"{level.other_loss:.4g}",
        )
    return table
