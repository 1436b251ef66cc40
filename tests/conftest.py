"""Shapes are checked at run time in every test: the import hook must come before mnemoscope is imported."""

import os
import signal
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

# More examples where a change lands than while it is made.
settings.register_profile(
    "mnemoscope",
    deadline=None,
    derandomize=True,
    max_examples=40 if os.environ.get("CI") else 20,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("mnemoscope")

# Jobs in the background of a shell ignore Ctrl-C, and so would all that the tests start.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

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
