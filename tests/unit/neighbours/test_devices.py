"""Where neighbours are searched changes no answer; products are made in the precision that a certificate assumes."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mnemoscope.auditing import audit
from mnemoscope.errors import InputError
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.torch_state import usable_device

RNG = np.random.default_rng(5)
DATA = np.concatenate([RNG.normal(size=(300, 32)), 1000 + RNG.integers(0, 3, (200, 32))])
QUERIES = DATA[::7] + RNG.normal(size=(72, 32)) / 1000


def brute_force(queries: np.ndarray, data: np.ndarray, k: int) -> np.ndarray:
    squared = ((queries[:, None] - data[None]) ** 2).sum(axis=2)
    return np.argsort(squared, axis=1, kind="stable")[:, :k]


@contextmanager
def lowered() -> Iterator[None]:
    torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision("highest")


LAX: dict[str, Callable[[], Any]] = {
    "matmul precision": lowered,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


@pytest.mark.parametrize("lax", LAX)
def test_products_are_made_in_full_single_precision(lax: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, torch.dtype]] = []
    mm = torch.mm

    def watched(*args: Tensor, **options: Any) -> Tensor:
        result = mm(*args, **options)
        seen.append(
            (torch.backends.cuda.matmul.fp32_precision, torch.backends.mkldnn.matmul.fp32_precision, result.dtype)
        )
        return result

    monkeypatch.setattr(torch, "mm", watched)
    with LAX[lax]():
        before = torch.get_float32_matmul_precision(), torch.is_autocast_enabled("cpu")
        found = nearest_neighbours(QUERIES, DATA, 3)
        assert (torch.get_float32_matmul_precision(), torch.is_autocast_enabled("cpu")) == before
    assert set(seen) == {("ieee", "ieee", torch.float32)}
    np.testing.assert_array_equal(found.indices, brute_force(QUERIES, DATA, 3))


def test_a_device_that_is_not_there_is_refused_first() -> None:
    for device in ("meta", "no such device", "mps" if not torch.backends.mps.is_available() else "xpu"):
        with pytest.raises(InputError, match=rf"^device: {device} cannot be used here \(.+\); cpu always can$"):
            nearest_neighbours(QUERIES, DATA, 3, device=device)
        with pytest.raises(InputError, match=r"^device: "):
            audit("not read", "not read", device=device)
    assert usable_device("cpu") == torch.device("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_without_a_gpu_cuda_is_refused() -> None:
    with pytest.raises(InputError, match=r"^--device: cuda:0 cannot be used here"):
        usable_device("cuda:0", "--device")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_answers_of_a_gpu_are_those_of_brute_force() -> None:
    found = nearest_neighbours(QUERIES, DATA, 3, device="cuda")
    np.testing.assert_array_equal(found.indices, brute_force(QUERIES, DATA, 3))
    plane = nearest_neighbours(QUERIES[:, :2], DATA[:, :2], 3, device="cuda")
    np.testing.assert_array_equal(plane.indices, nearest_neighbours(QUERIES[:, :2], DATA[:, :2], 3).indices)
    samples, train, holdout = DATA[:60], DATA[:200], DATA[200:280]
    reports = [audit(samples, train, holdout=holdout, device=device).to_dict() for device in ("cpu", "cuda")]
    assert reports[0] == reports[1]


def test_an_audit_searches_where_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """``meta`` is the CPU under another name here; the items of one small subset are searched among themselves."""
    searched = []

    def search(*args: Any, device: torch.device, **options: Any) -> Any:
        searched.append(device)
        return nearest_neighbours(*args, **options)

    module = sys.modules["mnemoscope.auditing.searching"]
    monkeypatch.setattr(module, "nearest_neighbours", search)
    monkeypatch.setattr(sys.modules["mnemoscope.auditing.audit"], "usable_device", torch.device)
    audit(DATA[:60], DATA[:200], holdout=DATA[200:280], device="meta")
    assert len(searched) > 5
    assert set(searched) == {torch.device("meta")}
