"""Two training runs as two halves: what they recorded must make them the two halves of one split."""

from pathlib import Path
from typing import Any

from mnemoscope.data import Dataset, Halves, halves, load
from mnemoscope.errors import InputError
from mnemoscope.monitoring.halves.compare import HalvesReport, compare_halves
from mnemoscope.text import one_name
from mnemoscope.training import TrainedRun, load_run


def compare_runs(
    first: str | Path,
    second: str | Path,
    data: str | Dataset | None = None,
    *,
    weights: str = "average",
    n_samples: int = 500,
    solver: str = "ode",
    n_steps: int = 32,
    seed: int = 0,
    progress: bool = False,
) -> HalvesReport:
    """Compare two runs that were trained on the halves of one split (``mnemoscope train DATA --half A``, and B).

    Args:
        first: folder of one run.
        second: folder of the other, in whichever order.
        data: all of the data, or where they lie; left out, what the runs call them, as a bundled set, one of a hub or a
            file in the working folder.
        weights: ``average`` or ``raw``, of both.
        n_samples: of each model, from the same noise.
        solver: of the sampler.
        n_steps: of the sampler.
        seed: of everything random.
        progress: show bars.

    Raises:
        InputError: a run that is none or was not trained on a half; two runs of one half, of halves of different splits
            or data, or of other processes or value ranges; data that cannot be read or are others.
    """
    runs = {Path(folder): load_run(folder, weights=weights) for folder in (first, second)}
    if len(runs) < 2:
        raise InputError(f"{first}: the halves test takes two runs, this is one")
    records = {path: _half_of(path, run) for path, run in runs.items()}
    _check_two_halves(records, runs)
    whole = _data_of(next(iter(records.values())), data, first)
    in_order = sorted(runs, key=lambda path: records[path]["name"])
    split = halves(whole, records[in_order[0]]["seed"])
    for path in in_order:
        half = split.half(records[path]["name"]).half
        if half is None or half.rows != records[path]["rows"]:
            raise InputError(f"{path}: was trained on other rows than those of half {records[path]['name']} today")
    scaled = Dataset(whole.to_model().numpy(), whole.name, (-1.0, 1.0), whole.names)
    one, other = (runs[path] for path in in_order)
    return compare_halves(
        Halves(scaled, split.seed, split.in_a),
        one.score,
        other.score,
        one.score.process,
        n_samples=n_samples,
        solver=solver,
        n_steps=n_steps,
        seed=seed,
        notes=_differences(one, other),
        progress=progress,
    )


def _half_of(path: Path, run: TrainedRun) -> dict[str, Any]:
    data = run.description["data"]
    half: dict[str, Any] | None = data.get("half")
    if half is None:
        raise InputError(
            f"{path}: was trained on all of {one_name(data['name'])} and no half of it: train two runs with --half A "
            "and --half B"
        )
    return half


def _check_two_halves(records: dict[Path, dict[str, Any]], runs: dict[Path, TrainedRun]) -> None:
    (path, one), (other_path, other) = records.items()
    both = f"{path} and {other_path}"
    if one["of"] != other["of"]:
        raise InputError(
            f"{both}: were trained on halves of different data, {one_name(one['of_name'])} "
            f"({one['of'][:12]}) and {one_name(other['of_name'])} ({other['of'][:12]})"
        )
    if one["seed"] != other["seed"]:
        raise InputError(
            f"{both}: were trained on halves of different splits (seeds {one['seed']} and {other['seed']}), which "
            "overlap: train both on one split"
        )
    if one["name"] == other["name"]:
        raise InputError(f"{both}: were both trained on half {one['name']}: train one of them on the other half")
    for what, values in (
        ("value ranges", [tuple(run.value_range) for run in runs.values()]),
        ("processes", [run.score.process.spec() for run in runs.values()]),
        ("event shapes", [run.score.event_shape for run in runs.values()]),
    ):
        if values[0] != values[1]:
            raise InputError(f"{both}: have different {what}, {values[0]} and {values[1]}: nothing can be compared")


def _data_of(record: dict[str, Any], data: str | Dataset | None, run: str | Path) -> Dataset:
    """All of the data, which are those that the runs were trained on.

    Raises:
        InputError: they cannot be read, or are others.
    """
    name = record["of_name"]
    if data is None:
        try:
            whole = load(name)
        except InputError:
            raise InputError(
                f"{run}: was trained on half of {one_name(name)}, which is not here: say where all of it lies (--data)"
            ) from None
    else:
        whole = data if isinstance(data, Dataset) else load(data)
    if whole.fingerprint != record["of"]:
        raise InputError(
            f"{whole.name}: is other data than {run} was trained on half of ({one_name(name)}, "
            f"{record['of_samples']} items): say where those lie (--data)"
        )
    return whole


def _differences(one: TrainedRun, other: TrainedRun) -> list[str]:
    """What the runs did otherwise: they may, but then more than the halves tells the models apart."""
    found = []
    for part in ("network", "training"):
        first, second = one.description[part], other.description[part]
        found += [
            f"the runs differ in {part} {name}: {first.get(name)} and {second.get(name)}"
            for name in {**first, **second}
            if name != "seed" and first.get(name) != second.get(name)
        ]
    if one.step != other.step:
        found.append(f"the runs were trained for {one.step} and {other.step} steps")
    return found
