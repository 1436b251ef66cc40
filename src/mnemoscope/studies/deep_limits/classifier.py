"""Convolutional residual networks on Fashion-MNIST or CIFAR-10: smooth along the depth or not, and how accurate.

The source trains on CIFAR-10 (32×32×3, L = 256, 16 channels, 180 epochs). Here images are averaged over 2×2 pixels, the
stem halves them again, and channels are fewer. As in the source: 50,000 images, SGD with momentum 0.9, weight decay
5e-4, batches of 64, a learning rate that starts at 4e-2 and falls to zero as a cosine; in the branches the step is L
times as long and the decay 1/L as strong, so that both act as in the limit. Steps are far fewer, for part of an epoch.
Fewer images instead will not do: networks that knew a thousand by heart were often rough with GELU, too.
"""

from functools import cache
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from mnemoscope.data.sources.idx import load_idx
from mnemoscope.errors import InputError
from mnemoscope.residual import ResidualCNN, smoothness
from mnemoscope.studies.images import FASHION_MNIST, average_pixels, load_cifar_10
from mnemoscope.sweeps import Result

N_TEST, BATCH, CHANNELS, CLASSES = 2000, 64, 8, 10
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 4e-2, 0.9, 5e-4
SCALES = {"fashion-mnist": (73.0, 84.0), "cifar-10": (121.0, 61.0)}
"""Mean and deviation of the averaged pixels of the training images."""
CONVOLUTIONS = ["inner.weight", "outer.weight"]

Labelled: TypeAlias = Literal["fashion-mnist", "cifar-10"]


def train_classifier(
    data: Labelled,
    depth: int,
    activation: str,
    initialization: str,
    n_samples: int,
    steps: int,
    generator: torch.Generator,
    *,
    learning_rate: float = LEARNING_RATE,
) -> Result:
    """Accuracy in percent, on up to 2,000 images each, and the smoothness of the trained convolutions.

    Raises:
        InputError: the loss is not finite.
    """
    (train, labels), (test, test_labels) = load_labelled(data, "train", n_samples), load_labelled(data, "test", N_TEST)
    network = ResidualCNN(
        train.shape[1],
        CLASSES,
        CHANNELS,
        depth,
        activation=activation,
        initialization=initialization,
        stride=2,
        generator=generator,
    )
    ends = [*network.stem.parameters(), *network.head.parameters()]
    groups = [
        {"params": network.blocks.parameters(), "lr": learning_rate * depth, "weight_decay": WEIGHT_DECAY / depth},
        {"params": ends, "lr": learning_rate, "weight_decay": WEIGHT_DECAY},
    ]
    optimizer = torch.optim.SGD(groups, momentum=MOMENTUM)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
    order = torch.randperm(n_samples, generator=generator)
    for step in range(steps):
        start = step * BATCH % (n_samples - n_samples % BATCH)
        if start == 0:
            order = torch.randperm(n_samples, generator=generator)
        pick = order[start : start + BATCH]
        loss = nn.functional.cross_entropy(network(train[pick]), labels[pick])
        if not bool(loss.isfinite()):
            raise InputError(f"the loss is not finite at step {step}")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    network.eval()
    found = smoothness(network, names=CONVOLUTIONS)
    return {
        "train_accuracy": _accuracy(network, train[:N_TEST], labels[:N_TEST]),
        "test_accuracy": _accuracy(network, test, test_labels),
        "jump_share": found.jump_share,
        "step_correlation": found.step_correlation,
        "p_value": found.p_value,
        "smooth": float(found.smooth),
        "null_low": float(found.null.quantile(0.025)),
        "null_high": float(found.null.quantile(0.975)),
    }


def _accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        guessed = torch.cat([network(batch).argmax(dim=1) for batch in torch.split(images, 500)])
    return 100 * float((guessed == labels).double().mean())


@cache
def load_labelled(data: Labelled, split: Literal["train", "test"], count: int) -> tuple[Tensor, Tensor]:
    """The first images, averaged and in units of the training pixels' deviation around their mean; their labels."""
    if data == "cifar-10":
        images, labels = load_cifar_10(split, count)
    else:
        name = {"train": "train", "test": "t10k"}[split]
        files = [FASHION_MNIST / f"{name}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1")]
        images, labels = (load_idx(file)[:count] for file in files)
        images = images[:, None]
    mean, deviation = SCALES[data]
    return torch.from_numpy((average_pixels(images) - mean) / deviation), torch.from_numpy(labels.astype(np.int64))
