"""The adviser's answers, on onsets that are made up; one probe for real; its command and its files."""

import json
import math
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch

import mnemoscope as mn
from mnemoscope import cli
from mnemoscope.data import Dataset
from mnemoscope.errors import InputError
from mnemoscope.monitoring.advice import advise as room
from mnemoscope.monitoring.advice.advise import Advice
from mnemoscope.monitoring.advice.power_law import Onset
from mnemoscope.monitoring.advice.probe import _crossing, check_sizes, probe_sizes

ITEMS = Dataset(np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32), "mine", (-4.0, 4.0))
TINY = mn.NetworkSpec("mlp", (4,), {"width": 16})


def made_up(monkeypatch: pytest.MonkeyPatch, factors: dict[str, float] | None = None) -> None:
    """Onsets 10 n exp(±0.1), later by a factor for a smaller width, another learning rate or fewer draws."""
    factors = factors or {}

    def onset(data: Dataset, process: object, network: mn.NetworkSpec, training: mn.TrainingSpec, n: int, seed: int,
              steps: int) -> Onset:  # fmt: skip
        step = 10 * n * math.exp(0.1 * (seed % 3 - 1))
        if network.options["width"] < 16:
            step *= factors.get("width", 1)
        if training.learning_rate != 1e-3:
            step *= factors.get("rate", 1)
        if training.noise_draws < math.inf:
            step *= factors.get("draws", 1)
        return Onset(n, seed, step, round(step)) if step <= steps else Onset(n, seed, None, steps)

    monkeypatch.setattr(room, "measure_onset", onset)


def asked(steps: int, n: int | None = None, **settings: object) -> Advice:
    return mn.advise(ITEMS, steps, network=TINY, n=n, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("steps", "answer"), [(800, "not expected"), (3000, "cannot tell"), (30_000, "expected")]
)  # the onset of 300 items is at 3,000
def test_the_answer_is_read_off_the_interval(monkeypatch: pytest.MonkeyPatch, steps: int, answer: str) -> None:
    made_up(monkeypatch)
    found = asked(steps)
    assert found.prediction is not None
    assert found.prediction.step == pytest.approx(3000, rel=0.01)
    assert found.law is not None
    assert found.law.exponent == pytest.approx(1, abs=0.01)
    assert found.answer == answer
    assert (found.best is None) == (answer == "not expected")
    schema = json.loads(files("mnemoscope.monitoring").joinpath("advice.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(json.loads(json.dumps(found.to_dict(), allow_nan=False)), schema)
    assert "exponent 1.00" in found.page()


def test_what_helps_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measured change that is enough; else to stop earlier, which always is."""
    made_up(monkeypatch, {"width": 40, "rate": 0.5})
    found = asked(4000)
    assert found.best is not None
    assert found.best.name == "smaller model"
    factors = {change.name: change.factor for change in found.changes}
    assert factors["larger step"] == pytest.approx(0.5)
    assert factors["smaller model"] == pytest.approx(2000 / 320)  # trainings ended before their onset: a bound
    assert next(change for change in found.changes if change.name == "smaller model").interval[1] == math.inf
    assert factors["fewer noise draws"] == pytest.approx(1)
    made_up(monkeypatch)
    other = asked(10_000)
    assert other.best is not None
    assert other.best.name == "stop earlier"
    assert str(math.floor(other.prediction.interval[0]))[:1] in other.best.what
    names = [change.name for change in other.changes]
    assert names == ["smaller model", "larger step", "fewer noise draws", "stop earlier", "more images", "Tikhonov"]


def test_a_probe_that_saw_nothing_bounds_from_below(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch)
    for steps, answer, words in ((100, "not expected", "by step 100"), (101, "cannot tell", "none is expected before")):
        found = asked(steps, probe_steps=100)
        assert found.law is None
        assert found.not_before == 100
        assert found.answer == answer
        assert words in found.verdict
        assert found.changes == ()
        assert found.page()
    # Of another training, on fewer items than any of the probe, nothing is known.
    assert asked(50, n=10, probe_steps=100).answer == "cannot tell"


def test_one_probe_for_real() -> None:
    """A few points in the plane, sixteen steps; the same again for the same seed."""
    points = torch.randn(60, 2, generator=torch.Generator().manual_seed(0)).numpy()
    spec = mn.TrainingSpec(batch_size=32, learning_rate=1e-2)
    probe = [
        mn.advise(
            points, 5000, network=mn.NetworkSpec("mlp", (2,), {"width": 32, "depth": 1}), training=spec, sizes=(3, 5),
            seeds=1, probe_steps=16, try_changes=False,
        )
        for _ in range(2)
    ]  # fmt: skip
    assert probe[0].to_dict() == probe[1].to_dict()
    assert all(each.last <= 16 for each in probe[0].onsets)


def test_the_crossing_is_interpolated_in_the_logarithm() -> None:
    assert _crossing([(10, -0.5), (100, 0.0), (400, 0.5)]) == pytest.approx(200)
    assert _crossing([(8, 0.95)]) == 8
    assert _crossing([(10, 0.4), (20, 0.5)]) == 20  # the first of the two was not beyond chance


def test_sizes() -> None:
    assert probe_sizes(10_000, 64) == (16, 32, 64)
    assert probe_sizes(40, 64) == (6, 12, 24)
    with pytest.raises(InputError, match="at least 32 items"):
        probe_sizes(31, 64)
    assert check_sizes((20, 10), 36) == (10, 20)
    for sizes in ((10, 21), (10, 10), (1, 5)):
        with pytest.raises(InputError, match="sizes"):
            check_sizes(sizes, 36)


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("mine.npy", ITEMS.array)
    made_up(monkeypatch)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mnemoscope", "advise", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    network = ("--network", "mlp", "--width", "16")
    code, out, err = call("mine.npy", "--steps", "30000", *network, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert (report["answer"], report["n"], report["best"]) == ("expected", 300, "stop earlier")
    assert json.loads(Path("mnemoscope-advice/report.json").read_text(encoding="utf-8")) == report
    code, out, _ = call("mine.npy", "--steps", "800", *network, "--out", "again")
    assert code == 0
    assert "copies are not expected" in " ".join(out.split())
    np.save("few.npy", ITEMS.array[:20])
    for arguments, words in (
        (("mine.npy", "--steps", "0"), "--steps"),
        (("few.npy", "--steps", "100"), "a probe needs at least 32 items"),
        (("mine.npy", "--steps", "9", "--size", "8"), "at least two sizes"),
        (("mine.npy", "--steps", "9", "--noise-draws", "x"), "--noise-draws"),
    ):
        code, out, err = call(*arguments, *network, "--out", "refused")
        assert code == 2
        assert words in err
        assert not out
        assert not Path("refused").exists()


def test_a_loss_that_is_not_finite_is_one_line() -> None:
    wild = mn.TrainingSpec(batch_size=8, learning_rate=1e30, optimizer="sgd")
    with pytest.raises(InputError, match="the loss is not finite at step"):
        mn.advise(ITEMS, 100, network=TINY, training=wild, sizes=(8, 16), seeds=1, probe_steps=20)
