"""The source's network on 20 points, trained as one program of batched products, each run on draws of its own.

The setting of Baptista et al.'s code: time t ~ U(0, 1) enters as 8 Gaussian Fourier features of scale 1, three hidden
ReLU layers, Adam at 1e-3 on the full batch of 20 points with one fresh draw of (t, z) each, and the loss
mean (σ s + z)² + c mean s² with c = 0 for the plain network. The network is s itself, bounded at t → 0; a singular one
learns −z = σ s, so that the factor 1/σ of the exact score is built in.

The training room is built on velocity prediction from log σ/α, which has that factor built in as well; the difference
between the two parametrisations is what is studied here, hence the explicit loop. The average of the weights follows
ema-pytorch, which the authors use with β = 0.9999 and its defaults: every 10 steps, with the decay
min(β, 1 − (1 + k)^{−2/3}), k steps after the 100th.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from mnemoscope.processes import Time, VariancePreserving
from mnemoscope.processes.base import as_time
from mnemoscope.scores import Score

PROCESS = VariancePreserving(t_min=1e-4, t_max=1.0, beta_min=0.001, beta_max=3.0)

FREQUENCIES = 4
"""Each gives a sine and a cosine: 8 features of time."""
LEARNING_RATE = 1e-3
EMA_DECAY, EMA_EVERY, EMA_START = 0.9999, 10, 100
_BLOCK = 500


@dataclass(frozen=True)
class FourierNetworks:
    """Several runs of one architecture, the runs along the first axis of every tensor.

    Attributes:
        parameters: weight, bias, weight, bias, … of the four layers.
        frequencies: of the features of time, shape ``(runs, 1, 4)``.
        singular: whether the output is σ s (True) or s.
    """

    parameters: list[Tensor]
    frequencies: Tensor
    singular: bool

    @classmethod
    def draw(cls, generators: Sequence[torch.Generator], width: int, *, singular: bool) -> "FourierNetworks":
        """Initial weights, uniform as in ``torch.nn.Linear``, from one generator for each run."""
        frequencies = torch.stack([torch.randn(1, FREQUENCIES, generator=g) for g in generators])
        parameters = []
        for n_in, n_out in pairwise([2 + 2 * FREQUENCIES, width, width, width, 2]):
            for rows in (n_in, 1):
                uniform = torch.stack([torch.rand(rows, n_out, generator=g) for g in generators])
                parameters.append(((2 * uniform - 1) / math.sqrt(n_in)).requires_grad_())
        return cls(parameters, frequencies, singular)

    def copy(self) -> "FourierNetworks":
        """The same weights in memory of their own, without a gradient."""
        return replace(self, parameters=[p.detach().clone() for p in self.parameters])

    def run(self, index: int) -> "FourierNetworks":
        """One run alone."""
        kept = slice(index, index + 1)
        return replace(self, parameters=[p[kept] for p in self.parameters], frequencies=self.frequencies[kept])

    def outputs(self, x: Tensor, t: Tensor) -> Tensor:
        """s, or σ s of a singular network, at x of shape ``(runs, batch, 2)``, with t of shape ``(runs, batch, 1)``."""
        phase = 2 * math.pi * t * self.frequencies
        hidden = torch.cat([x, phase.sin(), phase.cos()], dim=2)
        *inner, (weight, bias) = zip(self.parameters[::2], self.parameters[1::2], strict=True)
        for inner_weight, inner_bias in inner:
            hidden = torch.baddbmm(inner_bias, hidden, inner_weight).relu()
        return torch.baddbmm(bias, hidden, weight)

    def score(self, x: Tensor, t: Time) -> Tensor:
        """The score of a single run."""
        times, sigma = (as_time(v).to(x).expand(1, len(x)).unsqueeze(2) for v in (t, PROCESS.sigma(t)))
        out = self.outputs(x[None], times)
        return (out / sigma if self.singular else out)[0]


class RunScore(Score):
    """The same as a ``Score``, so that the solver's times reach σ in double precision."""

    def __init__(self, run: FourierNetworks) -> None:
        self.run, self.process, self.event_shape = run, PROCESS, (2,)

    def __call__(self, x: Tensor, t: Time) -> Tensor:
        return self.run.score(x, t)


def train(
    networks: FourierNetworks,
    data: Tensor,
    generators: Sequence[torch.Generator],
    *,
    steps: int,
    penalty: float,
    every: int,
) -> Iterator[FourierNetworks]:
    """Train in place; the average of the weights after every so many steps, valid until the next.

    Args:
        networks: the runs.
        data: the training points, shape ``(n_samples, 2)``; one step is one epoch.
        generators: one for each run.
        steps: of Adam.
        penalty: c.
        every: steps between two averages.
    """
    average = networks.copy()
    optimizer = torch.optim.Adam(networks.parameters, lr=LEARNING_RATE, fused=True)
    for step in range(steps):
        if step % _BLOCK == 0:
            draws = iter(_draws(generators, data))
        x, t, sigma, noise = next(draws)
        out = networks.outputs(x, t)
        # The sum over the runs: each has a gradient of its own. A mean over points and coordinates within each.
        loss = ((out if networks.singular else sigma * out) + noise).square().mean(dim=(1, 2))
        if penalty:
            # Never (σ s)/σ of what is not singular: single precision draws t = 0, σ = 0, once in 2²⁴ times.
            loss = loss + penalty * (out / sigma if networks.singular else out).square().mean(dim=(1, 2))
        optimizer.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        _update_average(average, networks, step + 1)
        if (step + 1) % every == 0:
            yield average


def _draws(generators: Sequence[torch.Generator], data: Tensor) -> list[tuple[Tensor, ...]]:
    """x_t, t, σ and the noise of ``_BLOCK`` steps."""
    n = len(data)
    t = torch.stack([torch.rand(_BLOCK, n, 1, generator=g) for g in generators], dim=1)
    noise = torch.stack([torch.randn(_BLOCK, n, 2, generator=g) for g in generators], dim=1)
    alpha, sigma = PROCESS.alpha(t), PROCESS.sigma(t)
    return list(zip(alpha * data + sigma * noise, t, sigma, noise, strict=True))


def _update_average(average: FourierNetworks, networks: FourierNetworks, step: int) -> None:
    if step % EMA_EVERY:
        return
    decay = 0.0 if step <= EMA_START else min(EMA_DECAY, 1 - (step - EMA_START) ** (-2 / 3))
    torch._foreach_lerp_(average.parameters, [p.detach() for p in networks.parameters], 1 - decay)
