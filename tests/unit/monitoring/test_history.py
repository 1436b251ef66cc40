"""Records in a file: a training that was killed and resumed has those of one that was not."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemoscope.errors import InputError, OutputError
from mnemoscope.monitoring import JsonLines, MemorizationMonitor, MonitorRecord
from mnemoscope.processes import VariancePreserving
from mnemoscope.scores import EmpiricalScore, Score

PROCESS = VariancePreserving()
TRAIN, HOLDOUT = torch.randn(2, 30, 4, generator=torch.Generator().manual_seed(1))
STEPS = [10, 20, 30, 40]


def model(step: int) -> Score:
    """More points of the training set from step to step."""
    return EmpiricalScore(torch.cat([TRAIN[: step // 2], HOLDOUT]), PROCESS)


def watch(path: Path | None, steps: list[int], **options: object) -> tuple[MemorizationMonitor, list[int]]:
    logged: list[int] = []
    monitor = MemorizationMonitor(
        TRAIN, HOLDOUT, PROCESS, n_samples=20, n_steps=3, levels=[0.3], history=path,
        log=lambda _, step: logged.append(step), **options,
    )  # fmt: skip
    for step in steps:
        monitor.update(model(step), step)
    return monitor, logged


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[MonitorRecord], bytes]:
    path = tmp_path_factory.mktemp("whole") / "history.jsonl"
    return watch(path, STEPS)[0].records, path.read_bytes()


def test_what_is_written_is_read_back(whole: tuple[list[MonitorRecord], bytes], tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(whole[1])
    monitor, logged = watch(tmp_path / "h", STEPS)
    assert (monitor.records, logged) == (whole[0], [])
    with pytest.raises(InputError, match="step 10: no samples were looked at here"):
        _ = monitor.records[0].result


@pytest.mark.slow
def test_killed_anywhere_and_resumed(whole: tuple[list[MonitorRecord], bytes], tmp_path: Path) -> None:
    """At a line's end, within a line, and before anything was written whole."""
    records, content = whole
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")]
    for cut in (0, 3, ends[1], ends[2] + 1, ends[4] - 7):
        path = tmp_path / f"cut-{cut}"
        path.write_bytes(content[:cut])
        # Training itself goes on from an earlier checkpoint, and comes by the same steps.
        monitor, logged = watch(path, STEPS)
        assert monitor.records == records
        assert path.read_bytes() == content
        assert logged == STEPS[max(0, content[:cut].count(b"\n") - 1) :]


def test_the_state_is_that_of_the_latest_look(whole: tuple[list[MonitorRecord], bytes], tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(whole[1])
    monitor, _ = watch(tmp_path / "h", [])
    assert monitor.state == whole[0][-1].decision.state
    monitor.update(model(10), 10)
    assert monitor.state == whole[0][0].decision.state


@pytest.mark.parametrize(
    ("words", "content"),
    [
        ("holds no records of a monitor", b"{}\n"),
        ("holds no records of a monitor", b"[1]\n"),
        ("is damaged or cannot be read", b"hello\n"),
        ("is damaged or cannot be read", None),
    ],
)
def test_other_files(
    words: str, content: bytes | None, whole: tuple[list[MonitorRecord], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "h"
    path.write_bytes(whole[1].replace(b'"step"', b'"stop"') if content is None else content)
    with pytest.raises(InputError, match=words) as caught:
        watch(path, [])
    assert str(caught.value).startswith(str(path))


def test_the_history_of_another_monitor(whole: tuple[list[MonitorRecord], bytes], tmp_path: Path) -> None:
    (tmp_path / "h").write_bytes(whole[1])
    with pytest.raises(InputError, match=r"another monitor \(other seed\)"):
        watch(tmp_path / "h", [], seed=5)
    with pytest.raises(OutputError, match="cannot be written"):
        watch(tmp_path / "absent" / "h", [])


@given(st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False), max_size=4))
def test_json_lines(tmp_path_factory: pytest.TempPathFactory, values: dict[str, float]) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    log = JsonLines(path)
    for step in (1, 2):
        log(values, step)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"step": s, **values} for s in (1, 2)]
