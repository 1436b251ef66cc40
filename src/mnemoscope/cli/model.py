"""``mnemoscope train`` and ``mnemoscope sample``: into a run folder, and out of it again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemoscope._version import __version__
from mnemoscope.cli.options import (
    DATA,
    LARGEST,
    LARGEST_COUNT,
    LARGEST_WIDTH,
    PIPELINE,
    SMALLEST,
    BatchSize,
    ClassLabel,
    MaxMemory,
    NSteps,
    Prompt,
    Seed,
    conditions_of,
    noise_draws_of,
    print_line,
)
from mnemoscope.errors import InputError
from mnemoscope.text import one_name

if TYPE_CHECKING:
    from mnemoscope.processes import Process
    from mnemoscope.scores import Score

EMPIRICAL = "empirical:"
"""Before a data set's path where a model is asked for: the exact empirical score of that set."""


def train(
    data: Annotated[str, typer.Argument(help=f"Training set: {DATA}")],
    out: Annotated[Path, typer.Option(help="Folder for the run.")],
    network: Annotated[str, typer.Option(help="unet, mlp, residual, two-layer or random-features.")] = "unet",
    width: Annotated[
        int | None, typer.Option(help="Channels, units or features of the first layer.", min=1, max=LARGEST_WIDTH)
    ] = None,
    process: Annotated[str, typer.Option(help="Forward process.")] = "variance-preserving",
    noise_draws: Annotated[
        str | None,
        typer.Option(
            help="Noise draws m of each sample for the whole run: from 1 to 1e9, or inf (the default; of "
            "random-features, which need a number, as many as are 10 for each feature in all)."
        ),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate η; 0.001 if left out.", min=SMALLEST, max=LARGEST)
    ] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam (if left out) or sgd.")] = None,
    steps: Annotated[
        int | None, typer.Option(help="Optimizer steps; 10000 if left out.", min=1, max=LARGEST_COUNT)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Batch size; 128 if left out.", min=1, max=LARGEST_COUNT)
    ] = None,
    ema_decay: Annotated[
        float | None,
        typer.Option(help="Decay of the weights' moving average, below 1; 0.999 if left out.", min=0, max=1),
    ] = None,
    ema_warmup: Annotated[
        bool | None, typer.Option(help="Let that decay grow with the steps; if left out it does.")
    ] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Steps between checkpoints; 1000 if left out.", min=1, max=LARGEST_COUNT)
    ] = None,
    ridge: Annotated[
        float | None, typer.Option(help="Ridge λ of random-features; 0.001 if left out.", min=SMALLEST, max=LARGEST)
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help="Of random-features: relu (if left out), erf, sine, tanh or gelu.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the latest checkpoint in OUT.")] = False,
    max_memory: MaxMemory = None,
    seed: Seed = 0,
) -> None:
    """Train a score network by denoising score matching: step by step, or random-features at once, in closed form."""
    del max_memory  # it is in force already
    from mnemoscope.choose import choose
    from mnemoscope.data import load, source_paths
    from mnemoscope.networks import NetworkSpec
    from mnemoscope.networks.build import network_names
    from mnemoscope.output import check_apart
    from mnemoscope.processes import make_process
    from mnemoscope.random_features import RandomFeatureSpec
    from mnemoscope.training import RANDOM_FEATURES, TrainingSpec, run_paths, train_random_features, train_run

    stepwise = _given(
        learning_rate=learning_rate,
        optimizer=optimizer,
        steps=steps,
        batch_size=batch_size,
        ema_decay=ema_decay,
        ema_warmup=ema_warmup,
    )
    every, at_once = _given(checkpoint_every=checkpoint_every), _given(ridge=ridge, activation=activation)
    others = dict.fromkeys(network_names(), at_once) | {RANDOM_FEATURES: stepwise | every}
    for name in choose(network, others, "--network"):
        raise InputError(f"--{name.replace('_', '-')}: has no meaning for --network {network}")
    check_apart(run_paths(out), source_paths(data))
    draws: dict[str, Any] = {} if noise_draws is None else {"noise_draws": noise_draws_of(noise_draws, LARGEST_COUNT)}
    forward = make_process(process)
    if network == RANDOM_FEATURES:
        features = RandomFeatureSpec(**_given(n_features=width), **draws, **at_once, seed=seed)
        run = train_random_features(load(data, progress=True), forward, features, out, resume=resume, progress=True)
        training, n_samples = run.description["training"], run.description["data"]["n_samples"]
        print_line(
            f"{features.n_features} features, fitted at {features.n_times} noise levels to {training['noise_draws']} "
            f"noise draws of each of {n_samples} samples"
        )
    else:
        spec = TrainingSpec(**draws, **stepwise, seed=seed)
        dataset = load(data, progress=True)
        built = NetworkSpec(network, dataset.event_shape, _given(width=width))
        result = train_run(
            dataset, forward, built, spec, out, checkpoint_every=checkpoint_every or 1000, resume=resume, progress=True
        )
        recent = result.losses[-100:]
        print_line(f"{spec.steps} steps, mean loss of the last {len(recent)}: {sum(recent) / len(recent):.4f}")
    print_line(f"run: {out}")


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
    batch_size: BatchSize = 64,
    class_label: ClassLabel = None,
    prompt: Prompt = None,
    weights: Annotated[
        str | None, typer.Option(help="Of a run: average (if left out), over its last steps, or raw.")
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
    from mnemoscope.pipelines.sampling import as_pipeline, sample_pipeline
    from mnemoscope.sampling import sample as run_sample
    from mnemoscope.training import run_paths

    about = out.with_name(out.name + ".json")
    check_savable(out)
    check_output_file(about)
    conditions, spec = conditions_of(class_label, prompt), {"n": n, "seed": seed}
    own = is_pipeline(model)
    if own:
        _refuse(model, "has its own", solver=solver, process=process, regularizer=regularizer, weights=weights)
    else:
        _refuse(model, "is for a pipeline's folder, this is none", class_label=class_label, prompt=prompt)
    if model.startswith(EMPIRICAL):
        check_apart([out, about], source_paths(model.removeprefix(EMPIRICAL)))
    else:
        check_apart([out, about], [Path(model)] if own else run_paths(model))
    with atomic_companions(out) as folder:
        if own:
            pipeline = as_pipeline(model)
            drawing: dict[str, Any] = {"n_steps": n_steps, "batch_size": batch_size, "conditions": conditions}
            drawn = sample_pipeline(pipeline, n, seed=seed, progress=True, **drawing)
            origin = {
                "pipeline": type(pipeline).__name__,
                "scheduler": type(pipeline.components.get("scheduler")).__name__,
            }
            spec |= _given(**drawing)
        else:
            score, forward, value_range, origin = _open_model(model, process, regularizer, weights)
            how: dict[str, Any] = {"solver": solver or "ode", "n_steps": n_steps or 64}
            generator = torch.Generator().manual_seed(seed)
            drawn = from_model(run_sample(score, forward, n, generator=generator, progress=True, **how), value_range)
            spec |= how
        save_array(folder / out.name, drawn)
        write_json(folder / about.name, {"version": __version__, "spec": spec, "model": origin})
    print_line(f"{n} samples of shape {drawn.shape[1:]}: {out}")


def _refuse(model: str, why: str, **options: Any) -> None:
    """Options that have no meaning for a model."""
    for name in _given(**options):
        raise InputError(f"{model}: --{name.replace('_', '-')} {why}")


def _open_model(
    model: str, process: str | None, regularizer: str | None, weights: str | None
) -> "tuple[Score, Process, tuple[float, float], dict[str, Any]]":
    from mnemoscope.data import load
    from mnemoscope.processes import make_process
    from mnemoscope.scores import EmpiricalScore, make_regularized
    from mnemoscope.training import load_run

    if model.startswith(EMPIRICAL):
        if weights is not None:
            raise InputError("--weights is for a run: the exact score has none")
        data = load(model.removeprefix(EMPIRICAL), progress=True)
        forward = make_process(process or "variance-preserving")
        origin = {"empirical": data.label, "fingerprint": data.fingerprint, "process": forward.spec()}
        if regularizer is None:
            return EmpiricalScore(data.to_model(), forward), forward, data.value_range, origin
        score = make_regularized(regularizer, data.to_model(), forward)
        return score, forward, data.value_range, origin | {"regularizer": regularizer}
    if regularizer is not None:
        raise InputError("--regularizer is for empirical:DATA: a trained network's score is what it is")
    run = load_run(model, weights=weights or "average")
    if weights is not None and run.step is None:
        raise InputError(f"{model}: --weights has no meaning for random features, which are fitted at once")
    about: dict[str, Any] = {"run": one_name(Path(model).absolute().name)}
    which = {} if run.step is None else {"step": run.step, "weights": weights or "average"}
    return run.score, run.score.process, run.value_range, {**about, **which, **run.description}


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}
