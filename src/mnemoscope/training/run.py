"""A training run as a folder: what was asked for, on which data, and every checkpoint.

RUN/run.json        version, process, network, training spec, data (name, fingerprint, range)
RUN/checkpoints/    step-00001000/ and so on

A run of random features has no steps: in place of checkpoints it holds ``weights.safetensors``, the first layers, the
read-outs and the mean item. It appears whole.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mnemoscope.data import Dataset
from mnemoscope.errors import InputError
from mnemoscope.extras import optional
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.output import atomic_files, held_folder, output_subfolder, writing
from mnemoscope.processes import Process, make_process
from mnemoscope.random_features import (
    RandomFeatureGrid,
    RandomFeatureSpec,
    build_random_features,
    fit_random_features,
)
from mnemoscope.reading import reading
from mnemoscope.records import file_checksum, read_record, write_record
from mnemoscope.scores import Score
from mnemoscope.training.checkpoint import (
    check_files,
    checkpoints_of,
    load_sampled,
    load_weights,
    newest_whole,
    save_weights,
    step_of,
)
from mnemoscope.training.description import (
    CHECKPOINTS,
    RANDOM_FEATURES,
    RUN,
    WEIGHTS,
    RunRecord,
    check_free,
    describe,
    describe_random_features,
    is_run,
)
from mnemoscope.training.fit import FitResult, fit
from mnemoscope.training.spec import TrainingSpec

_SHORT = 10
"""An average over so many steps lags behind none that matters."""


@dataclass(frozen=True)
class TrainedRun:
    """A run read back.

    Attributes:
        score: of the averaged or the raw weights, or of the closed form.
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
    writes = optional("accelerate", "train").PartialState().is_main_process  # of several processes one
    items, built = data.to_model(), build_network(network, spec.seed)  # whatever they refuse, nothing is written
    asked = describe(data, process, network, spec)
    with _begun(Path(folder), asked, resume) if writes else nullcontext():
        return fit(
            built,
            items,
            process,
            spec,
            checkpoints=Path(folder) / CHECKPOINTS,
            checkpoint_every=checkpoint_every,
            progress=progress,
        )


@contextmanager
def _begun(folder: Path, asked: dict[str, Any], resume: bool) -> Iterator[None]:
    """A run's folder for the length of its training; until there is a checkpoint there is no run, and none is left."""
    with held_folder(folder) as (path, _):
        check_free(path, asked, resume)
        try:
            write_record(path / RUN, RunRecord.model_validate(asked))
            output_subfolder(path / CHECKPOINTS)
            yield
        except BaseException:
            if not is_run(path):
                with suppress(OSError):
                    (path / RUN).unlink(missing_ok=True)
                    (path / CHECKPOINTS).rmdir()
            raise


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
    asked = describe_random_features(data, process, spec)
    if check_free(Path(folder), asked, resume):
        return load_run(folder)
    with atomic_files(folder) as path:
        check_free(Path(folder), asked, resume=False)
        score = fit_random_features(items, process, spec, progress=progress)
        with writing(Path(folder) / WEIGHTS):
            save_weights(score, path / WEIGHTS)
        files = {WEIGHTS: file_checksum(path / WEIGHTS)}
        write_record(path / RUN, RunRecord.model_validate({**asked, "files": files}))
    return TrainedRun(score, data.value_range, None, asked)


def run_paths(folder: str | Path) -> list[Path]:
    """The files and folders within a run's folder that belong to the run."""
    return [Path(folder) / name for name in (RUN, WEIGHTS, CHECKPOINTS)]


def load_run(folder: str | Path, step: int | None = None, *, weights: str = "average") -> TrainedRun:
    """Read a run's weights back, from the latest checkpoint or that of ``step``.

    Args:
        folder: of the run.
        step: of the checkpoint.
        weights: ``average``, over the last steps, or ``raw``, as they were at that step. There is a warning where an
            average spans more than a quarter of the steps: it lags, and may not show what the model has learnt.

    Raises:
        InputError: no run there, none of its checkpoints finished, none of that step, a damaged file, or other
            ``weights``.
    """
    path = Path(folder)
    record = read_record(path / RUN, RunRecord) if os.path.lexists(path / RUN) else None
    if record is None:
        raise InputError(f"{path}: holds no training run (there is no run.json)")
    description = record.description
    if description["network"]["name"] == RANDOM_FEATURES:
        if step is not None:
            raise InputError(f"{path}: random features are fitted at once, there is no step {step}")
        low, high = description["data"]["value_range"]
        check_files(path, record.files, WEIGHTS)
        return TrainedRun(_load_random_features(path, description), (low, high), None, description)
    folder = path / CHECKPOINTS
    checkpoints = checkpoints_of(folder) if step is None else [folder / f"step-{step:08d}"]
    if not checkpoints or not checkpoints[0].is_dir():
        raise InputError(f"{path}: has no finished checkpoint{'' if step is None else f' of step {step}'}")
    with reading(path / RUN):
        process = make_process(**description["process"])
        asked = description["network"]
        spec = NetworkSpec(asked["name"], tuple(asked["event_shape"]), asked["options"])
        network = build_network(spec, seed=0)
    used = newest_whole(checkpoints, lambda checkpoint: load_sampled(checkpoint, network.eval(), weights))
    if weights == "average":
        _warn_of_lag(path, TrainingSpec.from_json(description["training"]), step_of(used))
    low, high = description["data"]["value_range"]
    return TrainedRun(NetworkScore(network, process, spec.event_shape), (low, high), step_of(used), description)


def _warn_of_lag(path: Path, spec: TrainingSpec, step: int) -> None:
    span = 1 / (1 - spec.ema_decay_at(step))
    if span > max(_SHORT, step / 4):
        warnings.warn(
            f"{path}: the average spans {span:.0f} of {step} steps and lags behind the weights; sample these too "
            f"(weights='raw')",
            stacklevel=3,
        )


def _load_random_features(path: Path, description: dict[str, Any]) -> RandomFeatureGrid:
    with reading(path / RUN):
        network, process = description["network"], make_process(**description["process"])
        spec = RandomFeatureSpec(**network["options"], **description["training"])
        event_shape, scale = tuple(network["event_shape"]), description["data"]["scale"]
        generator = torch.Generator().manual_seed(spec.seed)  # what it draws gives way to what was stored
        mean = torch.zeros(event_shape, dtype=torch.float64, device="cpu")
        score = build_random_features(event_shape, process, spec, generator, mean=mean, scale=scale)
    load_weights(score, path / WEIGHTS)
    return score
