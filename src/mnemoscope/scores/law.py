"""The exact score of a law (Gaussian, mixture, linear manifold) along a process."""

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import check_kind
from mnemoscope.data.laws import Law
from mnemoscope.processes import Process, Time
from mnemoscope.scores.base import Score, check_floating


class LawScore(Score):
    """∇ log p_t for x_0 drawn from a law whose noised version is known.

    Args:
        law: a Gaussian, a mixture or a linear manifold of dimension ``dim``.
        process: the forward process.
    """

    def __init__(self, law: Law, process: Process) -> None:
        check_kind(law, Law, "law")
        check_kind(process, Process, "process")
        self.law, self.process = law, process
        self.event_shape = (law.dim,)

    def __call__(self, x: Float[Tensor, "batch dim"], t: Time) -> Float[Tensor, "batch dim"]:
        """The score at x."""
        check_floating(x, "x", self.event_shape)
        # A law computes in the precision of its parameters.
        return self.law.score(x, *self.process.coefficients(x, t)).to(x.dtype)

    def log_density(self, x: Float[Tensor, "batch dim"], t: Time) -> Float[Tensor, " batch"]:
        """Log p_t(x)."""
        return self.law.log_density(x, *self.process.coefficients(x, t))

    def sample(self, n_samples: int, generator: torch.Generator) -> Float[Tensor, "n_samples dim"]:
        """Draws of x_0, to compare a sampler's output with."""
        return self.law.sample(n_samples, generator)
