"""What ``run.json`` says: what a run was asked for, and on which data; one goes on only with the same."""

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, Field, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor

from mnemoscope._version import __version__
from mnemoscope.data import Dataset
from mnemoscope.errors import InputError
from mnemoscope.networks import NetworkSpec
from mnemoscope.processes import Process
from mnemoscope.random_features import RandomFeatureSpec, standardization
from mnemoscope.reading import reading
from mnemoscope.records import JsonRecord, read_record
from mnemoscope.text import json_number
from mnemoscope.training.spec import BEFORE, TrainingSpec

RUN, CHECKPOINTS, WEIGHTS, LOOKS = "run.json", "checkpoints", "weights.safetensors", "looks.jsonl"
"""What a run's folder holds; weights are those of a run without steps, looks those of a monitor."""

RANDOM_FEATURES = "random-features"
"""What a run of random features is called where others name their network."""


class _Network(BaseModel):
    model_config = JsonRecord.model_config

    name: str
    event_shape: list[PositiveInt]
    options: dict[str, int | str]


class _Half(BaseModel):
    model_config = JsonRecord.model_config

    name: str
    seed: NonNegativeInt
    rows: str
    of: str
    of_name: str
    of_samples: PositiveInt


class _Data(BaseModel):
    model_config = JsonRecord.model_config

    name: str
    fingerprint: str
    n_samples: PositiveInt
    value_range: list[float] = Field(min_length=2, max_length=2)
    scale: PositiveFloat | None = None
    half: _Half | None = None
    classes: list[str] | None = None
    labels: str | None = None


class RunRecord(JsonRecord):
    """run.json, and the checksums of the files that are written before it. Version 1 had none."""

    what: ClassVar[str] = "a training run"

    version: str
    process: dict[str, Any]
    network: _Network
    training: dict[str, Any]
    data: _Data
    files: dict[str, str] = Field(default_factory=dict)

    @property
    def description(self) -> dict[str, Any]:
        """All but the checksums."""
        return self.model_dump(exclude_unset=True, exclude={"files"})


def describe(data: Dataset, process: Process, network: NetworkSpec, spec: TrainingSpec) -> dict[str, Any]:
    """The description of a run of a network that is trained step by step."""
    return {
        "version": __version__,
        "process": process.spec(),
        "network": {**asdict(network), "event_shape": list(network.event_shape)},
        "training": spec.to_json(),
        "data": {**_describe_data(data), **_describe_classes(data, network)},
    }


def labels_of(data: Dataset, network: NetworkSpec) -> Tensor | None:
    """The class of each item, as a number among their names in order; None where the network has no classes.

    Raises:
        InputError: it has, and the data have none or another number of them.
    """
    asked = network.options.get("classes")
    if asked is None:
        return None
    if data.classes is None:
        raise InputError(f"{data.name}: has no classes to be conditional on")
    names, labels = np.unique(np.array(data.classes), return_inverse=True)
    if len(names) != asked:
        raise InputError(f"{data.name}: has {len(names)} classes, the network {asked}")
    return torch.from_numpy(labels.astype(np.int64))


def _describe_classes(data: Dataset, network: NetworkSpec) -> dict[str, Any]:
    if (labels := labels_of(data, network)) is None:
        return {}
    found = hashlib.sha256(labels.numpy().tobytes()).hexdigest()
    return {"classes": sorted(set(data.classes or ())), "labels": found}


def describe_random_features(data: Dataset, process: Process, spec: RandomFeatureSpec) -> dict[str, Any]:
    """The description of a run of random features."""
    training = {**asdict(spec), "noise_draws": json_number(spec.noise_draws_for(data.n_samples))}
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
        "name": data.label,
        "fingerprint": data.fingerprint,
        "n_samples": data.n_samples,
        "value_range": list(data.value_range),
        **({} if data.half is None else {"half": asdict(data.half)}),
    }


def check_free(path: Path, asked: dict[str, Any], resume: bool) -> bool:
    """Whether there is a run in ``path`` to go on with.

    Raises:
        InputError: there is one, and ``resume`` was not asked for, or it differs (the field is named).
    """
    if not is_run(path):
        return False
    if not resume:
        raise InputError(f"{path}: holds a training run already; resume it or choose another folder")
    _check_same(path / RUN, asked)
    return True


def is_run(path: Path) -> bool:
    """Whether there is anything to read or to resume in ``path``; who was killed before left a description at most."""
    held = [path / WEIGHTS, *(path / CHECKPOINTS).glob("step-*")]
    return os.path.lexists(path / RUN) and any(map(os.path.lexists, held))


def _check_same(described: Path, asked: dict[str, Any]) -> None:
    before = read_record(described, RunRecord).description
    with reading(described):
        for part in ("process", "network", "training"):
            for name, value in asked[part].items():
                was = before[part].get(name, BEFORE.get(name))
                # A schedule that ends with the steps is another one where there are more.
                endless = asked[part].get("schedule") == "constant"
                longer = (part, name) == ("training", "steps") and endless and value >= was
                if was != value and not longer:
                    raise InputError(f"{described}: was {part} {name}={was!r}, cannot resume with {value!r}")
    if any(before["data"].get(name) != asked["data"].get(name) for name in ("fingerprint", "classes", "labels")):
        raise InputError(f"{described}: was trained on other data than {asked['data']['name']}, cannot resume")
