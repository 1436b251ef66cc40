"""The fast path against the formula in double precision, at the noise levels where single precision breaks."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mnemoscope.processes import EDM, OrnsteinUhlenbeck
from mnemoscope.scores import EmpiricalScore, single_precision
from tests.references.scores import empirical_score
from tests.tolerances import FLOAT32_SCORE

SIGMAS = (1e-3, 1e-2, 0.1, 0.5, 1.0, 2.0, 5.0, 20.0, 80.0)


def clustered(n_samples: int, dim: int, generator: torch.Generator) -> Tensor:
    """Unit-variance data in tight clusters, duplicates included: many points whose order single precision muddles."""
    centres = torch.randn(n_samples // 20, dim, generator=generator)
    points = centres.repeat_interleave(20, dim=0) + 0.05 * torch.randn(n_samples, dim, generator=generator)
    points[1] = points[0]
    return points / points.std()


def worst_error(train: Tensor, x: Tensor, sigma: float) -> float:
    exact = empirical_score(train, x, 1.0, sigma)
    found = EmpiricalScore(train, EDM())(x, sigma).double()
    return float(((found - exact).norm(dim=1) / exact.norm(dim=1)).max())


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("dim", [2, 64, 784])
class TestAgainstTheFormula:
    def test_noised_training_points(self, dim: int, sigma: float, generator: torch.Generator) -> None:
        train = clustered(2000, dim, generator)
        x = train[:40] + sigma * torch.randn(40, dim, generator=generator)
        assert worst_error(train, x, sigma) < FLOAT32_SCORE

    def test_midway_between_two_points(self, dim: int, sigma: float, generator: torch.Generator) -> None:
        train = torch.randn(2000, dim, generator=generator)
        x = (train[:40] + train[40:80]) / 2
        assert worst_error(train, x, sigma) < FLOAT32_SCORE

    def test_on_the_training_points_of_shifted_data(self, dim: int, sigma: float, generator: torch.Generator) -> None:
        train = clustered(400, dim, generator) + 100
        x = train[:20] + sigma * torch.randn(20, dim, generator=generator)
        assert worst_error(train, x, sigma) < FLOAT32_SCORE


@pytest.mark.parametrize("sigma", [1e-3, 0.3, 3.0])
def test_every_way_through_agrees(sigma: float, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs, products, the double-precision way out, many blocks: the same answer."""
    train = clustered(600, 8, generator)
    x = train[:50] + sigma * torch.randn(50, 8, generator=generator)
    expected = EmpiricalScore(train, EDM())(x.double(), sigma)
    settings = {
        "all in pairs": {"_PAIR_BYTES": 8 * 8 * 7, "TRUNCATED_MASS": 1e-300},
        "blocks": {"_QUERY_BLOCK": 7, "_CHUNK_ROWS": 11, "_SOFTMAX_ROWS": 3},
        "double": {"TOLERANCE": 0.0},
    }
    for changes in settings.values():
        with monkeypatch.context() as patch:
            for name, value in changes.items():
                patch.setattr(single_precision, name, value)
            found = EmpiricalScore(train, EDM())(x, sigma)
        assert ((found - expected).norm(dim=1) < FLOAT32_SCORE * expected.norm(dim=1)).all()


def test_truncation_leaves_out_only_what_it_may(generator: torch.Generator) -> None:
    """Every point left out has a posterior mass below the bound; a margin of zero (the control) would break it."""
    train = clustered(3000, 16, generator)
    sigma = 0.3
    x = (train[:64] + sigma * torch.randn(64, 16, generator=generator)).double()
    score = EmpiricalScore(train, EDM())
    block = single_precision._Block(score.points, x, torch.ones(64, 1).double(), torch.full((64, 1), sigma).double())
    logits, maxima = block._logits()
    weights = score.weights(x, sigma)
    peak = maxima.amax(dim=1)
    for margin, within in ((block._margin().float(), True), (torch.zeros(64), False)):
        few, (query, point) = block._candidates(logits, maxima, peak - margin)
        kept = torch.zeros_like(weights).index_put((query, point), torch.ones((), dtype=torch.float64))
        left_out = (weights * (1 - kept)).sum(dim=1)[few]
        assert few.sum() > 10
        assert bool((left_out <= single_precision.TRUNCATED_MASS).all()) is within


def test_lowered_matmul_precision_is_not_trusted(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    train, x = torch.randn(50, 3, generator=generator), torch.randn(4, 3, generator=generator)
    score = EmpiricalScore(train, EDM())
    calls: list[int] = []
    monkeypatch.setattr("mnemoscope.scores.empirical.single_precision_posterior", lambda *a: calls.append(1))
    torch.set_float32_matmul_precision("high")
    try:
        score(x, 1.0)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert not calls


def test_log_likelihood_and_processes_with_a_signal_scale(generator: torch.Generator) -> None:
    train = clustered(1000, 32, generator)
    process = OrnsteinUhlenbeck()
    score = EmpiricalScore(train, process, torch.rand(1000, generator=generator))
    for t in (1e-4, 0.1, 1.0, 5.0):
        x = process.forward(train[:30], t, generator)
        torch.testing.assert_close(
            score.log_density(x, t).double(), score.log_density(x.double(), t), rtol=1e-5, atol=1e-3
        )


_MEMORY = """
import resource, sys
import numpy as np, torch
from mnemoscope.processes import EDM
from mnemoscope.scores import EmpiricalScore

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

train = np.load(sys.argv[1], mmap_mode="r")
x = torch.from_numpy(np.array(train[:64]))
EmpiricalScore(x, EDM()).denoiser(x, 1.0)
before = peak()
for sigma in (0.01, 50.0):
    assert torch.isfinite(EmpiricalScore(train, EDM()).denoiser(x, sigma)).all()
print(peak() - before)
"""


@pytest.mark.slow
def test_a_memory_map_stays_out_of_memory(tmp_path: Path) -> None:
    """188 MB on disk; what is added to the process is the working set alone."""
    path = tmp_path / "train.npy"
    data = np.lib.format.open_memmap(path, "w+", np.float32, (60_000, 784))
    rng = np.random.default_rng(0)
    for start in range(0, len(data), 10_000):
        data[start : start + 10_000] = rng.random((10_000, 784), np.float32)
    data.flush()
    del data
    done = subprocess.run([sys.executable, "-c", _MEMORY, str(path)], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 90
