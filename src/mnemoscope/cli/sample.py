"""``mnemoscope sample``: out of a run folder, or of the exact score of a data set."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemoscope._version import __version__
from mnemoscope.cli.options import LARGEST, LARGEST_COUNT, MaxMemory, Seed, print_line
from mnemoscope.errors import InputError
from mnemoscope.text import one_name

if TYPE_CHECKING:
    from mnemoscope.processes import Process
    from mnemoscope.scores import Score

EMPIRICAL = "empirical:"
"""Before a data set's path where a model is asked for: the exact empirical score of that set."""


def sample(
    model: Annotated[str, typer.Argument(help="A run folder, or empirical:DATA for the exact empirical score.")],
    n: Annotated[int, typer.Option("--n", help="Number of samples.", min=1, max=LARGEST_COUNT)],
    out: Annotated[Path, typer.Option(help="File to write: .npy, .npz or .safetensors.")],
    solver: Annotated[str, typer.Option(help="ode, adaptive or sde.")] = "ode",
    n_steps: Annotated[int, typer.Option(help="Steps of the fixed grid.", min=1, max=LARGEST_COUNT)] = 64,
    weights: Annotated[
        str | None, typer.Option(help="Of a run: average (if left out), over its last steps, or raw.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Of a run that was conditional: the class to sample; all of them if left out.")
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(help="How far --label is followed: 1 (if left out) is its own score.", min=0, max=LARGEST),
    ] = None,
    process: Annotated[str, typer.Option(help="Forward process of empirical:DATA.")] = "variance-preserving",
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
    from mnemoscope.sampling import sample as run_sample
    from mnemoscope.training import run_paths

    about = out.with_name(out.name + ".json")
    check_savable(out)
    check_output_file(about)
    if model.startswith(EMPIRICAL):
        check_apart([out, about], source_paths(model.removeprefix(EMPIRICAL)))
    else:
        check_apart([out, about], run_paths(model))
    with atomic_companions(out) as folder:
        score, forward, value_range, origin = _open_model(model, process, regularizer, weights, label, guidance)
        generator = torch.Generator().manual_seed(seed)
        drawn = run_sample(score, forward, n, generator=generator, solver=solver, n_steps=n_steps, progress=True)
        save_array(folder / out.name, from_model(drawn, value_range))
        spec = {"n": n, "solver": solver, "n_steps": n_steps, "seed": seed}
        write_json(folder / about.name, {"version": __version__, "spec": spec, "model": origin})
    print_line(f"{n} samples of shape {tuple(drawn.shape[1:])}: {out}")


def _open_model(
    model: str,
    process: str,
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
        for option, given in (("weights", weights), ("label", label), ("guidance", guidance)):
            if given is not None:
                raise InputError(f"--{option} is for a run: the exact score has none")
        data = load(model.removeprefix(EMPIRICAL), progress=True)
        forward = make_process(process)
        origin = {"empirical": data.label, "fingerprint": data.fingerprint, "process": forward.spec()}
        if regularizer is None:
            return EmpiricalScore(data.to_model(), forward), forward, data.value_range, origin
        score = make_regularized(regularizer, data.to_model(), forward)
        return score, forward, data.value_range, origin | {"regularizer": regularizer}
    if regularizer is not None:
        raise InputError("--regularizer is for empirical:DATA: a trained network's score is what it is")
    if guidance is not None and label is None:
        raise InputError("--guidance is towards a class: --label says which")
    conditional = {"label": label, "guidance": 1.0 if guidance is None else guidance}
    run = load_run(model, weights=weights or "average", **conditional)  # type: ignore[arg-type]
    if weights is not None and run.step is None:
        raise InputError(f"{model}: --weights has no meaning for random features, which are fitted at once")
    about: dict[str, Any] = {"run": one_name(Path(model).absolute().name)}
    which = {} if run.step is None else {"step": run.step, "weights": weights or "average"}
    asked = {} if label is None else conditional
    return run.score, run.score.process, run.value_range, {**about, **which, **asked, **run.description}
