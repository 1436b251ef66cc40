"""Speed of deep residual stacks.

    python -m benchmarks deep_limits

One promise, at L = 1024 and 4096 (n = 100, q = 16, width 32, float32): forward and backward through the fused stack
at least 3 times faster than the loop ``x + sigma(x @ W[k]) @ V[k] / L`` under autograd, gradients equal to 1e-5 in
units of the largest, in the same run. That loop pays for indexing: every ``W[k]`` adds a whole tensor of zeros on the
way back. A loop over lists of matrices does not, and is timed beside it without a promise. The last row is the memory
of training at L = 2¹⁴.
"""

import resource
import sys

import torch
from tests.references.networks import residual_loop
from torch import Tensor

from benchmarks.timing import row, seconds
from mnemoscope.residual import ResidualBranches, ResidualMLP, descend, residual_stack

SAMPLES, DIM, WIDTH = 100, 16, 32


def depth_rows(depth: int) -> list[dict[str, object]]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, DIM, generator=generator)
    W = (torch.randn(depth, DIM, WIDTH, generator=generator) / DIM**0.5).requires_grad_()
    V = (torch.randn(depth, WIDTH, DIM, generator=generator) / WIDTH**0.5).requires_grad_()
    matrices = [list(weight.detach().unbind(0)) for weight in (W, V)]
    for matrix in (*matrices[0], *matrices[1]):
        matrix.requires_grad_()

    def fused() -> tuple[Tensor, ...]:
        return torch.autograd.grad(residual_stack(x, W.mT, V.mT, scale=1 / depth).square().sum(), (W, V))

    def indexed() -> tuple[Tensor, ...]:
        return torch.autograd.grad(residual_loop(x, W, V, "gelu", 1 / depth).square().sum(), (W, V))

    def listed() -> tuple[Tensor, ...]:
        return torch.autograd.grad(
            residual_loop(x, *matrices, "gelu", 1 / depth).square().sum(), [*matrices[0], *matrices[1]]
        )

    ours, theirs = fused(), listed()
    stacked = torch.stack(theirs[:depth]), torch.stack(theirs[depth:])
    error = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(ours, stacked, strict=True))
    fast, over_lists, plain = seconds(fused, 5), seconds(listed, 3), seconds(indexed, 1)
    return [
        row(f"L = {depth}, fused forward and backward (ms)", 1e3 * fast),
        row(f"L = {depth}, largest difference of gradients", error, 1e-5, error <= 1e-5),
        row(f"L = {depth}, speed-up over the loop, weights indexed", plain / fast, 3, plain / fast >= 3),
        row(f"L = {depth}, speed-up over the loop, weights in lists", over_lists / fast),
    ]


def memory_row(depth: int = 2**14) -> dict[str, object]:
    generator = torch.Generator().manual_seed(0)
    network = ResidualMLP(DIM, DIM, ResidualBranches(DIM, WIDTH, depth, segment=128, generator=generator))
    x, y = torch.randn(2, SAMPLES, DIM, generator=generator)
    for _ in descend(network, x, y, steps=1, learning_rate=1e-2):
        pass
    unit = 2**30 if sys.platform == "darwin" else 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return row(f"L = {depth}, largest memory of training (GB)", peak, 4, peak < 4)


def rows() -> list[dict[str, object]]:
    """All rows, in order."""
    return [*depth_rows(1024), *depth_rows(4096), memory_row()]
