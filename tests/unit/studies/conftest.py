from pathlib import Path

import pytest


@pytest.fixture
def no_installed_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same trials whether or not this machine has the files."""
    for name in ("FASHION_MNIST", "CIFAR_10"):
        monkeypatch.setattr(f"mnemoscope.studies.images.{name}", tmp_path / "absent")
