"""What the demo does, and what theory says must come out.

The minimiser of the training loss is the empirical score, whose samples are training points. A network comes close to
it when its capacity is large for the number of images: trained for the same number of steps, the same network copies a
few images and generalizes on many. So three models are audited against the same held-out digits:

    few         the network on a few digits      must memorize
    many        the network on all the others    must stay near the null
    empirical   the empirical score of the many  must copy every time
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mnemoscope.auditing import Report, audit
from mnemoscope.data import Dataset, from_model, load_digits
from mnemoscope.demo.result import DemoResult, DemoSpec, ModelResult
from mnemoscope.monitoring import MemorizationMonitor, MonitorRecord
from mnemoscope.networks import NetworkSpec, build_network
from mnemoscope.output import atomic_files, write_json, write_text
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.sampling import sample
from mnemoscope.scores import EmpiricalScore, Score
from mnemoscope.training import TrainingSpec, fit

_PROCESS = OrnsteinUhlenbeck(t_min=1e-3, t_max=2.5)
"""σ/α runs from 0.045 to 12: below, digits of 17 grey values have no structure left; above, they have no signal."""


Expectation = Callable[[Report], tuple[str, bool]]
"""What theory says of a report, in words, and whether it holds."""


def run_demo(folder: str | Path, spec: DemoSpec | None = None, *, progress: bool = False) -> DemoResult:
    """Run the demo and write ``report.html`` and ``report.json`` into ``folder``.

    Raises:
        OutputError: the folder cannot be written to; found before any work.
    """
    from mnemoscope.demo.page import demo_page

    with atomic_files(folder) as path:
        result = _compute(spec or DemoSpec(), progress)
        write_json(path / "report.json", result.to_dict())
        write_text(path / "report.html", demo_page(result))
    return result


def _compute(spec: DemoSpec, progress: bool) -> DemoResult:
    train, holdout = load_digits().split(spec.n_holdout, spec.seed)
    chosen = np.random.default_rng(spec.seed).permutation(train.n_samples)[: spec.n_few]
    few = train.take(chosen, f"{spec.n_few} digits")
    lab = _Lab(spec, holdout, progress)

    few_score, few_history = lab.train(few)
    many_score, many_history = lab.train(train)
    empirical = EmpiricalScore(train.to_model(), _PROCESS)
    network = f"U-Net, {spec.steps} steps"
    return DemoResult(
        spec,
        (
            lab.judge("few", f"{network} on {len(few)} digits", few_score, few, few_history, _memorizes),
            lab.judge("many", f"{network} on {len(train)} digits", many_score, train, many_history, _near_null),
            lab.judge("empirical", f"empirical score of {len(train)} digits", empirical, train, (), _copies),
        ),
    )


@dataclass(frozen=True)
class _Lab:
    """What all models share: the settings and the null."""

    spec: DemoSpec
    holdout: Dataset
    progress: bool

    def train(self, data: Dataset) -> tuple[Score, tuple[MonitorRecord, ...]]:
        """The network of the demo trained on these digits, and its memorization along the way."""
        spec = self.spec
        network = build_network(NetworkSpec("unet", data.event_shape, {"width": spec.width}), spec.seed)
        training = TrainingSpec(steps=spec.steps, batch_size=64, learning_rate=2e-3, ema_decay=0.99, seed=spec.seed)
        items = data.to_model()
        monitor = MemorizationMonitor(items, self.holdout.to_model(), _PROCESS, n_samples=200, seed=spec.seed)
        every = max(1, spec.steps // spec.looks)
        fitted = fit(
            network, items, _PROCESS, training, watch=monitor.update, watch_every=every, progress=self.progress
        )
        return fitted.score, tuple(monitor.records)

    def judge(
        self,
        name: str,
        description: str,
        score: Score,
        train: Dataset,
        history: tuple[MonitorRecord, ...],
        expectation: Expectation,
    ) -> ModelResult:
        """Sample a model, audit the samples against its own training set, and compare with what theory says."""
        generator = torch.Generator().manual_seed(self.spec.seed)
        samples = sample(score, _PROCESS, self.spec.n_samples, generator=generator, n_steps=20, progress=self.progress)
        generated = Dataset(from_model(samples, train.value_range), f"samples of '{name}'", train.value_range)
        report = audit(generated, train, holdout=self.holdout, seed=self.spec.seed)
        expected, holds = expectation(report)
        return ModelResult(name, description, expected, holds, report, history)


def _memorizes(report: Report) -> tuple[str, bool]:
    return "memorizes: most samples are copies", report.results[0].excess_interval[0] > 0.5


def _near_null(report: Report) -> tuple[str, bool]:
    low, high = report.results[0].excess_interval
    return "near the null: excess below 5 %", low <= 0 <= high < 0.05


def _copies(report: Report) -> tuple[str, bool]:
    return "copies every time", report.results[0].rate.fraction == 1
