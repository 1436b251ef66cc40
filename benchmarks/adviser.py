"""Whether the adviser's interval holds the onset that is then measured, on data sets that it was not made with.

    python -m benchmarks adviser [DATA ...]

Ten probes each of an 8-dimensional mixture of two Gaussians, of digits at 8×8, of the 30 measurements of scikit-learn's
breast tumours, each of unit variance, and of Fashion-MNIST at 14×14: networks of a few hidden units, two trainings each
on 8, 12 and 16 items, and then one on 32 items, from another seed, until it memorizes. A probe takes 2 to 10 seconds
of one quiet core, of Fashion-MNIST 20 or more.

A probe without a law gives no interval and is counted as such. A training that did not come to its onset in 6,000 steps
contradicts only intervals that end before.
"""

import sys
import time

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler

import mnemoscope as mn
from benchmarks.timing import FASHION, row
from mnemoscope.data import Dataset, load_digits
from mnemoscope.monitoring.advice.probe import measure_onset

PROBES, PROMISED = 10, 0.8
SIZES, SEEDS, TARGET, PROBE_STEPS, MOST = (8, 12, 16), 2, 32, 1500, 6000
WIDTHS = {"mixture": 64, "digits": 128, "tumours": 128, "fashion": 128}
TRAINING = mn.TrainingSpec(batch_size=64, learning_rate=5e-3)


def data(name: str) -> Dataset:
    if name == "digits":
        return Dataset(load_digits().to_model().numpy(), name, (-1.0, 1.0))
    if name == "fashion":
        pictures = mn.load(FASHION).array[:4000].astype(np.float32).reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
        return Dataset(pictures / 127.5 - 1, name, (-1.0, 1.0))
    if name == "tumours":
        return Dataset(StandardScaler().fit_transform(load_breast_cancer().data).astype(np.float32), name)
    mean = torch.zeros(8, dtype=torch.float64)
    mean[0] = 1
    covariances = 0.25 * torch.eye(8, dtype=torch.float64).expand(2, 8, 8).clone()
    law = mn.GaussianMixture(torch.stack([mean, -mean]), covariances, torch.tensor([0.5, 0.5], dtype=torch.float64))
    return Dataset(law.sample(2000, torch.Generator().manual_seed(0)).float().numpy(), name)


def holds(items: Dataset, width: int, seed: int) -> bool | None:
    """Whether one probe's interval holds the onset of one training on more items; None where it gave none."""
    network, process = mn.NetworkSpec("mlp", items.event_shape, {"width": width}), mn.VariancePreserving()
    start = time.process_time()
    advice = mn.advise(
        items.array, MOST, network=network, process=process, training=TRAINING, n=TARGET, sizes=SIZES, seeds=SEEDS,
        probe_steps=PROBE_STEPS, try_changes=False, seed=100 * seed,
    )  # fmt: skip
    found = measure_onset(items, process, network, TRAINING, TARGET, 100 * seed + 99, MOST)
    within = None
    if advice.prediction is not None:
        low, high = advice.prediction.interval
        within = high >= found.last if found.step is None else low <= found.step <= high
    onsets = ", ".join(f"{each.n}: {'none' if each.step is None else round(each.step)}" for each in advice.onsets)
    told = "no law" if advice.prediction is None else [round(end) for end in advice.prediction.interval]
    print(
        f"{items.name} {seed}: {onsets} -> {told}, at {TARGET} "
        f"{'none' if found.step is None else round(found.step)} ({time.process_time() - start:.0f} s)",
        file=sys.stderr,
        flush=True,
    )
    return within


def rows(names: list[str] | None = None, probes: int = PROBES) -> list[dict[str, object]]:
    """All rows, in order; Fashion-MNIST only where it is installed."""
    found = []
    for name in names or [name for name in WIDTHS if name != "fashion" or FASHION.is_dir()]:
        held = [holds(data(name), WIDTHS[name], seed) for seed in range(probes)]
        told = [each for each in held if each is not None]
        share = sum(told) / len(told) if told else 0.0
        what = f"onsets inside the adviser's interval, {name}, {len(told)} of {probes} probes with one"
        found.append(row(what, share, PROMISED, share >= PROMISED))
    return found


if __name__ == "__main__":
    for line in rows(sys.argv[1:] or None):
        print(line)
