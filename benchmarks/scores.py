"""The empirical denoiser beside its floor, the two bare products X Yᵀ and W Y, and beside what people write first.

    python -m benchmarks scores

Fashion-MNIST scaled to unit variance, 512 test images noised to each level, everything in single precision.
"""

import resource

import torch
from tests.references.scores import empirical_denoiser

from benchmarks.timing import images, row, seconds, seconds_in_turn
from mnemoscope.processes import EDM
from mnemoscope.scores import EmpiricalScore

N_QUERIES = 512
N_LOOP = 500
SIGMAS = (0.001, 0.1, 0.5, 0.7, 1.0, 1.5, 2.0, 5.0, 20.0, 80.0)
SMALL = 0.1


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _synchronised(work: object) -> object:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return work


def rows() -> list[dict[str, object]]:
    """All rows, in order."""
    train, test = images()
    device = _device()
    y = torch.from_numpy(train.copy()).reshape(len(train), -1).float()
    shift, scale = y.mean(), y.std()
    y = ((y - shift) / scale).to(device)
    clean = ((torch.from_numpy(test[:N_QUERIES].copy()).reshape(N_QUERIES, -1).float() - shift) / scale).to(device)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)).to(device)
    score = EmpiricalScore(y, EDM())
    score.denoiser(clean[:1], 1.0)  # the norms of the points are taken once
    weights = torch.rand(N_QUERIES, len(y), device=device)
    table = []
    for sigma in SIGMAS:
        x = clean + sigma * noise
        floor, ours = seconds_in_turn(
            lambda x=x: _synchronised((x @ y.mT, weights @ y)),
            lambda x=x, sigma=sigma: _synchronised(score.denoiser(x, sigma)),
        )
        promised = 0.7 if sigma <= SMALL else 1.25
        name = f"empirical denoiser, 512 queries, 60,000 × 784, σ = {sigma}, over the two bare products ({device.type})"
        table.append(row(name, ours / floor, promised, ours / floor <= promised))
    x = clean + noise
    ours = seconds(lambda: _synchronised(score.denoiser(x, 1.0)))
    plain = seconds(lambda: _synchronised(torch.softmax(-(torch.cdist(x, y) ** 2) / 2, dim=1) @ y))
    loop = seconds(lambda: _synchronised(empirical_denoiser(y[:N_LOOP], x, 1.0)), repeats=1) * len(y) / N_LOOP
    double = seconds(lambda: _synchronised(score.denoiser(x.double(), 1.0)), repeats=1)
    table.append(row("softmax(−cdist²/2σ²) Y in float32 over ours at σ = 1", plain / ours))
    table.append(row(f"a loop over the training points ({N_LOOP} timed, scaled up) over ours at σ = 1", loop / ours))
    table.append(row("the same queries in double precision over ours at σ = 1", double / ours))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    table.append(row("peak memory of this process so far, data and comparisons included (GB)", peak))
    return table
