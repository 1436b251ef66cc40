"""The posterior of single-precision queries at the cost of the matrix products X Yᵀ and W Y.

Pass 1 takes all logits in single precision by one product. A rounding bound (Higham 2002, eq. 3.5) and a margin for
the truncated mass then certify, query by query, which points can carry weight:

- few of them (small σ): their logits and weighted mean are taken again from differences in double precision, and the
  product W Y is never formed. The bound on the truncated mass is ``TRUNCATED_MASS``;
- many of them (large σ): softmax and W Y in single precision. Rounding moves the logits by about u α‖x‖‖y‖/σ² nats,
  hence the mean by that times the posterior's spread; queries where this may exceed ``TOLERANCE`` of the residual
  go through ``posterior`` in double precision.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from mnemoscope.neighbours.rounding import UNIT, gamma
from mnemoscope.scores.posterior import Posterior, posterior
from mnemoscope.scores.training_points import WeightedPoints

TRUNCATED_MASS = 1e-12
"""Bound on the posterior mass of the points that are left out."""

TOLERANCE = 1e-4
"""Estimated relative error of the residual at which single precision gives way to double."""

FEW = 32
"""So many points are always few: it costs less to look at each of them than to multiply matrices."""

_LOGIT_BYTES = 2**28
_QUERY_BLOCK = 1024
_CHUNK_ROWS = 1024
_PAIR_BYTES = 2**26
_SOFTMAX_ROWS = 32


def single_precision_posterior(points: WeightedPoints, x: Tensor, alpha: Tensor, sigma: Tensor) -> Posterior:
    """The moments of ``posterior``, for queries that came in single precision.

    Args:
        points: the training set.
        x: shape ``(batch, dim)``, in double precision.
        alpha: shape ``(batch, 1)``, in double precision.
        sigma: shape ``(batch, 1)``, positive, in double precision.
    """
    size = max(1, min(_QUERY_BLOCK, _LOGIT_BYTES // (4 * points.n_samples)))
    parts = [
        _Block(points, *block).posterior()
        for block in zip(*(torch.split(c, size) for c in (x, alpha, sigma)), strict=True)
    ]
    return Posterior(torch.cat([p.residual for p in parts]), torch.cat([p.log_likelihood for p in parts]))


class _Block:
    """A block of queries whose logits fit in memory."""

    def __init__(self, points: WeightedPoints, x: Tensor, alpha: Tensor, sigma: Tensor) -> None:
        self.points, self.x, self.alpha, self.sigma = points, x, alpha, sigma
        self.centred = x - alpha * points.centre
        self.squared = (self.centred**2).sum(dim=1)
        largest = points.squared_norms.max()
        # What the terms of a logit can add up to: α‖x‖‖y‖/σ², α²‖y‖²/2σ² and |log π|.
        a, variance = alpha[:, 0], sigma[:, 0] ** 2
        self.scale = a * torch.sqrt(self.squared * largest) / variance + a**2 * largest / (2 * variance)
        if points.log_weights is not None:
            self.scale += points.log_weights[points.log_weights.isfinite()].abs().max()
        self.residual = torch.empty_like(x)
        self.log_likelihood = torch.empty_like(self.squared)

    def posterior(self) -> Posterior:
        logits, maxima = self._logits()
        peak = maxima.amax(dim=1)
        few, pairs = self._candidates(logits, maxima, peak - self._margin().to(peak))
        self._from_pairs(*pairs)
        many = (~few).nonzero()[:, 0]
        if len(many):
            doubtful = self._from_products(many, peak[many], logits)
            if len(doubtful):
                exact, _ = posterior(self.points, self.x[doubtful], self.alpha[doubtful], self.sigma[doubtful])
                self.residual[doubtful], self.log_likelihood[doubtful] = exact.residual, exact.log_likelihood
        return Posterior(self.residual, self.log_likelihood)

    def _chunks(self) -> Iterator[tuple[slice, Tensor]]:
        """Points with further columns: (y − centre, ‖y − centre‖², log π), so that one product gives the logits."""
        dim, weights = self.points.dim, self.points.log_weights
        columns = dim + 1 + (weights is not None)
        buffer = torch.empty(_CHUNK_ROWS, columns, dtype=torch.float32, device=self.x.device)
        for where, rows in self.points.chunks(torch.float32, _CHUNK_ROWS):
            chunk = buffer[: len(rows)]
            torch.sub(rows, self.points.centre, out=chunk[:, :dim])
            chunk[:, dim] = self.points.squared_norms[where]
            if weights is not None:
                chunk[:, dim + 1] = weights[where]
            yield where, chunk

    def _logits(self) -> tuple[Tensor, Tensor]:
        """All logits up to −‖x − α·centre‖²/2σ², and their maxima over each chunk."""
        variance = self.sigma**2
        columns = [self.alpha * self.centred / variance, -(self.alpha**2) / (2 * variance)]
        if self.points.log_weights is not None:
            columns.append(torch.ones_like(self.alpha))
        queries = torch.cat(columns, dim=1).float()
        logits = queries.new_empty(len(queries), self.points.n_samples)
        # Small results kept between large temporaries would pin them to the heap, so both have their place beforehand.
        maxima = queries.new_empty(len(queries), math.ceil(self.points.n_samples / _CHUNK_ROWS))
        for number, (where, chunk) in enumerate(self._chunks()):
            torch.mm(queries, chunk.mT, out=logits[:, where])
            torch.amax(logits[:, where], dim=1, out=maxima[:, number])
        return logits, maxima

    def _margin(self) -> Tensor:
        """How far below the highest logit a point may lie and still matter, rounding included; infinite if unknown."""
        # More terms than coordinates: the norm, the weight, the rounding of x and y themselves and of the threshold.
        rounding = gamma(self.points.dim + 6) * self.scale
        margin = math.log(self.points.n_samples / TRUNCATED_MASS) + 2 * rounding
        return torch.where(self.scale < 1e30, margin, torch.inf)

    def _candidates(self, logits: Tensor, maxima: Tensor, lowest: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Which queries have few points above ``lowest``, and these points as pairs (query, point) sorted by query."""
        most = max(FEW, self.points.n_samples // 1000)
        counts = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
        found = [torch.empty(0, 2, dtype=torch.int64, device=logits.device)]
        for number, start in enumerate(range(0, logits.shape[1], _CHUNK_ROWS)):
            here = ((maxima[:, number] >= lowest) & (counts <= most)).nonzero()[:, 0]
            if len(here):
                above = logits[here, start : start + _CHUNK_ROWS] >= lowest[here, None]
                counts.index_add_(0, here, above.sum(dim=1))
                still = counts[here] <= most
                query, point = above[still].nonzero().unbind(dim=1)
                found.append(torch.stack([here[still][query], point + start], dim=1))
        few = (counts >= 1) & (counts <= most)
        pairs = torch.cat(found)
        pairs = pairs[few[pairs[:, 0]]]
        query, point = pairs[torch.argsort(pairs[:, 0], stable=True)].unbind(dim=1)
        return few, (query, point)

    def _from_pairs(self, query: Tensor, point: Tensor) -> None:
        """Posterior of the queries in ``query`` over their own points only, from differences in double precision."""
        queries, counts = torch.unique_consecutive(query, return_counts=True)
        ends = counts.cumsum(0)
        starts = ends - counts
        group = torch.div(starts, max(1, _PAIR_BYTES // (8 * self.points.dim)), rounding_mode="floor")
        for number in torch.unique_consecutive(group):
            rows = (group == number).nonzero()[:, 0]
            pairs = slice(int(starts[rows[0]]), int(ends[rows[-1]]))
            local = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), counts[rows])
            self._softmax_over_pairs(queries[rows], local, point[pairs])

    def _softmax_over_pairs(self, rows: Tensor, local: Tensor, point: Tensor) -> None:
        x, alpha, sigma = self.x[rows], self.alpha[rows], self.sigma[rows]
        difference = alpha[local] * self.points.take(point) - x[local]
        logits = self.points.log_weight(point) - (difference**2).sum(dim=1) / (2 * sigma[local, 0] ** 2)
        peak = torch.full_like(alpha[:, 0], -torch.inf).scatter_reduce(0, local, logits, "amax")
        weights = torch.exp(logits - peak[local])
        total = torch.zeros_like(peak).index_add(0, local, weights)
        mean = torch.zeros_like(x).index_add(0, local, weights[:, None] * difference)
        self.residual[rows] = mean / total[:, None]
        self.log_likelihood[rows] = peak + total.log()

    def _from_products(self, rows: Tensor, peak: Tensor, logits: Tensor) -> Tensor:
        """Posterior of ``rows`` by softmax (overwriting the logits) and product; returns those that need double."""
        # In place, a few rows at a time: fresh memory for all the weights would cost more than the exponentials. They
        # move up to the first rows (which are done with: rows ascend), so that the product takes them as they lie.
        largest = logits.new_empty(len(rows))
        for start in range(0, len(rows), _SOFTMAX_ROWS):
            some = slice(start, start + _SOFTMAX_ROWS)
            weights = torch.softmax(logits[rows[some]], dim=1)
            torch.amax(weights, dim=1, out=largest[some])
            logits[: len(rows)][some] = weights
        dim, total = self.points.dim, 1 / largest.double()
        moments = logits.new_zeros(len(rows), dim + 1)
        for where, chunk in self._chunks():
            moments.addmm_(logits[: len(rows), where], chunk[:, : dim + 1])
        mean, second = moments[:, :dim].double(), moments[:, dim].double()
        alpha, variance = self.alpha[rows], self.sigma[rows, 0] ** 2
        residual = alpha * mean - self.centred[rows]
        self.residual[rows] = residual
        uniform = 0.0 if self.points.log_weights is not None else float(self.points.log_weight(slice(0)))
        self.log_likelihood[rows] = peak.double() + total.log() + uniform - self.squared[rows] / (2 * variance)
        spread = alpha[:, 0] * torch.sqrt((second - (mean**2).sum(dim=1)).clamp(min=0))
        rounding = UNIT * alpha[:, 0] * torch.sqrt(self.squared[rows] * second) / variance
        reached = rounding * spread <= TOLERANCE * torch.linalg.vector_norm(residual, dim=1)
        return rows[~reached]
