"""``advise``: train a few items a few times, and say what that means for the training that is planned."""

from collections.abc import Sequence

from mnemoscope._version import __version__
from mnemoscope.choose import check_kind, check_whole
from mnemoscope.data import DataLike, Dataset, as_dataset
from mnemoscope.monitoring.advice.changes import Change, computed, measured, variants
from mnemoscope.monitoring.advice.power_law import Onset, fit_power_law
from mnemoscope.monitoring.advice.probe import check_sizes, measure_onset, probe_sizes
from mnemoscope.monitoring.advice.result import AdviceResult
from mnemoscope.networks import NetworkSpec
from mnemoscope.output import Saved
from mnemoscope.processes import Process, VariancePreserving
from mnemoscope.progress import progress_bar
from mnemoscope.training import TrainingSpec

LARGEST = 64
"""Items of the largest training of a probe, unless sizes are given."""


class Advice(AdviceResult, Saved):
    """What ``advise`` found: in numbers and words, as files and as a page."""

    def page(self) -> str:
        """The content of ``report.html``."""
        from mnemoscope.monitoring.advice.page import advice_page  # draws: only pages pay for matplotlib's import

        return advice_page(self)


def advise(
    data: DataLike,
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
    chosen = probe_sizes(whole.n_samples, LARGEST) if sizes is None else check_sizes(sizes, whole.n_samples)
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
