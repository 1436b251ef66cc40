"""The pictures of docs/halves.md and docs/advise.md: two pairs of halves of digits, and a probe.

    python docs/halves_figure.py

Takes a minute or two on one core. Prints the verdicts as well.
"""

from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import mnemoscope as mn
from mnemoscope.data import Dataset, load_digits
from mnemoscope.monitoring import Advice, HalvesReport

STEPS, SIZES = 1500, (16, 1797)
TRAINING = mn.TrainingSpec(steps=STEPS, batch_size=64, learning_rate=5e-3)


def compared(n: int) -> HalvesReport:
    """Two MLPs on the halves of n digits."""
    rows = np.random.default_rng(0).permutation(1797)[:n]
    items = Dataset(load_digits().take(rows).to_model().numpy(), f"{n} digits", (-1.0, 1.0))
    split, process, scores = mn.halves(items, 0), mn.VariancePreserving(), []
    for seed, half in enumerate((split.a, split.b)):
        network = mn.build_network(mn.NetworkSpec("mlp", (8, 8), {"width": 128}), seed=seed)
        scores.append(mn.fit(network, torch.from_numpy(half.array), process, TRAINING).score)
    report = mn.compare_halves(split, scores[0], scores[1], process, n_samples=300)
    print(n, report.verdict)
    for level in report.levels:
        print(f"  {level.ratio:g}: {level.agreement.value:.3f} {level.own.value:.3f} apart {level.apart:.2f}")
    return report


def draw_halves(reports: list[HalvesReport], path: Path) -> None:
    """Cosines of samples from the same noise, beside those with the own half."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    panels: list[Axes] = list(figure.subplots(1, len(reports), sharey=True))
    for axes, report, n in zip(panels, reports, SIZES, strict=True):
        bins = np.linspace(0, 1, 41)
        own, pairs = report.samples.own_cosines, report.samples.cosines
        axes.hist(own, bins, density=True, alpha=0.45, label="with the nearest item of the own half")
        axes.hist(pairs, bins, density=True, histtype="step", lw=2, label="of the two models' samples")
        axes.set(title=f"{n:,} digits in two halves", xlabel="cosine about the mean")
    panels[0].legend(fontsize=8, loc="upper left")
    figure.savefig(path, dpi=110)


def draw_advice(advice: Advice, path: Path) -> None:
    """Onsets, the law, its interval, and the training that is planned."""
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    assert advice.law is not None
    sizes = np.unique(np.geomspace(8, advice.n, 60).round().astype(int))
    found = [advice.law.predict(int(n)) for n in sizes]
    low, high = np.array([each.interval for each in found]).T
    axes.fill_between(sizes, low, high, alpha=0.2, lw=0, label="95 % interval")
    axes.plot(sizes, [each.step for each in found], label=f"law, exponent {advice.law.exponent:.2f}")
    seen = [(each.n, each.step) for each in advice.onsets if each.step is not None]
    axes.plot(*zip(*seen, strict=True), "o", color="C0", label="onsets in the probe")
    axes.plot([advice.n], [advice.steps], "*", color="C1", ms=13, label="planned")
    axes.set(xscale="log", yscale="log", xlabel="training items", ylabel="step")
    axes.legend(fontsize=8, loc="upper left")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    here = Path(__file__).parent
    draw_halves([compared(n) for n in SIZES], here / "halves.png")
    network = mn.NetworkSpec("mlp", (8, 8), {"width": 128})
    advice = mn.advise(load_digits(), 1500, network=network, training=TRAINING, n=100, sizes=(8, 16, 32), seeds=2)
    print(advice.verdict)
    for change in advice.changes:
        print(" ", change.name, "|", change.what, "|", change.delay)
    draw_advice(advice, here / "advise.png")
