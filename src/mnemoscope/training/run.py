"""A training run as a folder: what was asked for, on which data, and every checkpoint.

RUN/run.json        version, process, network, training spec, data (name, fingerprint, range)
RUN/looks.jsonl     what a monitor saw, where one looked
RUN/checkpoints/    step-00001000/ and so on

A run of random features has no steps: in place of checkpoints it holds ``weights.safetensors``, the first layers, the
read-outs and the mean item. It appears whole.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from mnemoscope.data import Dataset
from mnemoscope.extras import optional
from mnemoscope.networks import NetworkSpec, build_network
from mnemoscope.output import atomic_files, held_folder, output_subfolder, writing
from mnemoscope.processes import Process
from mnemoscope.random_features import RandomFeatureSpec, fit_random_features
from mnemoscope.records import file_checksum, write_record
from mnemoscope.training.checkpoint import save_weights
from mnemoscope.training.description import (
    CHECKPOINTS,
    LOOKS,
    RUN,
    WEIGHTS,
    RunRecord,
    check_free,
    describe,
    describe_random_features,
    is_run,
    labels_of,
)
from mnemoscope.training.fit import FitResult, fit
from mnemoscope.training.loading import TrainedRun, load_run
from mnemoscope.training.spec import TrainingSpec
from mnemoscope.training.watching import Elsewhere, Monitor


def train_run(
    data: Dataset,
    process: Process,
    network: NetworkSpec,
    spec: TrainingSpec,
    folder: str | Path,
    *,
    checkpoint_every: int | None = None,
    monitor: Callable[[Path], Monitor] | None = None,
    monitor_every: int = 500,
    stop: bool = True,
    resume: bool = False,
    progress: bool = False,
) -> FitResult:
    """Train and keep everything in ``folder``.

    With ``resume`` a run that was cut short goes on from its latest checkpoint and ends as if it had not been; it must
    be asked for with the same data and settings, except that ``steps`` may grow where the learning rate does not
    depend on how many there are.

    Args:
        data: the training set. Where the network has the option ``classes``, training is conditional on the set's.
        process: the forward process.
        network: what is trained.
        spec: the training run.
        folder: for all of it.
        checkpoint_every: steps between checkpoints; only one at the end if left out.
        monitor: makes the monitor, given the file where it keeps its history, so that looks survive a crash; see
            ``fit`` for it and for ``monitor_every`` and ``stop``.
        monitor_every: steps between two looks.
        stop: end the training when the monitor says so.
        resume: go on with a run that is there.
        progress: show a bar.

    Raises:
        InputError: the folder holds a run and ``resume`` was not asked for, or its run differs (the field is named).
        OutputError: the folder cannot be written to.
        MissingExtraError: accelerate, or the network's own library, is not installed.
    """
    writes = optional("accelerate", "train").PartialState().is_main_process  # of several processes one
    items, built = data.to_model(), build_network(network, spec.seed)  # whatever they refuse, nothing is written
    labels = labels_of(data, network)
    asked = describe(data, process, network, spec)
    with _begun(Path(folder), asked, resume) if writes else nullcontext():
        return fit(
            built,
            items,
            process,
            spec,
            labels=labels,
            checkpoints=Path(folder) / CHECKPOINTS,
            checkpoint_every=checkpoint_every,
            monitor=monitor and (monitor(Path(folder) / LOOKS) if writes else Elsewhere()),
            monitor_every=monitor_every,
            stop=stop,
            progress=progress,
        )


@contextmanager
def _begun(folder: Path, asked: dict[str, Any], resume: bool) -> Iterator[None]:
    """A run's folder for the length of its training; until there is a checkpoint there is no run, and none is left."""
    with held_folder(folder) as (path, _):
        if not check_free(path, asked, resume):
            (path / LOOKS).unlink(missing_ok=True)  # of one that was killed before its first checkpoint
        try:
            write_record(path / RUN, RunRecord.model_validate(asked))
            output_subfolder(path / CHECKPOINTS)
            yield
        except BaseException:
            if not is_run(path):
                with suppress(OSError):
                    for name in (RUN, LOOKS):
                        (path / name).unlink(missing_ok=True)
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
