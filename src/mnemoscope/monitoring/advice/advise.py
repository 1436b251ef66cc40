"""``advise``: train a few items a few times, and say what that means for the training that is planned."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from mnemoscope._version import __version__
from mnemoscope.choose import check_kind, check_whole
from mnemoscope.data import Dataset, as_dataset
from mnemoscope.data.arrays import ArrayLike
from mnemoscope.monitoring.advice.changes import Change, best, computed, measured, variants
from mnemoscope.monitoring.advice.power_law import Onset, PowerLaw, Prediction, fit_power_law
from mnemoscope.monitoring.advice.probe import check_sizes, measure_onset, probe_sizes
from mnemoscope.monitoring.decision import ONSET
from mnemoscope.networks import NetworkSpec
from mnemoscope.output import atomic_files, write_json, write_text
from mnemoscope.processes import Process, VariancePreserving
from mnemoscope.progress import progress_bar
from mnemoscope.training import TrainingSpec

SCHEMA = "mnemoscope.advice/1"
JSON, PAGE = "report.json", "report.html"
LARGEST = 64
"""Items of the largest training of a probe, unless sizes are given."""

Answer: TypeAlias = Literal["expected", "not expected", "cannot tell"]


@dataclass(frozen=True, eq=False, repr=False)
class Advice:
    """What ``advise`` found.

    Attributes:
        n: items of the training that is planned.
        steps: its steps.
        onsets: of the trainings of the probe.
        law: fitted to them; None where too few came to their onset.
        changes: what would delay the onset, those that were tried first.
        provenance: version, data and settings.
    """

    n: int
    steps: int
    onsets: tuple[Onset, ...]
    law: PowerLaw | None
    changes: tuple[Change, ...]
    provenance: dict[str, Any]

    @property
    def prediction(self) -> Prediction | None:
        """When the training that is planned will come to memorize; None without a law."""
        return None if self.law is None else self.law.predict(self.n)

    @property
    def not_before(self) -> int:
        """Steps after which no training of the probe on at most ``n`` items had come to memorize; 0 where some had."""
        sizes = sorted({each.n for each in self.onsets if each.n <= self.n}, reverse=True)
        never = [size for size in sizes if all(each.step is None for each in self.onsets if each.n == size)]
        return max((min(each.last for each in self.onsets if each.n == size) for size in never), default=0)

    @property
    def answer(self) -> Answer:
        """Whether the training that is planned comes to memorize: by the interval, or as far as the probe went."""
        if self.prediction is None:
            return "not expected" if self.steps <= self.not_before else "cannot tell"
        low, high = self.prediction.interval
        return "not expected" if self.steps < low else "expected" if self.steps >= high else "cannot tell"

    @property
    def best(self) -> Change | None:
        """The change that would help most; None where none is needed, or nothing is known."""
        if self.prediction is None or self.answer == "not expected":
            return None
        return best(self.changes, self.steps / self.prediction.interval[0])

    @property
    def verdict(self) -> str:
        """What was found, in one or two sentences."""
        about = f"{self.n:,} items and {self.steps:,} steps"
        if self.prediction is None or self.law is None:
            if self.answer == "not expected":
                return (
                    f"With {about} copies are not expected: no training of the probe on as few items or fewer came to "
                    f"memorize by step {self.not_before:,}."
                )
            came = sum(each.step is not None for each in self.onsets)
            bound = f"; none is expected before step {self.not_before:,}" if self.not_before else ""
            return (
                f"The probe cannot tell for {about}: {came} of its {len(self.onsets)} trainings came to memorize, too "
                f"few for a law{bound}. Probe longer, or fewer items."
            )
        low, high = (_step(end) for end in self.prediction.interval)
        when = f"step {_step(self.prediction.step)} (95 % interval {low} to {high})"
        probability = self.law.probability(self.n, self.steps)
        if self.answer == "not expected":
            return f"With {about} copies are not expected: memorization would set in at {when}."
        if self.answer == "expected":
            said = f"With {about} copies are to be expected from {when} on."
        else:
            said = (
                f"The probe cannot tell for {about}: memorization sets in at {when}, by the end with probability "
                f"{probability:.0%}."
            )
        return said if self.best is None else f"{said} What would help most: {self.best.name}, {self.best.what}."

    def to_dict(self) -> dict[str, Any]:
        """The content of ``report.json``; its schema is ``advice.schema.json`` in this package."""
        law = None if self.law is None else asdict(self.law)
        prediction = None if self.prediction is None else asdict(self.prediction)
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "answer": self.answer,
            "n": self.n,
            "steps": self.steps,
            "onset": ONSET,
            "prediction": prediction and _plain(prediction),
            "probability": None if self.law is None else self.law.probability(self.n, self.steps),
            "not_before": self.not_before,
            "law": law and _plain({name: law[name] for name in ("exponent", "exponent_interval", "spread", "ends")}),
            "probe": [asdict(each) for each in self.onsets],
            "changes": [_plain(asdict(each)) for each in self.changes],
            "best": self.best and self.best.name,
            "provenance": self.provenance,
        }

    def to_json(self, path: str | Path) -> None:
        """Write ``report.json``, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        write_json(path, self.to_dict())

    def to_html(self, path: str | Path) -> None:
        """Write a self-contained page, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        from mnemoscope.monitoring.advice.page import advice_page  # draws: only pages pay for matplotlib's import

        write_text(path, advice_page(self))

    def save(self, folder: str | Path, *, force: bool = False) -> None:
        """Write ``report.json`` and ``report.html`` into a folder, both or none.

        Args:
            folder: made if it is not there.
            force: whether a report that is there already may be replaced.

        Raises:
            OutputError: a report is there and ``force`` is not given, or the folder cannot be written to.
        """
        with atomic_files(folder, (JSON, PAGE), force=force) as temporary:
            self.to_json(temporary / JSON)
            self.to_html(temporary / PAGE)

    def __repr__(self) -> str:
        return f"Advice({self.verdict})"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """For JSON, which has no infinity: such an end is None."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(each) for each in value]
        return None if isinstance(value, float) and math.isinf(value) else value

    return {name: plain(value) for name, value in values.items()}


def _step(value: float) -> str:
    return f"{round(value):,}" if value < 1e9 else f"{value:.0e}"


def advise(
    data: Dataset | ArrayLike,
    steps: int,
    *,
    network: NetworkSpec | None = None,
    process: Process | None = None,
    training: TrainingSpec | None = None,
    n: int | None = None,
    sizes: Sequence[int] | None = None,
    seeds: int = 3,
    probe_steps: int = 2000,
    try_changes: bool = True,
    seed: int = 0,
    progress: bool = False,
) -> Advice:
    """Say whether a training will come to memorize, from which step, and what would help, from a short probe.

    A few items are trained on, in a few sizes and from a few seeds each, as the training that is planned would, until
    they are memorized; the others are their held-out items. The law that these onsets follow says when it will happen
    to all of them, with an interval that grows with the distance.

    Args:
        data: shape ``(n_samples, *event)``, at least 32 items; a Dataset is brought to the models' scale, an array is
            taken to be on it.
        steps: of the training that is planned.
        network: of that training; a U-Net if left out.
        process: its forward process; variance preserving if left out.
        training: its settings; steps and seed in it do not matter.
        n: its number of items, if not that of ``data``.
        sizes: numbers of items that are trained on, at least two; three up to 64 if left out.
        seeds: trainings for each of them.
        probe_steps: steps of each training, at most.
        try_changes: try a smaller model, a larger step and fewer noise draws, too, at the middle size.
        seed: of the probe.
        progress: show a bar.

    Raises:
        InputError: too few items, or none of a number; a loss that is not finite (a ``DivergenceError``).
    """
    steps, seeds, probe_steps = (
        check_whole(value, what) for value, what in ((steps, "steps"), (seeds, "seeds"), (probe_steps, "probe_steps"))
    )
    whole, seed = as_dataset(data, "data"), check_whole(seed, "seed", 0)
    n = whole.n_samples if n is None else check_whole(n, "n")
    chosen = (
        probe_sizes(whole.n_samples, LARGEST)
        if sizes is None
        else check_sizes(tuple(check_whole(size, "sizes: each") for size in sizes), whole.n_samples)
    )
    process, training = process or VariancePreserving(), training or TrainingSpec()
    network = network or NetworkSpec("unet", whole.event_shape)
    for value, kind, what in ((process, Process, "process"), (training, TrainingSpec, "training")):
        check_kind(value, kind, what)
    check_kind(network, NetworkSpec, "network")
    items = Dataset(whole.to_model().numpy(), whole.name, (-1.0, 1.0)) if isinstance(data, Dataset) else whole
    middle = chosen[len(chosen) // 2]
    tried = variants(network, training) if try_changes else {}
    probe: list[Onset] = []
    changes: list[Change] = []
    with progress_bar("probe", seeds * (len(chosen) + len(tried)), enabled=progress) as advance:

        def onset(size: int, place: int, what: NetworkSpec, how: TrainingSpec) -> Onset:
            found = measure_onset(items, process, what, how, size, seed + place, probe_steps)
            advance()
            return found

        probe += [onset(size, place, network, training) for size in chosen for place in range(seeds)]
        law = fit_power_law(probe)
        base = [each for each in probe if each.n == middle]
        if law is not None and all(each.step is not None for each in base):
            for name, (what, smaller, other) in tried.items():
                changed = [onset(middle, place, smaller, other) for place in range(seeds)]
                changes.append(measured(name, what, law, base, changed))
    if law is not None:
        changes += computed(law, n, steps)
    settings = {"sizes": list(chosen), "seeds": seeds, "probe_steps": probe_steps, "seed": seed}
    provenance = {
        "version": __version__,
        "data": {"name": whole.label, "fingerprint": whole.fingerprint, "n_samples": whole.n_samples},
        "network": {"name": network.name, "options": dict(network.options)},
        "process": process.spec(),
        "training": {name: value for name, value in training.to_json().items() if name not in ("steps", "seed")},
        "probe": settings,
    }
    return Advice(n, steps, tuple(probe), law, tuple(changes), provenance)
