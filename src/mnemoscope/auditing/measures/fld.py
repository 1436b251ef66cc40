"""FLD: likelihood of held-out items under the samples, blurred to fit the training set (Jiralerspong et al. 2023).

Scale every feature by its mean and standard deviation over the held-out set. Centre a Gaussian N(g_j, σ_j² I) on
each of c samples, fit the σ_j to the training set (greatest likelihood of the mixture of all, with one background
Gaussian of weight c that keeps training items far from every sample from deciding all σ_j), and take the likelihood of
the m held-out items z_i under the mixture without the background, p:

    NLL = −(1/md) Σ_i log p(z_i),    FLD = 100 · (NLL of the samples − NLL of c training items fitted to the others).

A copy of a training item gets a tiny σ_j, which the held-out items pay for. The σ_j come from expectation maximization
(the published code uses Adam), and σ_j² ≥ 10⁻⁶, so that exact copies leave FLD finite.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.auditing.measures.whole_set import WholeSetResult, WholeSetStatistic
from mnemoscope.data.arrays import CHUNK_BYTES, Array, row_chunks
from mnemoscope.errors import InputError

_SMALLEST = float(np.log(1e-6))
_KEPT = 2**25
"""Squared distances that are kept between iterations, in single precision; more are computed again in each."""


@dataclass(frozen=True)
class FeatureLikelihood(WholeSetStatistic):
    """FLD of at most ``components`` samples.

    Attributes:
        components: most samples that are made a Gaussian, drawn at random; 10,000 in the paper.
        fewest: fewer are refused.
        iterations: of expectation maximization.

    Raises:
        InputError: fewer than two components, or no iterations.
    """

    components: int = 500
    fewest: int = 50
    iterations: int = 50

    name: ClassVar[str] = "fld"
    limits: ClassVar[str] = (
        "fld: mixes copying with the quality and the variety of the samples, so a large value alone is no proof of "
        "copies; meant for features of a network, not pixels; does not see a few copies among many samples"
    )

    def __post_init__(self) -> None:
        if not 2 <= self.fewest <= self.components:
            raise InputError(f"fld: fewest must lie between 2 and components={self.components}, got {self.fewest}")
        if self.iterations < 1:
            raise InputError(f"fld: iterations must be at least 1, got {self.iterations}")

    def _result(self, generated: Array, train: Array, holdout: Array, rng: np.random.Generator) -> WholeSetResult:
        count = min(self.components, len(generated), len(train) // 2, len(holdout) // 2)
        if count < self.fewest:
            raise InputError(
                f"fld: needs {self.fewest} generated, {2 * self.fewest} training and {2 * self.fewest} held-out items, "
                f"has {len(generated)}, {len(train)} and {len(holdout)}"
            )
        scale = _Scale(holdout)
        of_train, of_holdout = rng.permutation(len(train)), rng.permutation(len(holdout))
        samples = generated[np.sort(rng.permutation(len(generated))[:count])]
        others = train[np.sort(of_train[count:])]
        unseen = holdout[np.sort(of_holdout[count:])]

        def nll(centres: Array, fit_to: Array, test: Array) -> float:
            return _Mixture(scale(centres), fit_to, scale, self.iterations).nll(test)

        part = train[np.sort(of_train[:count])]
        baseline = nll(part, others, holdout)
        value = 100 * (nll(samples, train, holdout) - baseline)
        honest = holdout[np.sort(of_holdout[:count])]
        null = 100 * (nll(honest, train, unseen) - nll(part, others, unseen))
        notes = () if scale.constant == 0 else (f"{scale.constant} values that do not vary in held-out data left out",)
        return WholeSetResult(
            name=self.name,
            value=value,
            rule=(
                f"100 × (negative log-likelihood per value of held-out items under {count} samples, blurred to fit "
                "train, less the same for as many training items): far above 0 for copies, and for samples "
                "unlike the data"
            ),
            null=null,
            spread=None,
            limits=self.limits,
            notes=notes,
        )


class _Scale:
    """Features less their mean, over their standard deviation, both of the held-out set; constant ones left out."""

    def __init__(self, holdout: Array) -> None:
        n = len(holdout)
        self.mean = torch.stack([rows.sum(dim=0) for _, rows in row_chunks(holdout)]).sum(dim=0) / n
        squares = torch.stack([((rows - self.mean) ** 2).sum(dim=0) for _, rows in row_chunks(holdout)]).sum(dim=0)
        self.deviation = (squares / (n - 1)).sqrt()
        self.varies = self.deviation > 0
        self.constant = int((~self.varies).sum())
        if not bool(self.varies.any()):
            raise InputError("fld: all held-out items are the same")

    def __call__(self, items: Array) -> Float[Tensor, "items features"]:
        return torch.cat([self.rows(rows) for _, rows in row_chunks(items)])

    def rows(self, rows: Float[Tensor, "rows dim"]) -> Float[Tensor, "rows features"]:
        return ((rows - self.mean) / self.deviation)[:, self.varies]


class _Mixture:
    """(1/c) Σ_j N(g_j, σ_j² I), fitted to data together with a background."""

    def __init__(self, centres: Float[Tensor, "c features"], data: Array, scale: _Scale, iterations: int) -> None:
        self.centres, self.scale = centres, scale
        self.count, self.dim = centres.shape
        middle = torch.stack([scale.rows(rows).sum(dim=0) for _, rows in row_chunks(data)]).sum(dim=0) / len(data)
        around = torch.cat([centres, middle[None]])
        kept = list(self._squared(data, around)) if len(data) * self.count <= _KEPT else None
        nearest = torch.full((self.count + 1,), torch.inf, dtype=torch.float64, device="cpu")
        for squared in kept or self._squared(data, around):
            nearest = torch.minimum(nearest, squared.double().amin(dim=0))
        self.log_variances = ((nearest + 1e-3) / self.dim).log()
        self.log_variances[-1] = 0.0
        before = -torch.inf
        for _ in range(iterations):
            after = self._improve(kept or self._squared(data, around)) / len(data)
            if after - before < 1e-5:
                break
            before = after
        self.log_variances = self.log_variances[:-1]

    def nll(self, items: Array) -> float:
        """Mean negative log-likelihood of the items, for one feature."""
        total = 0.0
        for squared in self._squared(items, self.centres):
            total += float(self._log_densities(squared.double(), self.log_variances).logsumexp(dim=1).sum())
        return -total / len(items) / self.dim

    def _improve(self, squared_distances: "Iterator[Tensor] | list[Tensor]") -> float:
        """One step of expectation maximization; the log-likelihood per feature before it."""
        weight = torch.zeros(self.count + 1, dtype=torch.float64, device="cpu")
        moment = torch.zeros_like(weight)
        total = 0.0
        for kept in squared_distances:
            squared = kept.double()
            log_densities = self._log_densities(squared, self.log_variances)
            log_densities[:, -1] += np.log(self.count)  # the background's weight is one, not 1/c
            likelihoods = log_densities.logsumexp(dim=1, keepdim=True)
            total += float(likelihoods.sum())
            shares = log_densities.sub_(likelihoods).exp_()
            weight += shares.sum(dim=0)
            moment += shares.mul_(squared).sum(dim=0)
        found = (moment / weight / self.dim).log().clamp(min=_SMALLEST)
        # A Gaussian that no item asks for stays as it is.
        self.log_variances = torch.where(weight > 1e-200, found, self.log_variances)
        return total / self.dim

    def _log_densities(self, squared: Tensor, log_variances: Tensor) -> Tensor:
        constant = -self.dim / 2 * (log_variances + float(np.log(2 * np.pi))) - float(np.log(self.count))
        return torch.addcmul(constant, squared, -0.5 / log_variances.exp())

    def _squared(self, items: Array, centres: Tensor) -> Iterator[Float[Tensor, "rows c"]]:
        step = max(1, CHUNK_BYTES // (8 * max(len(centres), int(np.prod(items.shape[1:])))))
        for _, rows in row_chunks(items, step):
            yield (torch.cdist(self.scale.rows(rows), centres) ** 2).float()
