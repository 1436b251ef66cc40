"""A training run read back from its folder."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mnemoscope.choose import choose
from mnemoscope.errors import InputError
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.processes import make_process
from mnemoscope.random_features import RandomFeatureGrid, RandomFeatureSpec, build_random_features
from mnemoscope.reading import reading
from mnemoscope.records import read_record
from mnemoscope.scores import Score
from mnemoscope.training.checkpoint import (
    check_files,
    checkpoints_of,
    load_sampled,
    load_weights,
    newest_whole,
    step_of,
)
from mnemoscope.training.description import CHECKPOINTS, LOOKS, RANDOM_FEATURES, RUN, WEIGHTS, RunRecord
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


def run_paths(folder: str | Path) -> list[Path]:
    """The files and folders within a run's folder that belong to the run."""
    return [Path(folder) / name for name in (RUN, WEIGHTS, LOOKS, CHECKPOINTS)]


def load_run(
    folder: str | Path,
    step: int | None = None,
    *,
    weights: str = "average",
    label: str | None = None,
    guidance: float = 1.0,
) -> TrainedRun:
    """Read a run's weights back, from the latest checkpoint or that of ``step``.

    Args:
        folder: of the run.
        step: of the checkpoint.
        weights: ``average``, over the last steps, or ``raw``, as they were at that step. There is a warning where an
            average spans more than a quarter of the steps: it lags, and may not show what the model has learnt.
        label: the class whose score is asked for, of a run that was conditional; of all together if left out.
        guidance: how far that class is followed (see ``NetworkScore``); 1 is its score.

    Raises:
        InputError: no run there, none of its checkpoints finished, none of that step, a damaged file, other
            ``weights``, or a ``label`` that the run does not know.
    """
    path = Path(folder)
    record = read_record(path / RUN, RunRecord) if os.path.lexists(path / RUN) else None
    if record is None:
        raise InputError(f"{path}: holds no training run (there is no run.json)")
    description = record.description
    if description["network"]["name"] == RANDOM_FEATURES:
        if step is not None:
            raise InputError(f"{path}: random features are fitted at once, there is no step {step}")
        if label is not None:
            raise InputError(f"{path}: random features know no classes")
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
    with reading(path / RUN):
        training = TrainingSpec.from_json(description["training"])
    if weights == "average":
        _warn_of_lag(path, training, step_of(used))
    low, high = description["data"]["value_range"]
    place = None if label is None else _place_of(label, description["data"].get("classes"), path)
    score = NetworkScore(network, process, spec.event_shape, training.prediction, label=place, guidance=guidance)
    return TrainedRun(score, (low, high), step_of(used), description)


def _place_of(label: str, classes: list[str] | None, path: Path) -> int:
    if not classes:
        raise InputError(f"{path}: was trained without classes, there is no label {label!r}")
    return choose(label, {name: place for place, name in enumerate(classes)}, "label")


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
        training = {**description["training"], "noise_draws": float(description["training"]["noise_draws"])}
        spec = RandomFeatureSpec(**network["options"], **training)
        event_shape, scale = tuple(network["event_shape"]), description["data"]["scale"]
        generator = torch.Generator().manual_seed(spec.seed)  # what it draws gives way to what was stored
        mean = torch.zeros(event_shape, dtype=torch.float64, device="cpu")
        score = build_random_features(event_shape, process, spec, generator, mean=mean, scale=scale)
    load_weights(score, path / WEIGHTS)
    return score
