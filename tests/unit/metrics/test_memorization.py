"""The metric is an audit of the concatenated updates, however they were cut, in however many processes."""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import mnemoscope as mn
from mnemoscope.auditing import audit
from mnemoscope.errors import InputError
from mnemoscope.metrics import MemorizationMetric, memorization
from mnemoscope.metrics.memorization import HAS_TORCHMETRICS, SETTINGS

RNG = torch.Generator().manual_seed(3)
TRAIN, HOLDOUT, SAMPLES = (torch.randn(n, 6, generator=RNG) for n in (80, 60, 45))
SAMPLES[:15] = TRAIN[:15]


@pytest.fixture(scope="module")
def without_torchmetrics() -> Iterator[ModuleType]:
    """The module as it is where torchmetrics is not installed."""
    source = Path(memorization.__file__).read_text(encoding="utf-8")
    module = ModuleType("mnemoscope.metrics.memorization")
    module.__file__ = memorization.__file__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("importlib.util.find_spec", lambda name: None)
        exec(compile(source, memorization.__file__, "exec"), vars(module))
    return module


def test_the_numbers_are_those_of_the_audit() -> None:
    metric = mn.metrics.MemorizationMetric(holdout=HOLDOUT, resolution=0.2, seed=4)
    for start in range(0, 80, 30):
        metric.update(TRAIN[start : start + 30], real=True)
        metric(SAMPLES[start // 2 : start // 2 + 15], real=False)
    found, report = metric.compute(), audit(SAMPLES, TRAIN, holdout=HOLDOUT, resolution=0.2, seed=4)
    assert report.closeness is not None
    expected = report.to_dict()
    assert found["copied"] == report.fraction == 1 / 3
    assert [found["copied_low"], found["copied_high"]] == list(report.results[0].rate.interval)
    assert found["copies_at_least"] == expected["copies"]["share_lower"] > 0.1
    assert found["identical"] == 15 / 45
    assert found["closeness"] == expected["closeness"]["share"]
    assert [found["closeness_low"], found["closeness_high"]] == expected["closeness"]["share_interval"]
    assert found["closeness_expected"] == expected["closeness"]["expected"]
    assert (found["memorizes"], found["clear"]) == (1, 0)
    assert found["drawn"] == bool(report.drawn)
    assert metric.report is not None
    assert metric.report.verdict == report.verdict
    metric.reset()
    assert metric.report is None
    metric.update(TRAIN, real=True)
    with pytest.raises(InputError, match=r"^generated: there are none yet: update\(images, real=False\)"):
        metric.compute()


class Canned:
    """An audit that keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[np.ndarray, np.ndarray]] = []

    def __call__(self, generated: Any, train: Any, **settings: Any) -> None:
        self.given.append((generated.array, train.array))


Cut = list[tuple[bool, int]]


@given(cut=st.lists(st.tuples(st.booleans(), st.integers(1, 9)), max_size=12), keep=st.booleans(), plain=st.booleans())
def test_any_cut_of_the_updates_gives_the_concatenation(
    without_torchmetrics: ModuleType, cut: Cut, keep: bool, plain: bool
) -> None:
    module = without_torchmetrics if plain else memorization
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "audit", canned := Canned())
        patch.setattr(module, "_numbers", lambda report: {})
        metric = module.MemorizationMetric(keep_real=keep)
        places = {True: 0, False: 0}
        for real, n in [*cut, (True, 2), (False, 3)]:
            items = (TRAIN if real else SAMPLES)[places[real] % 40 :][:n]
            metric.update(items, real=real)
            places[real] += n
        expected = [torch.cat(kept).numpy() for kept in (metric.generated, metric.real)]
        metric.compute()
        np.testing.assert_array_equal(canned.given[0][0], expected[0])
        np.testing.assert_array_equal(canned.given[0][1], expected[1])
        assert (len(expected[1]), len(expected[0])) == (places[True], places[False])
        for asked in (None, True, False):
            metric.reset() if asked is None else metric.reset(keep_real=asked)
            kept = keep if asked is None else asked and keep
            assert metric.generated == []
            assert sum(map(len, metric.real)) == (places[True] if kept else 0)


def test_what_a_batch_may_be(without_torchmetrics: ModuleType) -> None:
    from PIL import Image

    for module in (memorization, without_torchmetrics):
        metric = module.MemorizationMetric()
        pictures = [Image.fromarray(np.full((3, 2), value, np.uint8)) for value in (1, 2)]
        metric.update(pictures, real=True)
        buffer = torch.zeros(2, 3, 2, dtype=torch.uint8)
        metric.update(buffer, real=True)
        buffer += 9
        assert torch.cat(metric.real)[:, 0, 0].tolist() == [1, 2, 0, 0]
        for wrong, said in (
            (torch.zeros(2, 3), r"\(3,\) and torch\.float32"),
            (buffer.int(), r"\(3, 2\) and torch\.int32"),
        ):
            with pytest.raises(InputError, match=rf"^images: of shape {said}, but those before them are of"):
                metric.update(wrong, real=True)
        metric.update(buffer.int(), real=False)
        with pytest.raises(InputError, match="images"):
            metric.update(buffer[:0], real=True)


def test_without_a_held_out_set_closeness_is_nan() -> None:
    metric = MemorizationMetric()
    metric.update(TRAIN, real=True)
    metric.update(SAMPLES, real=False)
    found = metric.compute()
    assert {name for name, value in found.items() if math.isnan(value)} == {
        *("closeness", "closeness_low", "closeness_high", "closeness_expected")
    }


def test_settings_are_those_of_an_audit() -> None:
    assert {"resolution", "features", "measures", "repeats", "seed", "device"} <= set(SETTINGS)
    with pytest.raises(InputError, match=r"^classes: an audit has no such setting here, but measures"):
        MemorizationMetric(classes=[1])


@pytest.mark.skipif(not HAS_TORCHMETRICS, reason="torchmetrics is not installed: pip install torchmetrics")
def test_as_a_metric_of_torchmetrics() -> None:
    import pickle

    from torchmetrics import Metric, MetricCollection

    metric = MemorizationMetric(holdout=HOLDOUT, keep_real=True)
    assert isinstance(metric, Metric)
    collection = MetricCollection({"copies": metric})
    collection.update(TRAIN, real=True)
    collection.update(SAMPLES, real=False)
    found = collection.compute()
    assert found["copied"] == 1 / 3
    again = pickle.loads(pickle.dumps(metric.clone()))
    assert again.compute() == metric.compute()
    collection.reset()
    assert sum(map(len, metric.real)) == 80


RANK = """
import json, sys
from importlib import reload
rank, store = int(sys.argv[1]), sys.argv[2]
sys.modules["torchmetrics"] = None  # as if it were not installed
import torch
from torch import distributed
from mnemoscope.errors import InputError
from mnemoscope.metrics import memorization
distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
g = torch.Generator().manual_seed(3)
train, holdout, samples = (torch.randint(0, 255, (n, 3), generator=g, dtype=torch.uint8) for n in (70, 50, 40))
for _ in range(2):
    metric = memorization.MemorizationMetric(holdout=holdout, seed=1)
    if rank == 0:
        metric.update(train[:20], real=True)
        metric.update(train[20:31], real=True)
    else:
        metric.update(train[31:], real=True)
        metric.update(samples, real=False)  # rank 0 has none
    found, kept = metric.compute(), [sum(map(len, items)) for items in (metric.real, metric.generated)]
    metric.reset()
    metric.update(train[:, : 2 + rank], real=True)
    metric.update(samples, real=False)
    try:
        metric.compute()
    except InputError as error:
        print(json.dumps([memorization.HAS_TORCHMETRICS, found, kept, str(error)]))
    if sys.modules.get("torchmetrics", 0) is None:
        del sys.modules["torchmetrics"]
    reload(memorization)
    if not memorization.HAS_TORCHMETRICS:
        break
distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_processes_are_one_audit_with_torchmetrics_and_without(tmp_path: Path) -> None:
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(rank), str(tmp_path / "store")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    done = [rank.communicate(timeout=300) for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], [err for _, err in done]
    g = torch.Generator().manual_seed(3)
    sets: list[Tensor] = [torch.randint(0, 255, (n, 3), generator=g, dtype=torch.uint8) for n in (70, 50, 40)]
    train, holdout, samples = sets
    expected = memorization._numbers(audit(samples, train, holdout=holdout, seed=1))
    said = "real: processes hold items of different forms, (2,) of torch.uint8 and (3,) of torch.uint8"
    for (out, _), held in zip(done, ([31, 0], [39, 40]), strict=True):
        told = [json.loads(line) for line in out.splitlines()]
        assert [has for has, *_ in told] == ([False, True] if HAS_TORCHMETRICS else [False])
        assert all(found == expected for _, found, _, _ in told)
        assert all(kept == held for _, _, kept, _ in told), "what each holds is as before"
        assert {error for *_, error in told} == {said}
