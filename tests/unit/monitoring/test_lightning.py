"""The callback in Lightning's trainer, or in one that does what Lightning's does where it is not installed."""

import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from mnemoscope.errors import InputError
from mnemoscope.monitoring import MemorizationMonitor, lightning_callback
from mnemoscope.processes import VariancePreserving
from mnemoscope.scores import EmpiricalScore, Score

DIM, PROCESS = 4, VariancePreserving()
TRAIN, HOLDOUT = torch.randn(2, 30, DIM, generator=torch.Generator().manual_seed(1))


class Learning(nn.Module):
    """A module that memorizes from its tenth step on."""

    def __init__(self) -> None:
        super().__init__()
        self.logged: list[dict[str, float]] = []
        self.step = 0

    def log_dict(self, values: dict[str, float], **_: object) -> None:
        self.logged.append(values)

    def score(self) -> Score | Callable[[Tensor, Tensor], Tensor]:
        return EmpiricalScore(TRAIN, PROCESS) if self.step >= 10 else lambda x, t: -x


@pytest.fixture
def lightning(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("lightning.pytorch")
    module.Callback = type("Callback", (), {})
    monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", module)


def test_it_looks_logs_and_stops(lightning: None) -> None:
    monitor, module = MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, levels=[0.1]), Learning()
    callback = lightning_callback(monitor, every=4, model=Learning.score, stop=True)
    strategy = SimpleNamespace(broadcast=lambda value: value)
    trainer = SimpleNamespace(global_step=0, is_global_zero=True, should_stop=False, strategy=strategy)
    for batch in range(100):  # two batches a step: gradients are accumulated
        trainer.global_step = module.step = (batch + 1) // 2
        callback.on_train_batch_end(trainer, module, None, None, batch)
        if trainer.should_stop:
            break
    assert [record.step for record in monitor.records] == [4, 8, 12]
    assert [values["mnemoscope/state"] for values in module.logged] == [0, 0, 1]


def test_other_processes_hear_of_it(lightning: None) -> None:
    monitor, module = MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, levels=[0.1]), Learning()
    callback = lightning_callback(monitor, every=1, stop=True)
    heard = ({"mnemoscope/state": 1.0}, True)
    strategy = SimpleNamespace(broadcast=lambda value: heard)
    trainer = SimpleNamespace(global_step=1, is_global_zero=False, should_stop=False, strategy=strategy)
    callback.on_train_batch_end(trainer, module, None, None, 0)
    assert (monitor.records, module.logged, trainer.should_stop) == ([], [heard[0]], True)


@pytest.mark.skipif(importlib.util.find_spec("pytorch_lightning") is not None, reason="Lightning is installed")
def test_without_lightning() -> None:
    monitor = MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, levels=[0.1])
    with pytest.raises(InputError, match="pip install lightning"):
        lightning_callback(monitor)
    with pytest.raises(InputError, match="every"):
        lightning_callback(monitor, every=0)


@pytest.mark.filterwarnings("ignore")
def test_lightnings_own_early_stopping_stops_at_the_onset() -> None:
    pl = pytest.importorskip("pytorch_lightning")

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def training_step(self, batch: list[Tensor], _: int) -> Tensor:
            return (self.weight * batch[0]).sum()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), 1e-3)

        def score(self) -> object:
            return EmpiricalScore(TRAIN, PROCESS) if self.global_step >= 10 else lambda x, t: -x

    monitor = MemorizationMonitor(TRAIN, HOLDOUT, PROCESS, levels=[0.1])
    stop = pl.callbacks.EarlyStopping("mnemoscope/state", divergence_threshold=0.5, strict=False)
    watch = lightning_callback(monitor, every=5, model=Module.score)
    trainer = pl.Trainer(
        max_epochs=20, callbacks=[watch, stop], logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accelerator="cpu", log_every_n_steps=1,
    )  # fmt: skip
    trainer.fit(Module(), torch.utils.data.DataLoader(torch.utils.data.TensorDataset(TRAIN), batch_size=10))
    assert trainer.callback_metrics["mnemoscope/state"] == 1
    assert trainer.global_step == 12  # the end of the epoch of three batches in which step 10 was
