"""How far two models are one function, and how far each is the memory of its own half.

Two networks that were trained on disjoint halves give nearly the same image from the same noise once there are enough
items, and their nearest training items while there are few (Kadkhodaie, Guth, Simoncelli & Mallat, arXiv 2310.02557).
Both are compared at the same noise, about the mean m of the data:

    agreement   cos(u − m, v − m) of the outputs u and v of the two models,
    own half    the same of an output and what perfect memory of the own half would give: of a denoiser the exact
                denoiser of that half, at a noised item of the other; of a sample its nearest item in that half.

Cosines of outputs are near one at low noise whatever the models are; there ``apart`` tells more, the mean squared
distance of the two denoisers over the mean of their squared errors: 0 for one function, 2 for errors that have nothing
in common.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.auditing.intervals import student_error
from mnemoscope.choose import check_whole
from mnemoscope.data import Halves, row_chunks
from mnemoscope.data.arrays import as_tensor
from mnemoscope.monitoring.models import Model, denoised, place_of
from mnemoscope.monitoring.signals import checked_levels
from mnemoscope.monitoring.untouched import untouched
from mnemoscope.neighbours import nearest_neighbours
from mnemoscope.processes import Process
from mnemoscope.scores import EmpiricalScore

_BATCH = 256


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95 % interval (Student's), over items or samples.

    Attributes:
        value: the mean.
        interval: 95 %.
    """

    value: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, values: Float[np.ndarray, " n"]) -> "Estimate":
        """From the values of items that are independent of each other."""
        mean, n = float(values.mean()), len(values)
        half = student_error(values) if n > 1 else math.inf
        return cls(mean, (mean - half, mean + half))


@dataclass(frozen=True)
class LevelAgreement:
    """What the two models make of the same noised items at one noise level, half of them of each half.

    Attributes:
        ratio: the noise-to-signal ratio σ/α.
        agreement: cosine of the two denoisers.
        own: cosine of a denoiser and the exact denoiser of its own half, at items of the other half.
        apart: squared distance of the two denoisers over the mean of their squared errors.
        own_loss: mean of ‖D(x_t) − x_0‖²/d at items that the model was trained on.
        other_loss: the same at items of the other half.
        gap: other less own loss, paired on item and noise.
    """

    ratio: float
    agreement: Estimate
    own: Estimate
    apart: float
    own_loss: float
    other_loss: float
    gap: Estimate


@dataclass(frozen=True, eq=False)
class SampleAgreement:
    """Samples of both models from the same initial noise.

    Attributes:
        cosines: of the two samples of each pair.
        own_cosines: of each sample of A and then of B with its nearest item in its own half.
        nearer_each_other: share of pairs whose samples are nearer to each other than either to its own half.
    """

    cosines: Float[np.ndarray, " pairs"]
    own_cosines: Float[np.ndarray, " samples"]
    nearer_each_other: float

    @property
    def agreement(self) -> Estimate:
        """Of the cosines of pairs."""
        return Estimate.of(self.cosines)

    @property
    def own(self) -> Estimate:
        """Of the cosines with the own half, each pair's mean as one."""
        return Estimate.of(self.own_cosines.reshape(2, -1).mean(axis=0))


def denoiser_agreement(
    halves: Halves,
    models: tuple[Model, Model],
    process: Process,
    *,
    levels: Sequence[float] | None = None,
    n_items: int = 128,
    seed: int = 0,
) -> tuple[LevelAgreement, ...]:
    """Compare two models' denoisers, low noise first.

    Args:
        halves: on the models' scale.
        models: trained on half A and on half B.
        process: the forward process.
        levels: noise-to-signal ratios σ/α.
        n_items: of each half, at most.
        seed: of the choice of items and of the noise.

    Raises:
        InputError: a level that the process does not reach, or a model that returns another shape, NaN or Inf.
    """
    n_items, found = check_whole(n_items, "n_items", 2), []
    rng = np.random.default_rng(seed)
    parts = []
    for where in (halves.in_a, ~halves.in_a):
        rows = np.flatnonzero(where)
        chosen = np.sort(rng.permutation(rows)[:n_items])
        parts.append(as_tensor(halves.data.array[chosen], halves.data.name).float())
    few = min(map(len, parts))
    x0, mean = torch.cat([part[:few] for part in parts]), mean_item(halves)
    exact = [EmpiricalScore(half.array, process) for half in (halves.a, halves.b)]
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(x0.shape, generator=generator, dtype=torch.float32, device="cpu")
    for level in checked_levels(process, levels):
        t = process.time_of(torch.tensor(level, dtype=torch.float64, device="cpu"))
        x = process.perturb(x0, t, noise)
        outputs = [_denoised(model, x, t, f"σ/α = {level:g}", seed) for model in models]
        # Where an item is the other half's, an answer by heart is one about items that are not there.
        memories = exact[0].denoiser(x[few:].double(), t), exact[1].denoiser(x[:few].double(), t)
        own = np.concatenate(
            [_cosines(outputs[0][few:], memories[0], mean), _cosines(outputs[1][:few], memories[1], mean)]
        )
        losses = np.stack([_mean_squares(output - x0) for output in outputs])
        trained, others = (np.concatenate([losses[i][:few], losses[1 - i][few:]]) for i in (0, 1))
        apart = float(_mean_squares(outputs[0] - outputs[1]).mean() / max(float(losses.mean()), np.finfo(float).tiny))
        found.append(
            LevelAgreement(
                ratio=level,
                agreement=Estimate.of(_cosines(outputs[0], outputs[1], mean)),
                own=Estimate.of(own),
                apart=apart,
                own_loss=float(trained.mean()),
                other_loss=float(others.mean()),
                gap=Estimate.of(others - trained),
            )
        )
    return tuple(found)


def sample_agreement(halves: Halves, first: Tensor, second: Tensor) -> SampleAgreement:
    """Compare samples of the model of half A with those of the model of half B, pair by pair from the same noise."""
    mean, nearest, distances = mean_item(halves), [], []
    for samples, half in ((first, halves.a), (second, halves.b)):
        found = nearest_neighbours(samples.numpy(), half.array, 1)
        items = as_tensor(half.array[found.indices[:, 0]], half.name)
        nearest.append(_cosines(samples, items, mean))
        distances.append(found.distances[:, 0])
    between = (first.double() - second.double()).flatten(1).norm(dim=1).numpy()
    nearer = float(np.mean(between < np.minimum(*distances)))
    return SampleAgreement(_cosines(first, second, mean), np.concatenate(nearest), nearer)


def mean_item(halves: Halves) -> Float[Tensor, " dim"]:
    """The mean of the data, flat, in double precision."""
    chunks = (rows.double().flatten(1).sum(dim=0) for _, rows in row_chunks(halves.data.array))
    return sum(chunks, torch.zeros(halves.data.dim, dtype=torch.float64, device="cpu")) / halves.data.n_samples


def _denoised(model: Model, x: Tensor, t: Tensor, where: str, seed: int) -> Tensor:
    device, dtype = place_of(model.score)
    with untouched(model.score, seed):
        return denoised(model, x.to(device, dtype), t, where, _BATCH)


def _cosines(first: Tensor, second: Tensor, mean: Tensor) -> Float[np.ndarray, " n"]:
    u, v = (each.double().flatten(1) - mean for each in (first, second))
    return torch.nn.functional.cosine_similarity(u, v, dim=1).numpy()


def _mean_squares(error: Tensor) -> Float[np.ndarray, " n"]:
    return error.double().square().flatten(1).mean(dim=1).numpy()
