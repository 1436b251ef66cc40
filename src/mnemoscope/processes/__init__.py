"""Forward noising processes, and THE convention of the whole library.

A process takes clean data x_0 to noise by

    x_t = α(t) x_0 + σ(t) ε,   ε ~ N(0, I),   r(t) = σ(t) / α(t)  (the noise-to-signal ratio),

which is the solution of the linear stochastic differential equation dx = f(t) x dt + g(t) dW with

    f = α'/α,   g² = (σ²)' − 2 f σ² = 2 α² r r'.

Write p_t for the law of x_t. Three functions of (x_t, t) carry the same information:

    score       s = ∇ log p_t(x_t)
    denoiser    E[x_0 | x_t] = (x_t + σ² s) / α
    noise       ε̂ = E[ε | x_t] = −σ s

Every function of (x, t) takes x of shape ``(batch, *event)`` and t a number, a scalar tensor or a tensor of
shape ``(batch,)``. Draws take a ``torch.Generator``; nothing reads a global seed.
"""

from mnemoscope.processes.base import Process, Time
from mnemoscope.processes.discrete import DiscreteSteps
from mnemoscope.processes.standard import (
    EDM,
    OrnsteinUhlenbeck,
    VarianceExploding,
    VariancePreserving,
    make_process,
    process_names,
)

__all__ = [
    "EDM",
    "DiscreteSteps",
    "OrnsteinUhlenbeck",
    "Process",
    "Time",
    "VarianceExploding",
    "VariancePreserving",
    "make_process",
    "process_names",
]
