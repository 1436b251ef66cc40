"""``mnemoscope audit``."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from mnemoscope.cli.options import (
    DATA,
    LARGEST_COUNT,
    PIPELINE,
    AsJson,
    BatchSize,
    ClassLabel,
    MaxMemory,
    NSteps,
    Prompt,
    Scheduler,
    Seed,
    TlsCa,
    TlsCert,
    TlsKey,
    certificates_of,
    conditions_of,
    print_json,
    print_line,
    print_rich,
)
from mnemoscope.errors import InputError

Channels: TypeAlias = Literal["first", "last", "grey", "colour"]
Repeats: TypeAlias = Literal["law", "made"]
"""Those of ``mnemoscope.data.channels`` and ``mnemoscope.auditing.null``, which takes a second to import."""


SHARDS = "shards"
"""In the folder of the report, as long as an audit with ``--scheduler`` is not done."""


def audit(
    generated: Annotated[str, typer.Argument(help=f"Generated samples: {DATA} Or {PIPELINE}, which is sampled.")],
    train: Annotated[str, typer.Argument(help="The training set, in any of the same forms.")],
    holdout: Annotated[str | None, typer.Option(help="Real data that was not trained on, for the null.")] = None,
    repeats: Annotated[
        Repeats | None,
        typer.Option(
            help="Without --holdout: what repeats in the training set are, of the data's law or made by hand."
        ),
    ] = None,
    measure: Annotated[list[str] | None, typer.Option(help="Measure; repeat for several.")] = None,
    features: Annotated[
        str, typer.Option(help="Where distances are taken: pixels, z-scores, pca:K, torchscript:FILE.")
    ] = "pixels",
    transformations: Annotated[
        list[str] | None,
        typer.Option(
            help="Search copies under this as well: flips, shifts:K, crops:P, affine, ...; repeat for several."
        ),
    ] = None,
    classes: Annotated[
        Path | None,
        typer.Option(
            help="Classes: an .npy file or a text file, of train and then of the held-out set; or 'source', for those "
            "that the sets have from their sources, such as folders of classes."
        ),
    ] = None,
    groups: Annotated[
        Path | None,
        typer.Option(help="The same for groups of items that belong together, as of one patient; or 'source'."),
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="Of tables: a JSON file with the kinds of columns that are not to be inferred.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            help="Of tables: NAME=KIND, numeric, categorical, ordinal:LOW<HIGH, date:%d.%m.%Y, class, group or "
            "left-out; repeat for several."
        ),
    ] = None,
    classes_column: Annotated[str | None, typer.Option(help="Of tables: the column of classes.")] = None,
    groups_column: Annotated[
        str | None, typer.Option(help="Of tables: the column that says which rows belong together; it is not compared.")
    ] = None,
    resolution: Annotated[
        float, typer.Option(help="Smallest rate of copies to be told from zero, between 0 and 1.", min=0, max=1)
    ] = 0.1,
    resize: Annotated[
        int | None,
        typer.Option(
            help="Fit pictures into squares of this size: centred square, antialiased (Lanczos).", min=1, max=2**14
        ),
    ] = None,
    channels: Annotated[
        Channels | None,
        typer.Option(help="Bring every set to one form: axis of channels first or last, or grey or colour pictures."),
    ] = None,
    value_range: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Black and white in sets of floating point; every set is brought to the range of TRAIN."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Aggregates only: no pictures, rows, names or distances of single items.")
    ] = False,
    fail_if_memorizes: Annotated[
        bool, typer.Option("--fail-if-memorizes", help="Exit with 1 if copies beyond the null are found.")
    ] = False,
    fail_if_drawn: Annotated[
        bool, typer.Option("--fail-if-drawn", help="Exit with 1 if samples are drawn to training items.")
    ] = False,
    n: Annotated[
        int | None, typer.Option("--n", help="Samples of a pipeline; 256 if left out.", min=1, max=LARGEST_COUNT)
    ] = None,
    n_steps: NSteps = None,
    batch_size: BatchSize = None,
    class_label: ClassLabel = None,
    prompt: Prompt = None,
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.json.")] = Path("mnemoscope-audit"),
    force: Annotated[bool, typer.Option("--force", help="Write over a report that is there.")] = False,
    device: Annotated[
        str, typer.Option(help="Where neighbours are searched: cpu, cuda, cuda:1, mps. The answers are the same.")
    ] = "cpu",
    approximate: Annotated[
        Literal["faiss-ivf"] | None,
        typer.Option(help="Search large sets approximately (extra faiss); the verdict says with which recall."),
    ] = None,
    scheduler: Scheduler = None,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    max_memory: MaxMemory = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Are these samples copies of the training set, more often than held-out data is?

    No verdict, for want of data, is no failure to the --fail-if options: the report's "tone" tells it ("clear" is the
    only one that acquits).
    """
    del max_memory  # it is in force already
    from mnemoscope.auditing import audit as run_audit
    from mnemoscope.auditing.labels import SOURCE
    from mnemoscope.auditing.measures import STANDARD
    from mnemoscope.auditing.reports.terminal import (
        axis_table,
        column_table,
        pair_lines,
        rate_table,
        settle_lines,
        statistic_lines,
    )
    from mnemoscope.data import load_labels, load_together, source_paths
    from mnemoscope.data.options import Options
    from mnemoscope.data.tables import declare
    from mnemoscope.output import JSON, PAGE, atomic_files, check_apart
    from mnemoscope.pipelines.audit import N_SAMPLES, pipeline_samples
    from mnemoscope.pipelines.folder import is_pipeline, open_pipeline
    from mnemoscope.pipelines.sampling import BATCH_SIZE
    from mnemoscope.torch_state import usable_device

    def labels_of(path: Path | None) -> Any:
        return SOURCE if path == Path(SOURCE) else None if path is None else load_labels(path)

    place, certificates = usable_device(device, "--device"), certificates_of(tls_ca, tls_cert, tls_key)
    conditions = conditions_of(class_label, prompt)
    if not is_pipeline(generated) and any(each is not None for each in (n, n_steps, batch_size, conditions)):
        raise InputError(
            f"{generated}: --n, --n-steps, --batch-size, --class-label and --prompt are of a pipeline's folder, this is"
            " none"
        )
    check_apart([out / JSON, out / PAGE], source_paths(generated, train, holdout))
    with atomic_files(out, (JSON, PAGE), force=force) as folder:
        training, samples, held_out = "the training set", "the generated set", "the held-out set"
        form: dict[str, Any] = {"resize": resize, "channels": channels, "value_range": value_range}
        declared = declare(schema, column or (), classes_column, groups_column)
        form |= {"schema": declared} if declared else {}
        pipeline = open_pipeline(generated) if is_pipeline(generated) else None
        files = {training: train, samples: generated if pipeline is None else None, held_out: holdout}
        sets = load_together(files, progress=True, **form)
        if pipeline is not None:
            drawing: dict[str, Any] = {"n_steps": n_steps, "conditions": conditions}
            drawing["batch_size"] = batch_size or BATCH_SIZE
            asked = Options(resize, channels)
            sets[samples] = pipeline_samples(
                pipeline, sets[training], n or N_SAMPLES, form=asked, seed=seed, progress=True, **drawing
            )
        report = run_audit(
            sets[samples],
            sets[training],
            holdout=sets.get(held_out),
            measures=measure or STANDARD,
            repeats=repeats,
            features=features,
            transformations=transformations or (),
            classes=labels_of(classes),
            groups=labels_of(groups),
            resolution=resolution,
            private=private,
            device=place,
            shards=None if scheduler is None else out / SHARDS,
            scheduler=scheduler,
            certificates=certificates,
            approximate=approximate,
            seed=seed,
            progress=True,
        )
        report.write_into(folder)
    if report.key is not None:
        print_line(f"key of the report's hashes, which is stored nowhere: {report.key.hex()}", err=True)
    if as_json:
        print_json(report.to_dict())
    else:
        print_rich(axis_table(report))
        print_rich(rate_table("Measure", [(result.name, result, result.rule) for result in report.results]))
        if (columns := column_table(report)) is not None:
            print_rich(columns)
        for line in (*(f"warning: {warning}" for warning in report.warnings), *settle_lines(report)):
            print_rich(line)
        for line in (*statistic_lines(report), *pair_lines(report)):
            print_line(line)
        print_rich(report.verdict)
        print_line(f"report: {out / PAGE}")
    if (fail_if_memorizes and report.memorizes) or (fail_if_drawn and report.drawn):
        raise typer.Exit(1)
