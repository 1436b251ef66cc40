"""``mnemoscope train`` and ``mnemoscope sample``: into a run folder, and out of it again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemoscope._version import __version__
from mnemoscope.cli.options import DATA, Seed, noise_draws_of
from mnemoscope.errors import InputError

if TYPE_CHECKING:
    from mnemoscope.processes import Process
    from mnemoscope.scores import Score


def train(
    data: Annotated[str, typer.Argument(help=f"Training set: {DATA}")],
    out: Annotated[Path, typer.Option(help="Folder for the run.")],
    network: Annotated[str, typer.Option(help="unet, mlp, residual or two-layer.")] = "unet",
    width: Annotated[int | None, typer.Option(help="Channels or units of the network's first layer.")] = None,
    process: Annotated[str, typer.Option(help="Forward process.")] = "variance-preserving",
    noise_draws: Annotated[str, typer.Option(help="Noise draws m of each sample for the whole run, or inf.")] = "inf",
    learning_rate: Annotated[float, typer.Option(help="Learning rate η.")] = 1e-3,
    optimizer: Annotated[str, typer.Option(help="adam or sgd.")] = "adam",
    steps: Annotated[int, typer.Option(help="Optimizer steps.")] = 10_000,
    batch_size: Annotated[int, typer.Option(help="Batch size.")] = 128,
    ema_decay: Annotated[float, typer.Option(help="Decay of the weights' moving average.")] = 0.999,
    checkpoint_every: Annotated[int, typer.Option(help="Steps between checkpoints.", min=1)] = 1000,
    resume: Annotated[bool, typer.Option(help="Go on from the latest checkpoint in OUT.")] = False,
    seed: Seed = 0,
) -> None:
    """Train a score network by denoising score matching."""
    from mnemoscope.data import load
    from mnemoscope.networks import NetworkSpec
    from mnemoscope.processes import make_process
    from mnemoscope.training import TrainingSpec, train_run

    spec = TrainingSpec(
        steps=steps,
        batch_size=batch_size,
        noise_draws=noise_draws_of(noise_draws),
        optimizer=optimizer,
        learning_rate=learning_rate,
        ema_decay=ema_decay,
        seed=seed,
    )
    forward = make_process(process)
    dataset = load(data, progress=True)
    built = NetworkSpec(network, dataset.event_shape, {} if width is None else {"width": width})
    result = train_run(
        dataset, forward, built, spec, out, checkpoint_every=checkpoint_every, resume=resume, progress=True
    )
    recent = result.losses[-100:]
    typer.echo(f"{steps} steps, mean loss of the last {len(recent)}: {sum(recent) / len(recent):.4f}")
    typer.echo(f"run: {out}")


def sample(
    model: Annotated[str, typer.Argument(help="A run folder, or empirical:DATA for the exact empirical score.")],
    n: Annotated[int, typer.Option("--n", help="Number of samples.")],
    out: Annotated[Path, typer.Option(help="File to write: .npy, .npz or .safetensors.")],
    solver: Annotated[str, typer.Option(help="ode, adaptive or sde.")] = "ode",
    n_steps: Annotated[int, typer.Option(help="Steps of the fixed grid.")] = 64,
    process: Annotated[str, typer.Option(help="Forward process of empirical:DATA.")] = "variance-preserving",
    regularizer: Annotated[
        str | None,
        typer.Option(help="tikhonov:C, empirical-bayes:TAU or tempered:T, for empirical:DATA scaled to [-1, 1]."),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Draw samples from a trained network, or from the exact or a regularised empirical score of a data set."""
    import torch

    from mnemoscope.data import check_savable, from_model, save_array
    from mnemoscope.output import write_json
    from mnemoscope.sampling import sample as run_sample

    check_savable(out)
    score, forward, value_range, origin = _open_model(model, process, regularizer)
    generator = torch.Generator().manual_seed(seed)
    drawn = run_sample(score, forward, n, generator=generator, solver=solver, n_steps=n_steps, progress=True)
    save_array(out, from_model(drawn, value_range))
    spec = {"n": n, "solver": solver, "n_steps": n_steps, "seed": seed}
    write_json(out.with_name(out.name + ".json"), {"version": __version__, "spec": spec, "model": origin})
    typer.echo(f"{n} samples of shape {tuple(drawn.shape[1:])}: {out}")


def _open_model(
    model: str, process: str, regularizer: str | None
) -> "tuple[Score, Process, tuple[float, float], dict[str, Any]]":
    from mnemoscope.data import load
    from mnemoscope.processes import make_process
    from mnemoscope.scores import EmpiricalScore, make_regularized
    from mnemoscope.training import load_run

    if model.startswith("empirical:"):
        data = load(model.removeprefix("empirical:"), progress=True)
        forward = make_process(process)
        origin = {"empirical": data.name, "fingerprint": data.fingerprint, "process": forward.spec()}
        if regularizer is None:
            return EmpiricalScore(data.to_model(), forward), forward, data.value_range, origin
        score = make_regularized(regularizer, data.to_model(), forward)
        return score, forward, data.value_range, origin | {"regularizer": regularizer}
    if regularizer is not None:
        raise InputError("--regularizer is for empirical:DATA: a trained network's score is what it is")
    run = load_run(model)
    return run.score, run.score.process, run.value_range, {"run": model, "step": run.step, **run.description}
