"""The audit of a pipeline: its own samples against its training set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnemoscope.auditing import Report, audit
from mnemoscope.data import DataLike, Dataset, as_dataset, image_layout, load
from mnemoscope.data.options import DEFAULT, Options, shape_remedy
from mnemoscope.errors import InputError
from mnemoscope.pipelines.sampling import BATCH_SIZE, as_pipeline, picture_shape, sample_pipeline

N_SAMPLES = 256
"""Samples of an audit if none are asked for: they tell a rate of 2 % from zero."""


def audit_pipeline(
    pipeline: Any,
    train: DataLike | str | Path,
    *,
    n: int = N_SAMPLES,
    seed: int = 0,
    n_steps: int | None = None,
    batch_size: int = BATCH_SIZE,
    conditions: Mapping[str, Sequence[Any]] | None = None,
    options: Mapping[str, Any] | None = None,
    progress: bool = False,
    **how: Any,
) -> Report:
    """Sample a pipeline of diffusers by its own sampler and audit the samples.

    Args:
        pipeline: it, or its folder.
        train: the images it was trained on, as ``audit`` takes them, or a path, as ``load`` does.
        n: number of samples.
        seed: of the samples and of the audit.
        n_steps: sampling steps; the pipeline's own number if left out.
        batch_size: samples computed at once.
        conditions: see ``sample_pipeline``.
        options: see ``sample_pipeline``.
        progress: show bars.
        how: further arguments of ``audit``: ``holdout`` (a path as well), ``measures``, ...

    Raises:
        InputError: as ``sample_pipeline`` and ``audit``; pictures of another size than those of ``train`` are refused
            before any is sampled.
    """
    opened = as_pipeline(pipeline)
    real = load(train, progress=progress) if isinstance(train, str | Path) else as_dataset(train, "train")
    if isinstance(how.get("holdout"), str | Path):
        how["holdout"] = load(how["holdout"], progress=progress)
    drawing: dict[str, Any] = {
        "n_steps": n_steps,
        "batch_size": batch_size,
        "conditions": conditions,
        "options": options,
    }
    samples = pipeline_samples(opened, real, n, seed=seed, progress=progress, **drawing)
    return audit(samples, real, seed=seed, progress=progress, **how)


def pipeline_samples(
    pipeline: Any,
    train: Dataset,
    n: int,
    *,
    form: Options = DEFAULT,
    seed: int = 0,
    progress: bool = False,
    **drawing: Any,
) -> Dataset:
    """Samples of a pipeline as a data set that can be compared with ``train``: its layout and its value range.

    Args:
        pipeline: it, or its folder.
        train: the training set.
        n: number of samples.
        form: how pictures were asked for when ``train`` was loaded.
        seed: of the samples.
        progress: show a bar.
        drawing: further arguments of ``sample_pipeline``.

    Raises:
        InputError: as ``sample_pipeline``; pictures of another size than those of ``train``, before any is sampled.
    """
    opened = as_pipeline(pipeline)
    kind = type(opened).__name__
    name = f"samples of {kind}"
    shape = picture_shape(opened)
    if shape is not None and form.resize is None and form.channels is None:
        _check_shape(shape, train, name)
    drawn = sample_pipeline(opened, n, seed=seed, progress=progress, **drawing)
    scheduler = type(opened.components.get("scheduler")).__name__
    asked = {key: value for key, value in drawing.items() if value is not None}
    made = {"class": kind, "scheduler": scheduler, "n": n, "seed": seed, **asked}
    samples = form.apply(Dataset(drawn, name))
    return _as_those_of(samples.described(source={"pipeline": made, **form.to_dict()}), train)


def _check_shape(shape: tuple[int, ...], train: Dataset, name: str) -> None:
    if sorted(_without_ones(shape)) != sorted(_without_ones(train.event_shape)):
        raise InputError(
            f"{name}: have event shape {shape}, but {train.name} has {train.event_shape}"
            f"{shape_remedy(shape, train.event_shape)}"
        )


def _without_ones(shape: tuple[int, ...]) -> list[int]:
    return [size for size in shape if size != 1]


def _as_those_of(samples: Dataset, train: Dataset) -> Dataset:
    """Colours on the axis, and values in the range, on which ``train`` has them."""
    if len(samples.event_shape) == 3 and image_layout(train.event_shape) == "CHW":
        samples = samples.described(array=np.moveaxis(samples.array, 3, 1))
    return samples.rescaled(train.value_range)
