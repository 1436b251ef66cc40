from pathlib import Path

import pytest


@pytest.fixture
def no_fashion_mnist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same trials whether or not this machine has the files."""
    monkeypatch.setattr("mnemoscope.studies.images.FASHION_MNIST", tmp_path / "absent")
