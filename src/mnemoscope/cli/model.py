"""``mnemoscope train``: into a run folder, out of which ``sample`` comes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemoscope.cli.options import (
    DATA,
    LARGEST,
    LARGEST_COUNT,
    LARGEST_SEED,
    LARGEST_WIDTH,
    SMALLEST,
    MaxMemory,
    Seed,
    noise_draws_of,
    print_line,
)
from mnemoscope.errors import InputError

if TYPE_CHECKING:
    from mnemoscope.data import Dataset


def train(
    data: Annotated[str, typer.Argument(help=f"Training set: {DATA}")],
    out: Annotated[Path, typer.Option(help="Folder for the run.")],
    network: Annotated[str, typer.Option(help="unet, dit, mlp, residual, two-layer or random-features.")] = "unet",
    width: Annotated[
        int | None, typer.Option(help="Channels, units or features of the first layer.", min=1, max=LARGEST_WIDTH)
    ] = None,
    process: Annotated[str, typer.Option(help="Forward process.")] = "variance-preserving",
    noise_draws: Annotated[
        str | None,
        typer.Option(
            help="Noise draws m of each sample for the whole run: from 1 to 1e9, or inf (the default; of "
            "random-features as many as are 10 for each feature in all)."
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
    predicts: Annotated[
        str | None,
        typer.Option(help="What the network predicts: velocity (if left out), noise, denoiser, score or edm."),
    ] = None,
    weighting: Annotated[
        str | None,
        typer.Option(help="Of the loss: velocity (if left out), noise, score, denoiser, edm or min-snr."),
    ] = None,
    data_std: Annotated[
        float | None,
        typer.Option(help="The data's standard deviation, of edm; 0.5 if left out.", min=SMALLEST, max=LARGEST),
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="Of the learning rate: constant (if left out), linear or cosine.")
    ] = None,
    warmup_steps: Annotated[
        int | None,
        typer.Option(help="Steps over which it first grows; 0 if left out.", min=0, max=LARGEST_COUNT),
    ] = None,
    clip_norm: Annotated[
        float | None, typer.Option(help="Largest norm of a gradient; none if left out.", min=SMALLEST, max=LARGEST)
    ] = None,
    mixed_precision: Annotated[str | None, typer.Option(help="no (if left out), bf16, or fp16 on a GPU.")] = None,
    regularizer: Annotated[
        list[str] | None,
        typer.Option(
            help="tikhonov:C, weight-decay:L, dropout:P, corruption:S, flip or shift:K; several by several options."
        ),
    ] = None,
    conditional: Annotated[bool, typer.Option("--conditional", help="On the classes of the data's source.")] = False,
    classes: Annotated[
        Path | None, typer.Option(help="On these: a label for each item, as .npy or the lines of a text file.")
    ] = None,
    label_dropout: Annotated[
        float | None,
        typer.Option(help="Probability that a label is left out, for guidance; 0.1 if left out.", min=0, max=1),
    ] = None,
    monitor: Annotated[
        bool, typer.Option("--monitor", help="Look while it trains; looks.jsonl in OUT holds what was seen.")
    ] = False,
    holdout: Annotated[
        str | None,
        typer.Option(help="Of --monitor, which needs it: at least 16 items that are not trained on."),
    ] = None,
    monitor_every: Annotated[
        int | None, typer.Option(help="Steps between two looks; 500 if left out.", min=1, max=LARGEST_COUNT)
    ] = None,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the training when --monitor says that it starts to memorize.")
    ] = False,
    ridge: Annotated[
        float | None, typer.Option(help="Ridge λ of random-features; 0.001 if left out.", min=SMALLEST, max=LARGEST)
    ] = None,
    activation: Annotated[
        str | None, typer.Option(help="Of random-features: relu (if left out), erf, sine, tanh or gelu.")
    ] = None,
    half: Annotated[
        str | None,
        typer.Option(
            help="Train on one half of a random split only: A or B; A:7 of the split with seed 7, else 0. "
            "`mnemoscope halves` compares the runs of both."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the latest checkpoint in OUT.")] = False,
    max_memory: MaxMemory = None,
    seed: Seed = 0,
) -> None:
    """Train a score network by denoising score matching: step by step, or random-features at once, in closed form."""
    del max_memory  # it is in force already
    from mnemoscope.choose import choose
    from mnemoscope.cli.watched import check_watched, conditional_on, outcome, watching
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
        predicts=predicts,
        weighting=weighting,
        data_std=data_std,
        schedule=schedule,
        warmup_steps=warmup_steps,
        clip_norm=clip_norm,
        mixed_precision=mixed_precision,
        label_dropout=label_dropout,
        regularizers=regularizer and tuple(regularizer),
    )
    looks = {name: True for name, given in {"monitor": monitor, "stop": stop}.items() if given}
    looks |= _given(holdout=holdout, monitor_every=monitor_every, classes=classes, conditional=conditional or None)
    every, at_once = _given(checkpoint_every=checkpoint_every), _given(ridge=ridge, activation=activation)
    others = dict.fromkeys(network_names(), at_once) | {RANDOM_FEATURES: stepwise | every | looks}
    for name in choose(network, others, "--network"):
        option = {"regularizers": "regularizer"}.get(name, name.replace("_", "-"))
        raise InputError(f"--{option}: has no meaning for --network {network}")
    check_watched(monitor, _given(holdout=holdout, monitor_every=monitor_every, stop=stop or None))
    if label_dropout is not None and not (conditional or classes):
        raise InputError("--label-dropout: has a meaning with --conditional or --classes alone")
    check_apart(run_paths(out), source_paths(data, holdout, classes))
    draws: dict[str, Any] = {} if noise_draws is None else {"noise_draws": noise_draws_of(noise_draws, LARGEST_COUNT)}
    forward = make_process(process)
    if network == RANDOM_FEATURES:
        features = RandomFeatureSpec(**_given(n_features=width), **draws, **at_once, seed=seed)
        dataset = _half_of(load(data, progress=True), half)
        run = train_random_features(dataset, forward, features, out, resume=resume, progress=True)
        training, n_samples = run.description["training"], run.description["data"]["n_samples"]
        draws_text = "all" if training["noise_draws"] == "inf" else training["noise_draws"]
        print_line(
            f"{features.n_features} features, fitted at {features.n_times} noise levels to {draws_text} noise draws of"
            f" each of {n_samples} samples"
        )
    else:
        spec = TrainingSpec(**draws, **stepwise, seed=seed)
        dataset = load(data, progress=True)
        if conditional or classes is not None:
            dataset = conditional_on(dataset, classes)
        dataset = _half_of(dataset, half)
        told = {} if not (conditional or classes) else {"classes": len(set(dataset.classes or ()))}
        built = NetworkSpec(network, dataset.event_shape, {**_given(width=width), **told})
        result = train_run(
            dataset,
            forward,
            built,
            spec,
            out,
            checkpoint_every=checkpoint_every or 1000,
            monitor=None if holdout is None else watching(dataset, holdout, forward, seed),
            monitor_every=monitor_every or 500,
            stop=stop,
            resume=resume,
            progress=True,
        )
        if monitor:
            print_line(outcome(result, out))
        recent = result.losses[-100:]
        print_line(f"{len(result.losses)} steps, mean loss of the last {len(recent)}: {sum(recent) / len(recent):.4f}")
    print_line(f"run: {out}")


def _half_of(data: "Dataset", text: str | None) -> "Dataset":
    """All of the data, or the half that ``--half`` asks for: NAME or NAME:SEED."""
    if text is None:
        return data
    from mnemoscope.data import halves

    name, colon, seed = text.partition(":")
    digits = seed.isascii() and seed.isdigit() and len(seed) <= len(str(LARGEST_SEED))
    if colon and not (digits and int(seed) <= LARGEST_SEED):
        raise InputError(f"--half must be A or B, or with the seed of the split A:7, got {text!r}")
    return halves(data, int(seed or 0)).half(name)


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}
