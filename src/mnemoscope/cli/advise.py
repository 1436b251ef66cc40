"""``mnemoscope advise``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from mnemoscope.cli.options import (
    DATA,
    LARGEST,
    LARGEST_COUNT,
    LARGEST_WIDTH,
    SMALLEST,
    AsJson,
    MaxMemory,
    Seed,
    noise_draws_of,
    print_json,
    print_line,
    print_rich,
)


def advise(
    data: Annotated[str, typer.Argument(help=f"The training set that is planned, or a part of it: {DATA}")],
    steps: Annotated[int, typer.Option(help="Steps of that training.", min=1, max=LARGEST_COUNT)],
    n: Annotated[
        int | None, typer.Option("--n", help="Its items, if not all of DATA.", min=1, max=LARGEST_COUNT)
    ] = None,
    network: Annotated[str, typer.Option(help="Its network: unet, mlp, residual or two-layer.")] = "unet",
    width: Annotated[
        int | None, typer.Option(help="Channels or units of its first layer.", min=1, max=LARGEST_WIDTH)
    ] = None,
    process: Annotated[str, typer.Option(help="Its forward process.")] = "variance-preserving",
    noise_draws: Annotated[str, typer.Option(help="Its noise draws of each sample: from 1 to 1e9, or inf.")] = "inf",
    learning_rate: Annotated[
        float | None, typer.Option(help="Its learning rate; 0.001 if left out.", min=SMALLEST, max=LARGEST)
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam (if left out) or sgd.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Its batch size; 128 if left out.", min=1, max=LARGEST_COUNT)
    ] = None,
    size: Annotated[
        list[int] | None,
        typer.Option(
            help="Items that the probe trains on; repeat for several; three up to 64 if left out.",
            min=2,
            max=LARGEST_COUNT,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of the probe for each size.", min=1, max=1000)] = 3,
    probe_steps: Annotated[int, typer.Option(help="Steps of each of them, at most.", min=1, max=LARGEST_COUNT)] = 2000,
    changes: Annotated[
        bool, typer.Option(help="Try a smaller model, a larger step and fewer noise draws as well.")
    ] = True,
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.json.")] = Path("mnemoscope-advice"),
    force: Annotated[bool, typer.Option("--force", help="Write over a report that is there.")] = False,
    max_memory: MaxMemory = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Will this training come to memorize, from which step, and what would help most? By a short probe."""
    del max_memory  # it is in force already
    from mnemoscope.data import load, source_paths
    from mnemoscope.monitoring.advice.advise import advise as run_advise
    from mnemoscope.networks import NetworkSpec
    from mnemoscope.output import JSON, PAGE, atomic_files, check_apart
    from mnemoscope.processes import make_process
    from mnemoscope.training import TrainingSpec

    given: dict[str, Any] = {"learning_rate": learning_rate, "optimizer": optimizer, "batch_size": batch_size}
    training = TrainingSpec(
        noise_draws=noise_draws_of(noise_draws, LARGEST_COUNT),
        **{name: value for name, value in given.items() if value is not None},
    )
    check_apart([out / JSON, out / PAGE], source_paths(data))
    with atomic_files(out, (JSON, PAGE), force=force) as folder:
        dataset = load(data, progress=True)
        options = {} if width is None else {"width": width}
        advice = run_advise(
            dataset,
            steps,
            network=NetworkSpec(network, dataset.event_shape, options),
            process=make_process(process),
            training=training,
            n=n,
            sizes=size,
            seeds=seeds,
            probe_steps=probe_steps,
            try_changes=changes,
            seed=seed,
            progress=True,
        )
        advice.write_into(folder)
    if as_json:
        print_json(advice.to_dict())
        return
    from rich.table import Table

    if advice.changes:
        table = Table("Change", "", "Delays the onset", "What supports it")
        for change in advice.changes:
            table.add_row(change.name, change.what, change.delay, change.study)
        print_rich(table)
    print_rich(advice.verdict)
    print_line(f"report: {out / PAGE}")
