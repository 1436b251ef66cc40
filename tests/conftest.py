"""Shapes are checked at run time in every test: the import hook must come before mnemoscope is imported."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

from tests import typecheck

install_import_hook("mnemoscope", f"{typecheck.__name__}.check")

torch.set_num_threads(1)

settings.register_profile(
    "mnemoscope", deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("mnemoscope")

FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(20251123)


@pytest.fixture
def chunk_bytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many bytes whatever is streamed may take at a time."""

    def limit(n_bytes: int) -> None:
        for name, module in list(sys.modules.items()):
            if name.startswith("mnemoscope.") and "CHUNK_BYTES" in vars(module):
                monkeypatch.setattr(module, "CHUNK_BYTES", n_bytes)

    return limit


@pytest.fixture(scope="session")
def fashion() -> Path:
    if not FASHION.is_dir():
        pytest.skip(f"real Fashion-MNIST is not at {FASHION}: apt-get install dataset-fashion-mnist")
    return FASHION
