"""Convolutional networks on labelled images, and the files these come from."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mnemoscope.errors import InputError
from mnemoscope.studies.deep_limits import classifier
from mnemoscope.studies.deep_limits.smoothness import Cifar10, FashionMnist
from mnemoscope.studies.images import load_cifar_10


def test_images_are_classified_better_than_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two classes of made-up images, bright above or below, through the true training loop."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (256,), generator=generator)
    pictures = torch.randn(256, 1, 14, 14, generator=generator) / 4
    pictures[labels == 0, :, :7] += 2
    pictures[labels == 1, :, 7:] += 2
    monkeypatch.setattr(classifier, "load_labelled", lambda data, split, count: (pictures[:count], labels[:count]))
    found = FashionMnist(depth=3, activation="gelu", initialization="tied", n_samples=256, steps=60, seed=1).run()
    assert found["train_accuracy"] > 90
    assert 0 <= found["p_value"] <= 1
    assert found["null_low"] <= 1 <= found["null_high"]


@pytest.mark.usefixtures("fashion")
def test_real_images_have_unit_scale_and_ten_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.conftest import FASHION

    monkeypatch.setattr(classifier, "FASHION_MNIST", FASHION)
    pictures, labels = classifier.load_labelled.__wrapped__("fashion-mnist", "train", 500)
    assert pictures.shape == (500, 1, 14, 14)
    assert float(pictures.mean()) == pytest.approx(0, abs=0.1)
    assert float(pictures.std()) == pytest.approx(1, abs=0.1)
    assert sorted(set(labels.tolist())) == list(range(10))


def test_cifar_10_is_read_from_its_binary_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ten made-up images, in the format of https://www.cs.toronto.edu/~kriz/cifar.html: a label, then three planes."""
    monkeypatch.setattr("mnemoscope.studies.images.CIFAR_10", tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (10, 3, 32, 32), dtype=np.uint8)
    records = np.concatenate([np.arange(10, dtype=np.uint8)[:, None], pixels.reshape(10, -1)], axis=1)
    for file, rows in (("data_batch_1.bin", records[:6]), ("data_batch_2.bin", records[6:])):
        rows.tofile(tmp_path / file)
    found, labels = classifier.load_labelled.__wrapped__("cifar-10", "train", 8)
    assert labels.tolist() == list(range(8))
    slow = [[[pixels[n, c, i : i + 2, 0:2].mean() for i in range(0, 32, 2)] for c in range(3)] for n in range(8)]
    np.testing.assert_allclose(found[..., 0], (np.array(slow) - 121) / 61, rtol=1e-5)
    assert found.shape == (8, 3, 16, 16)
    with pytest.raises(InputError, match=r"data_batch_3\.bin: no such file; MNEMOSCOPE_CIFAR10 names the folder"):
        load_cifar_10("train", 11)
    (tmp_path / "test_batch.bin").write_bytes(bytes(3074))
    with pytest.raises(InputError, match=r"test_batch\.bin: 3074 bytes are no images of CIFAR-10"):
        load_cifar_10("test", 1)
    records.tofile(tmp_path / "test_batch.bin")
    with pytest.raises(InputError, match="holds 10 images for test, 11 are asked for"):
        load_cifar_10("test", 11)


def test_colour_images_are_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures, labels = torch.randn(64, 3, 16, 16), torch.arange(64) % 10
    monkeypatch.setattr(classifier, "load_labelled", lambda data, split, count: (pictures[:count], labels[:count]))
    trial = Cifar10(depth=3, activation="gelu", initialization="tied", n_samples=64, steps=2, seed=1)
    assert 0 <= trial.run()["train_accuracy"] <= 100
