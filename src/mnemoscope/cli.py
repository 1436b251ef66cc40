"""The command line: thin wrappers, progress on stderr, results on stdout.

Exit codes: 0 done; 1 the work ran and what it checked does not hold; 2 bad usage or bad input, one line on stderr.
"""

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.exceptions import TyperException

from mnemoscope._version import __version__
from mnemoscope.errors import InputError, MnemoscopeError
from mnemoscope.studies.commands import app as study_app

if TYPE_CHECKING:
    from mnemoscope.processes import Process
    from mnemoscope.scores import Score

app = typer.Typer(
    name="mnemoscope",
    help="Does a score-based diffusion model memorize its training data, why, and what would stop it?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(study_app, name="study")

Seed = Annotated[int, typer.Option(help="Seed of everything random.", min=0)]
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on stdout.")]
DATA = "'digits', .npy, .npz, .safetensors, an image folder, an IDX file or a folder of them."


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for report.html and report.json.")] = Path("mnemoscope-demo"),
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train on few and on many real digits, audit both and the empirical score: three minutes on two cores."""
    from mnemoscope.auditing.terminal import rate_table
    from mnemoscope.demo import DemoSpec, run_demo

    result = run_demo(out, DemoSpec(seed=seed), progress=True)
    if as_json:
        print_json(result.to_dict())
    else:
        rows = [
            (model.name, model.report.results[0], f"{model.expected}: {'holds' if model.holds else 'DOES NOT HOLD'}")
            for model in result.models
        ]
        _stdout().print(rate_table("Model", rows, "Theory"))
        _stdout().print(f"report: {out / 'report.html'}", soft_wrap=True, highlight=False)
    raise typer.Exit(0 if result.holds else 1)


@app.command()
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
    from mnemoscope.data import load
    from mnemoscope.output import new_output_folder

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
    _stdout().print(rate_table("Measure", [(result.name, result, result.rule) for result in report.results]))
    for warning in report.warnings:
        _stdout().print(f"warning: {warning}", highlight=False)
    for line in pair_lines(report):
        _stdout().print(line, soft_wrap=True, markup=False, highlight=False)
    _stdout().print(report.verdict, highlight=False)
    _stdout().print(f"report: {folder / 'report.html'}", soft_wrap=True, highlight=False)


@app.command()
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
        noise_draws=_noise_draws(noise_draws),
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


@app.command()
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


@app.command()
def predict(
    psi_p: Annotated[float, typer.Option(help="Features per dimension, p/d.")],
    time: Annotated[float, typer.Option(help="Time t of the Ornstein-Uhlenbeck process.")],
    ridge: Annotated[float, typer.Option(help="Ridge λ.")],
    psi_n: Annotated[float | None, typer.Option(help="Samples per dimension, n/d; that of --data if left out.")] = None,
    noise_draws: Annotated[str, typer.Option(help="Noise draws m of each sample, or inf.")] = "inf",
    activation: Annotated[str, typer.Option(help="relu, tanh, erf, gelu or sine.")] = "relu",
    data: Annotated[str | None, typer.Option(help=f"Take the covariance of a data set: {DATA}")] = None,
    whitening: Annotated[float | None, typer.Option(help="Whiten the data with this ridge first.")] = None,
    as_json: AsJson = False,
) -> None:
    """What the precise learning curves of random-feature scores say: losses, side of the crossover, what would help."""
    from mnemoscope.data import load
    from mnemoscope.theory import predict as run_predict

    prediction = run_predict(
        psi_n=psi_n,
        psi_p=psi_p,
        noise_draws=_noise_draws(noise_draws),
        time=time,
        ridge=ridge,
        activation=activation,
        data=None if data is None else load(data, progress=True).array,
        whitening=whitening,
    )
    if as_json:
        print_json(prediction.payload())
    else:
        typer.echo(prediction.sentence)


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


def _noise_draws(text: str) -> float:
    try:
        return math.inf if text == "inf" else int(text)
    except ValueError:
        raise InputError(f"noise_draws must be a whole number or inf, got {text!r}") from None


def print_json(value: Any) -> None:
    """Exactly one JSON object on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def _stdout() -> Console:
    return Console()


def main() -> None:
    """Entry point: errors made by the user become one line on stderr and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except (TyperException, MnemoscopeError) as error:
        text = error.format_message() if isinstance(error, TyperException) else str(error)
        typer.echo(f"mnemoscope: {' '.join(text.split())}", err=True)
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("mnemoscope: interrupted", err=True)
        code = 130
    sys.exit(code)
