"""A training run as a folder: what was asked for, on which data, and every checkpoint.

RUN/run.json        version, process, network, training spec, data (name, fingerprint, range)
RUN/checkpoints/    step-00001000/ and so on

A run of random features has no steps: in place of checkpoints it holds ``weights.safetensors``, the first layers, the
read-outs and the mean item. There ``run.json`` is written last, so that a folder that has one has a whole run.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from mnemoscope._version import __version__
from mnemoscope.data import Dataset
from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.output import atomic_file, new_output_folder, output_folder, output_subfolder, write_json
from mnemoscope.processes import Process, make_process
from mnemoscope.random_features import (
    RandomFeatureGrid,
    RandomFeatureSpec,
    build_random_features,
    fit_random_features,
    standardization,
)
from mnemoscope.scores import Score
from mnemoscope.training.checkpoint import latest_checkpoint, load_average, load_weights, save_weights
from mnemoscope.training.fit import FitResult, fit
from mnemoscope.training.spec import TrainingSpec

RANDOM_FEATURES = "random-features"
"""What a run of random features is called where others name their network."""


@dataclass(frozen=True)
class TrainedRun:
    """A run read back.

    Attributes:
        score: of the averaged weights, or of the closed form.
        value_range: what the score's [−1, 1] stands for.
        step: of the checkpoint; None where there are no steps.
        description: what ``run.json`` holds.
    """

    score: Score
    value_range: tuple[float, float]
    step: int | None
    description: dict[str, Any]


def train_run(
    data: Dataset,
    process: Process,
    network: NetworkSpec,
    spec: TrainingSpec,
    folder: str | Path,
    *,
    checkpoint_every: int | None = None,
    resume: bool = False,
    progress: bool = False,
) -> FitResult:
    """Train and keep everything in ``folder``.

    With ``resume`` a run that was cut short goes on from its latest checkpoint and ends as if it had not been; it must
    be asked for with the same data and settings, except that ``steps`` may grow.

    Raises:
        InputError: the folder holds a run and ``resume`` was not asked for, or its run differs (the field is named).
        OutputError: the folder cannot be written to.
        MissingExtraError: accelerate, or the network's own library, is not installed.
    """
    optional("accelerate", "train")  # what fit needs: a run folder is begun only where it can be trained
    items, built = data.to_model(), build_network(network, spec.seed)  # whatever they refuse, nothing is written
    path = output_folder(folder)
    asked = _describe(data, process, network, spec)
    _check_free(path, asked, resume)
    write_json(path / "run.json", asked)
    checkpoints = output_subfolder(path / "checkpoints")
    return fit(
        built,
        items,
        process,
        spec,
        checkpoints=checkpoints,
        checkpoint_every=checkpoint_every,
        progress=progress,
    )


def train_random_features(
    data: Dataset,
    process: Process,
    spec: RandomFeatureSpec,
    folder: str | Path,
    *,
    resume: bool = False,
    progress: bool = False,
) -> TrainedRun:
    """Fit random features in closed form and keep everything in ``folder``.

    With ``resume`` a run that is there already is read back; it must be asked for with the same data and settings. One
    that was cut short starts again.

    Raises:
        InputError: the folder holds a run and ``resume`` was not asked for, or its run differs (the field is named); or
            data of which every item is the same.
        OutputError: the folder cannot be written to.
    """
    items = data.to_model()
    asked = _describe_random_features(data, process, spec)
    if _check_free(Path(folder), asked, resume):
        return load_run(folder)
    with new_output_folder(folder) as path:
        score = fit_random_features(items, process, spec, progress=progress)
        with atomic_file(path / "weights.safetensors") as temporary:
            save_weights(score, temporary)
        write_json(path / "run.json", asked)
    return TrainedRun(score, data.value_range, None, asked)


def run_paths(folder: str | Path) -> list[Path]:
    """The files and folders within a run's folder that belong to the run."""
    return [Path(folder) / name for name in ("run.json", "weights.safetensors", "checkpoints")]


def load_run(folder: str | Path, step: int | None = None) -> TrainedRun:
    """Read a run's averaged weights back, from the latest checkpoint or that of ``step``.

    Raises:
        InputError: no run there, none of its checkpoints finished, none of that step, or a damaged file.
    """
    path = Path(folder)
    description = _read_description(path / "run.json")
    if description["network"]["name"] == RANDOM_FEATURES:
        if step is not None:
            raise InputError(f"{path}: random features are fitted at once, there is no step {step}")
        low, high = description["data"]["value_range"]
        return TrainedRun(_load_random_features(path, description), (low, high), None, description)
    checkpoints = path / "checkpoints"
    checkpoint = latest_checkpoint(checkpoints) if step is None else checkpoints / f"step-{step:08d}"
    if checkpoint is None or not checkpoint.is_dir():
        raise InputError(f"{path}: has no finished checkpoint{'' if step is None else f' of step {step}'}")
    process = make_process(**description["process"])
    asked = description["network"]
    spec = NetworkSpec(asked["name"], tuple(asked["event_shape"]), asked["options"])
    network = build_network(spec, seed=0)
    load_average(checkpoint, network.eval())
    low, high = description["data"]["value_range"]
    done = int(checkpoint.name.removeprefix("step-"))
    return TrainedRun(NetworkScore(network, process, spec.event_shape), (low, high), done, description)


def _load_random_features(path: Path, description: dict[str, Any]) -> RandomFeatureGrid:
    network, process = description["network"], make_process(**description["process"])
    spec = RandomFeatureSpec(**network["options"], **description["training"])
    event_shape, scale = tuple(network["event_shape"]), description["data"]["scale"]
    generator = torch.Generator().manual_seed(spec.seed)  # what it draws gives way to what was stored
    mean = torch.zeros(event_shape, dtype=torch.float64, device="cpu")
    score = build_random_features(event_shape, process, spec, generator, mean=mean, scale=scale)
    load_weights(score, path / "weights.safetensors")
    return score


def _describe(data: Dataset, process: Process, network: NetworkSpec, spec: TrainingSpec) -> dict[str, Any]:
    return {
        "version": __version__,
        "process": process.spec(),
        "network": {**asdict(network), "event_shape": list(network.event_shape)},
        "training": spec.to_json(),
        "data": _describe_data(data),
    }


def _describe_random_features(data: Dataset, process: Process, spec: RandomFeatureSpec) -> dict[str, Any]:
    training = {**asdict(spec), "noise_draws": spec.noise_draws_for(data.n_samples)}
    options = {name: training.pop(name) for name in ("n_features", "activation")}
    return {
        "version": __version__,
        "process": process.spec(),
        "network": {"name": RANDOM_FEATURES, "event_shape": list(data.event_shape), "options": options},
        "training": training,
        "data": {**_describe_data(data), "scale": standardization(data.to_model())[1]},
    }


def _describe_data(data: Dataset) -> dict[str, Any]:
    return {
        "name": data.name,
        "fingerprint": data.fingerprint,
        "n_samples": data.n_samples,
        "value_range": list(data.value_range),
    }


def _check_free(path: Path, asked: dict[str, Any], resume: bool) -> bool:
    """Whether there is a run in ``path`` to go on with; one that may not be gone on with is refused."""
    described = path / "run.json"
    if not os.path.lexists(described):
        return False
    if not resume:
        raise InputError(f"{path}: holds a training run already; resume it or choose another folder")
    _check_same(described, asked)
    return True


def _check_same(described: Path, asked: dict[str, Any]) -> None:
    before = _read_description(described)
    for part in ("process", "network", "training"):
        for name, value in asked[part].items():
            longer = (part, name) == ("training", "steps") and value >= before[part][name]
            if before[part].get(name) != value and not longer:
                raise InputError(
                    f"{described}: was {part} {name}={before[part].get(name)!r}, cannot resume with {value!r}"
                )
    if before["data"]["fingerprint"] != asked["data"]["fingerprint"]:
        raise InputError(f"{described}: was trained on other data than {asked['data']['name']}, cannot resume")


def _read_description(path: Path) -> dict[str, Any]:
    try:
        description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path.parent}: holds no training run (there is no {path.name})") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    return description
