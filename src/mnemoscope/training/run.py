"""A training run as a folder: what was asked for, on which data, and every checkpoint.

RUN/run.json        version, process, network, training spec, data (name, fingerprint, range)
RUN/checkpoints/    step-00001000/ and so on
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnemoscope._version import __version__
from mnemoscope.data import Dataset
from mnemoscope.errors import InputError
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.output import output_folder, write_json
from mnemoscope.processes import Process, make_process
from mnemoscope.training.checkpoint import latest_checkpoint, load_average
from mnemoscope.training.fit import FitResult, fit
from mnemoscope.training.spec import TrainingSpec


@dataclass(frozen=True)
class TrainedRun:
    """A run read back: its score, and the value range that the score's [−1, 1] stands for."""

    score: NetworkScore
    value_range: tuple[float, float]
    step: int
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
    """
    items, built = data.to_model(), build_network(network, spec.seed)  # whatever they refuse, nothing is written
    path = output_folder(folder)
    asked = _describe(data, process, network, spec)
    described = path / "run.json"
    if described.exists():
        if not resume:
            raise InputError(f"{path}: holds a training run already; resume it or choose another folder")
        _check_same(described, asked)
    write_json(described, asked)
    checkpoints = output_folder(path / "checkpoints")
    return fit(
        built,
        items,
        process,
        spec,
        checkpoints=checkpoints,
        checkpoint_every=checkpoint_every,
        progress=progress,
    )


def load_run(folder: str | Path, step: int | None = None) -> TrainedRun:
    """Read a run's averaged weights back, from the latest checkpoint or that of ``step``.

    Raises:
        InputError: no run there, none of its checkpoints finished, none of that step, or a damaged file.
    """
    path = Path(folder)
    description = _read_description(path / "run.json")
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


def _describe(data: Dataset, process: Process, network: NetworkSpec, spec: TrainingSpec) -> dict[str, Any]:
    return {
        "version": __version__,
        "process": process.spec(),
        "network": {**asdict(network), "event_shape": list(network.event_shape)},
        "training": spec.to_json(),
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "n_samples": data.n_samples,
            "value_range": list(data.value_range),
        },
    }


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
