import numpy as np
import pytest
import torch

from mnemoscope.data import Gaussian, row_chunks
from mnemoscope.errors import InputError
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, Process
from mnemoscope.sampling import sample
from mnemoscope.scores import EmpiricalScore, LawScore, posterior, training_points
from tests.laws import PROCESSES
from tests.references.scores import empirical_score
from tests.tolerances import FLOAT64_SCORE, SLOPE

every_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)


def slow_score(train: torch.Tensor, process: Process, x: torch.Tensor, t: float) -> torch.Tensor:
    return empirical_score(train, x, process.alpha(t).item(), process.sigma(t).item())


@every_process
@pytest.mark.parametrize("sigma_share", [1e-3, 0.1, 1.0])
def test_streaming_equals_the_formula(
    process: Process, sigma_share: float, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = torch.randn(57, 2, 3, generator=generator, dtype=torch.float64)
    t = process.time_of(sigma_share * process.ratio(process.t_max)).item()
    x = process.forward(train[:20], t, generator)
    whole = EmpiricalScore(train, process)(x, t)
    assert (whole - slow_score(train, process, x, t)).norm() / whole.norm() < FLOAT64_SCORE
    monkeypatch.setattr(training_points, "row_chunks", lambda a, **options: row_chunks(a, **(options | {"rows": 10})))
    monkeypatch.setattr(posterior, "_QUERY_BLOCK", 7)
    torch.testing.assert_close(EmpiricalScore(train, process)(x, t), whole, rtol=1e-10, atol=1e-10)


@every_process
def test_one_training_point_is_a_gaussian(process: Process, generator: torch.Generator) -> None:
    point = torch.randn(1, 3, generator=generator, dtype=torch.float64)
    law = Gaussian(point[0], torch.zeros(3, 3, dtype=torch.float64))
    x = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    for fraction in (0.01, 0.5, 1.0):
        t = fraction * process.t_max
        ours, exact = EmpiricalScore(point, process)(x, t), LawScore(law, process)(x, t)
        assert (ours - exact).norm() / exact.norm() < FLOAT64_SCORE


def test_far_from_the_data_and_at_tiny_noise_nothing_over_or_underflows(generator: torch.Generator) -> None:
    train = torch.randn(40, 5, generator=generator) + 1000
    score = EmpiricalScore(train, EDM(t_min=1e-9))
    for t in (1e-8, 1e-3, 80.0):
        for x in (train, torch.zeros(3, 5), 1e8 * torch.ones(3, 5)):
            assert torch.isfinite(score.denoiser(x, t)).all()
    torch.testing.assert_close(score.denoiser(train, 1e-8), train)


def test_midway_between_two_points_in_single_precision(generator: torch.Generator) -> None:
    """Where float32 logits would be off by hundreds of nats: weights near one half at σ = 1e-3 in 784 dimensions."""
    pair = torch.randn(2, 784, generator=generator)
    x = pair.mean(dim=0, keepdim=True)
    score = EmpiricalScore(pair, EDM())
    torch.testing.assert_close(score(x, 1e-3).double(), slow_score(pair, EDM(), x, 1e-3), rtol=1e-4, atol=1e-2)


def test_data_of_any_dtype_and_layout(generator: torch.Generator) -> None:
    images = np.random.default_rng(0).integers(0, 17, (30, 4, 4), dtype=np.uint8)
    x = torch.rand(5, 4, 4, generator=generator) * 16
    from_bytes = EmpiricalScore(images, EDM())(x, 2.0)
    from_floats = EmpiricalScore(torch.from_numpy(images).double(), EDM())(x, 2.0)
    torch.testing.assert_close(from_bytes, from_floats)
    assert from_bytes.dtype == x.dtype


def test_a_shift_of_the_data_shifts_the_score(generator: torch.Generator) -> None:
    train = torch.randn(20, 3, generator=generator, dtype=torch.float64)
    x = torch.randn(6, 3, generator=generator, dtype=torch.float64)
    shifted = EmpiricalScore(train + 1e6, EDM())(x + 1e6, 0.5)
    torch.testing.assert_close(shifted, EmpiricalScore(train, EDM())(x, 0.5), rtol=1e-6, atol=1e-6)


def test_samples_land_on_training_points_at_the_rate_of_sigma(generator: torch.Generator) -> None:
    """|x(t) − x*| = O(σ(t)) (Baptista et al. 2025): the fitted slope of log distance against log σ is one."""
    train = torch.randn(20, 2, generator=generator, dtype=torch.float64)
    initial = torch.randn(60, 2, generator=generator, dtype=torch.float64)
    sigmas, distances = [], []
    for t_min in (1e-2, 1e-3, 1e-4):
        process = OrnsteinUhlenbeck(t_min=t_min)
        x = sample(
            EmpiricalScore(train, process),
            process,
            60,
            generator=generator,
            solver="adaptive",
            tolerance=1e-9,
            denoise=False,
            initial=initial,
        )
        sigmas.append(process.sigma(t_min).item())
        distances.append(torch.cdist(x, train).min(dim=1).values.median().item())
    slope = np.polyfit(np.log(sigmas), np.log(distances), 1)[0]
    assert abs(slope - 1) < SLOPE
    assert distances[-1] < 3 * sigmas[-1]


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: EmpiricalScore(torch.zeros(0, 3), EDM()), "train: is empty"),
        (lambda: EmpiricalScore(torch.zeros(3), EDM()), "n_samples"),
        (lambda: EmpiricalScore(torch.zeros(2, 3), EDM())(torch.zeros(2, 4), 1.0), "event shape"),
        (lambda: EmpiricalScore(torch.zeros(2, 3), EDM())(torch.zeros(2, 3), 0.0), r"sigma\(t\) > 0"),
    ],
)
def test_bad_input(call: object, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        call()
