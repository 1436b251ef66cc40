"""``mnemoscope sample``: out of a run folder, a pipeline's, or of the exact score of a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemoscope._version import __version__
from mnemoscope.cli.options import (
    LARGEST,
    LARGEST_COUNT,
    PIPELINE,
    BatchSize,
    ClassLabel,
    MaxMemory,
    NSteps,
    Prompt,
    Seed,
    conditions_of,
    print_line,
)
from mnemoscope.errors import InputError
from mnemoscope.text import one_name

if TYPE_CHECKING:
    from mnemoscope.processes import Process
    from mnemoscope.scores import Score

EMPIRICAL = "empirical:"
"""Before a data set's path where a model is asked for: the exact empirical score of that set."""


def sample(
    model: Annotated[
        str, typer.Argument(help=f"A run folder, {PIPELINE}, or empirical:DATA for the exact empirical score.")
    ],
    n: Annotated[int, typer.Option("--n", help="Number of samples.", min=1, max=LARGEST_COUNT)],
    out: Annotated[Path, typer.Option(help="File to write: .npy, .npz or .safetensors.")],
    solver: Annotated[
        str | None, typer.Option(help="ode (if left out), adaptive or sde; a pipeline has its own.")
    ] = None,
    n_steps: NSteps = None,
    batch_size: BatchSize = None,
    class_label: ClassLabel = None,
    prompt: Prompt = None,
    weights: Annotated[
        str | None, typer.Option(help="Of a run: average (if left out), over its last steps, or raw.")
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(
            help="Of a conditional run: how far --class-label is followed; 1 (if left out) is its own score.",
            min=0,
            max=LARGEST,
        ),
    ] = None,
    process: Annotated[
        str | None, typer.Option(help="Forward process of empirical:DATA; variance-preserving if left out.")
    ] = None,
    regularizer: Annotated[
        str | None,
        typer.Option(help="tikhonov:C, empirical-bayes:TAU or tempered:T, for empirical:DATA scaled to [-1, 1]."),
    ] = None,
    max_memory: MaxMemory = None,
    seed: Seed = 0,
) -> None:
    """Draw samples from a trained network, or from the exact or a regularised empirical score of a data set."""
    del max_memory  # it is in force already
    import torch

    from mnemoscope.data import check_savable, from_model, save_array, source_paths
    from mnemoscope.output import atomic_companions, check_apart, check_output_file, write_json
    from mnemoscope.pipelines.folder import is_pipeline
    from mnemoscope.pipelines.sampling import BATCH_SIZE as OF_A_PIPELINE
    from mnemoscope.pipelines.sampling import as_pipeline, sample_pipeline
    from mnemoscope.sampling import sample as run_sample
    from mnemoscope.sampling.sample import BATCH_SIZE, N_STEPS
    from mnemoscope.training import run_paths

    about = out.with_name(out.name + ".json")
    check_savable(out)
    check_output_file(about)
    own, spec = is_pipeline(model), {"n": n, "seed": seed}
    label: str | None = None
    if own:
        of_others = {"solver": solver, "process": process, "regularizer": regularizer, "weights": weights}
        _refuse(model, "has its own", **of_others)
        _refuse(model, "is for a run, this is a pipeline", guidance=guidance)
    else:
        _refuse(model, "is for a pipeline's folder, this is none", prompt=prompt)
        if class_label is not None:
            label, *more = class_label
            _refuse(model, "is one class of a run, or all if left out", class_label=more or None)
    if model.startswith(EMPIRICAL):
        check_apart([out, about], source_paths(model.removeprefix(EMPIRICAL)))
    else:
        check_apart([out, about], [Path(model)] if own else run_paths(model))
    with atomic_companions(out) as folder:
        if own:
            pipeline = as_pipeline(model)
            conditions = conditions_of(class_label, prompt)
            at_once = batch_size or OF_A_PIPELINE
            drawing: dict[str, Any] = {"n_steps": n_steps, "batch_size": at_once, "conditions": conditions}
            drawn = sample_pipeline(pipeline, n, seed=seed, progress=True, **drawing)
            origin = {
                "pipeline": type(pipeline).__name__,
                "scheduler": type(pipeline.components.get("scheduler")).__name__,
            }
            spec |= {name: value for name, value in drawing.items() if value is not None}
        else:
            score, forward, value_range, origin = _open_model(model, process, regularizer, weights, label, guidance)
            how: dict[str, Any] = {
                "solver": solver or "ode",
                "n_steps": n_steps or N_STEPS,
                "batch_size": batch_size or BATCH_SIZE,
            }
            generator = torch.Generator().manual_seed(seed)
            drawn = from_model(run_sample(score, forward, n, generator=generator, progress=True, **how), value_range)
            spec |= how
        save_array(folder / out.name, drawn)
        write_json(folder / about.name, {"version": __version__, "spec": spec, "model": origin})
    print_line(f"{n} samples of shape {drawn.shape[1:]}: {out}")


def _refuse(model: str, why: str, **options: Any) -> None:
    """Options that have no meaning for a model."""
    for name, value in options.items():
        if value is not None:
            raise InputError(f"{model}: --{name.replace('_', '-')} {why}")


def _open_model(
    model: str,
    process: str | None,
    regularizer: str | None,
    weights: str | None,
    label: str | None,
    guidance: float | None,
) -> "tuple[Score, Process, tuple[float, float], dict[str, Any]]":
    from mnemoscope.data import load
    from mnemoscope.processes import make_process
    from mnemoscope.scores import EmpiricalScore, make_regularized
    from mnemoscope.training import load_run

    if model.startswith(EMPIRICAL):
        _refuse(model, "is for a run: the exact score has none", weights=weights, class_label=label, guidance=guidance)
        data = load(model.removeprefix(EMPIRICAL), progress=True)
        forward = make_process(process or "variance-preserving")
        origin = {"empirical": data.label, "fingerprint": data.fingerprint, "process": forward.spec()}
        if regularizer is None:
            return EmpiricalScore(data.to_model(), forward), forward, data.value_range, origin
        score = make_regularized(regularizer, data.to_model(), forward)
        return score, forward, data.value_range, origin | {"regularizer": regularizer}
    if regularizer is not None:
        raise InputError("--regularizer is for empirical:DATA: a trained network's score is what it is")
    if guidance is not None and label is None:
        raise InputError("--guidance is towards a class: --class-label says which")
    conditional = {"label": label, "guidance": 1.0 if guidance is None else guidance}
    run = load_run(model, weights=weights or "average", **conditional)  # type: ignore[arg-type]
    if weights is not None and run.step is None:
        raise InputError(f"{model}: --weights has no meaning for random features, which are fitted at once")
    about: dict[str, Any] = {"run": one_name(Path(model).absolute().name)}
    which = {} if run.step is None else {"step": run.step, "weights": weights or "average"}
    asked = {} if label is None else conditional
    return run.score, run.score.process, run.value_range, {**about, **which, **asked, **run.description}
