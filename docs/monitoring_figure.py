"""The picture of docs/monitoring.md: signals and decision along a training on 64 digits.

    python docs/monitoring_figure.py [STEPS]

Takes a minute or two on one core. Prints the looks as well.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

import mnemoscope as mn
from mnemoscope.data import load_digits
from mnemoscope.monitoring import MonitorRecord
from mnemoscope.monitoring.decision import ONSET

N, BATCH, LOOKS = 64, 64, 14


def train(steps: int) -> list[MonitorRecord]:
    """An MLP of width 256 by Adam at 1e-3, looked at 14 times in a geometric series of steps."""
    others, items = (part.to_model() for part in load_digits().split(N, seed=0))
    holdout = others[torch.randperm(len(others), generator=torch.Generator().manual_seed(1))[:N]]
    process, generator = mn.VariancePreserving(), torch.Generator().manual_seed(0)
    network = mn.build_network(mn.NetworkSpec("mlp", (8, 8), {"width": 256}), seed=0)
    score, optimizer = mn.NetworkScore(network, process, (8, 8)), torch.optim.Adam(network.parameters(), 1e-3)
    monitor = mn.MemorizationMonitor(items, holdout, process, n_items=N, n_samples=300)
    ends = process.ratio(torch.tensor([process.t_min, process.t_max], dtype=torch.float64)).log()
    looks = set(np.geomspace(50, steps, LOOKS).round().astype(int).tolist())
    for step in range(1, steps + 1):
        x0 = items[torch.randint(N, (BATCH,), generator=generator)]
        t = process.time_of(torch.lerp(*ends, torch.rand(BATCH, generator=generator).double()).exp())
        loss = mn.training.denoising_loss(network, process, x0, t, torch.randn(x0.shape, generator=generator))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in looks:
            record = monitor.update(score, step)
            s = record.samples
            assert s is not None
            losses = [
                f"[{v.ratio:g}: {v.train_loss:.4f} {v.holdout_loss:.4f}"
                f" {v.membership.value:.2f} {v.perfection.value:.2f}]"
                for v in record.levels
            ]
            print(
                step, record.decision.state, record.decision.reason, f"closeness {s.closeness:.2f} ({s.reference})",
                f"copies {s.copies:.2f} (1/3 rule {s.copied:.2f})",
                *losses,
                sep="  ", flush=True,
            )  # fmt: skip
    return monitor.records


def draw(records: list[MonitorRecord], path: Path) -> None:
    """Losses, perfection, and what samples show."""
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    losses, gone, samples = figure.subplots(1, 3)
    steps = [record.step for record in records]
    for place, colour in ((0, "C0"), (1, "C1"), (2, "C2")):
        levels = [record.levels[place] for record in records]
        name = f"σ/α = {levels[0].ratio:g}"
        losses.plot(steps, [level.holdout_loss for level in levels], color=colour, label=name)
        losses.plot(steps, [level.train_loss for level in levels], "--", color=colour)
        low, high = np.array([level.perfection.interval for level in levels]).T
        gone.plot(steps, [level.perfection.value for level in levels], color=colour, label=name)
        gone.fill_between(steps, low, high, color=colour, alpha=0.2, lw=0)
    gone.axhline(ONSET, color="k", lw=0.8, ls=":")
    gone.axhline(0, color="k", lw=0.8)
    found = [record.samples for record in records if record.samples is not None]
    low, high = np.array([each.closeness_interval for each in found]).T
    samples.plot(steps, [each.closeness for each in found], color="C3", label="closeness")
    samples.fill_between(steps, low, high, color="C3", alpha=0.2, lw=0)
    reference = next((each.reference for each in found if each.reference is not None), None)
    if reference is not None:
        samples.axhline(reference, color="C3", lw=0.8, ls=":", label="… of a fitted Gaussian")
    samples.plot(steps, [each.copies for each in found], color="C4", label="copies, lower bound")
    samples.plot(steps, [each.copied for each in found], "--", color="C4", label="copies, d1/d2 < 1/3")
    onset = records[-1].decision.since
    for axes, title in (
        (losses, "loss: held out, dashed: train"),
        (gone, "share of the way to the exact denoiser"),
        (samples, "samples"),
    ):
        axes.set(xscale="log", title=title, xlabel="step")
        if onset is not None:
            axes.axvline(onset, color="k", lw=0.8, alpha=0.5)
        axes.legend(fontsize=8)
    losses.set(yscale="log")
    figure.savefig(path, dpi=130)


if __name__ == "__main__":
    draw(train(int(sys.argv[1]) if len(sys.argv) > 1 else 8_000), Path(__file__).with_name("monitoring.png"))
