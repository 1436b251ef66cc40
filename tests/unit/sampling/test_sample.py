import math

import numpy as np
import pytest
import torch

from mnemoscope.data import Gaussian
from mnemoscope.errors import InputError
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, Process
from mnemoscope.sampling import SOLVERS, ratio_grid, sample
from mnemoscope.scores import LawScore
from tests.laws import PROCESSES, gaussian, gaussian_parameters, mixture
from tests.tolerances import SLOPE

every_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)


def exact_flow(mean: torch.Tensor, covariance: torch.Tensor, process: Process, x: torch.Tensor) -> torch.Tensor:
    """The probability flow of a Gaussian transports each eigenmode by the ratio of its standard deviations."""
    ends = torch.tensor([process.t_max, process.t_min], dtype=torch.float64)
    alpha, sigma = process.alpha(ends), process.sigma(ends)
    values, basis = torch.linalg.eigh(covariance)
    start, end = (torch.sqrt(alpha[i] ** 2 * values + sigma[i] ** 2) for i in (0, 1))
    centred = (x - alpha[0] * mean) @ basis
    return (centred * end / start) @ basis.mT + alpha[1] * mean


@pytest.mark.slow
@every_process
def test_heuns_error_falls_with_the_square_of_the_step(process: Process, generator: torch.Generator) -> None:
    mean, covariance = gaussian_parameters(3, generator)
    law = Gaussian(mean, covariance)
    initial = process.sigma(process.t_max) * torch.randn(50, 3, generator=generator, dtype=torch.float64)
    exact = exact_flow(mean, covariance, process, initial)
    steps = np.array([64, 128, 256, 512])
    errors = []
    for n_steps in steps:
        x = sample(
            LawScore(law, process),
            process,
            50,
            generator=generator,
            n_steps=int(n_steps),
            denoise=False,
            initial=initial,
        )
        errors.append((x - exact).norm().item())
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert abs(slope + 2) < SLOPE


@every_process
def test_the_adaptive_solve_meets_its_tolerance(process: Process, generator: torch.Generator) -> None:
    mean, covariance = gaussian_parameters(3, generator)
    law = Gaussian(mean, covariance)
    initial = process.sigma(process.t_max) * torch.randn(50, 3, generator=generator, dtype=torch.float64)
    x = sample(
        LawScore(law, process),
        process,
        50,
        generator=generator,
        solver="adaptive",
        tolerance=1e-9,
        denoise=False,
        initial=initial,
    )
    assert (x - exact_flow(mean, covariance, process, initial)).abs().max() < 1e-6


@pytest.mark.statistical
@every_process
@pytest.mark.parametrize("solver", SOLVERS)
def test_samples_follow_the_law(process: Process, solver: str, generator: torch.Generator) -> None:
    """First two moments along each coordinate. Six standard errors plus the solver's bias, 1 %: false alarms ~1e-8."""
    law = mixture(2, 3, generator)
    n = 5_000
    x = sample(LawScore(law, process), process, n, generator=generator, solver=solver, n_steps=200, batch_size=n)
    reference = law.sample(200_000, generator)
    deviation = reference.std(dim=0)
    assert ((x.mean(dim=0) - reference.mean(dim=0)).abs() < (6 / math.sqrt(n) + 0.01) * deviation).all()
    assert ((x.std(dim=0) / deviation - 1).abs() < 6 / math.sqrt(n) + 0.01).all()


@pytest.mark.statistical
def test_a_wrong_score_is_noticed(generator: torch.Generator) -> None:
    """The negative control of the test above: a score half as strong gives samples twice too wide."""
    law = gaussian(2, generator)
    process = OrnsteinUhlenbeck()
    exact = LawScore(law, process)
    x = sample(lambda x, t: exact(x, t) / 2, process, 2000, generator=generator, event_shape=(2,))
    assert ((x.std(dim=0) / law.sample(20_000, generator).std(dim=0) - 1).abs() > 0.1).any()


def test_the_same_seed_gives_the_same_samples_whatever_the_solver_draws(generator: torch.Generator) -> None:
    score = LawScore(gaussian(2, generator), EDM())
    for solver in SOLVERS:
        runs = [
            sample(score, EDM(), 7, generator=torch.Generator().manual_seed(3), solver=solver, n_steps=10)
            for _ in range(2)
        ]
        torch.testing.assert_close(*runs, rtol=0, atol=0)


def test_batches_change_nothing_in_the_flow(generator: torch.Generator) -> None:
    score = LawScore(gaussian(2, generator), EDM())
    one, many = (sample(score, EDM(), 10, generator=torch.Generator().manual_seed(3), batch_size=b) for b in (10, 3))
    torch.testing.assert_close(one, many)


@every_process
def test_the_grid_runs_from_noise_to_data(process: Process) -> None:
    grid = ratio_grid(process, 10)
    assert (grid.diff() < 0).all()
    ends = process.ratio(torch.tensor([process.t_max, process.t_min], dtype=torch.float64))
    torch.testing.assert_close(grid[[0, -1]], ends)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"n": 0}, "at least 1"),
        ({"solver": "euler"}, "solver: unknown name 'euler'"),
        ({"n_steps": 0}, "n_steps"),
        ({"event_shape": None}, "event_shape"),
        ({"initial": torch.zeros(2, 2)}, "initial holds 2"),
        ({"score": lambda x, t: x / 0}, "sample 0 is not finite"),
    ],
)
def test_bad_input(options: dict, complaint: str, generator: torch.Generator) -> None:
    arguments = {"score": lambda x, t: -x, "n": 3, "event_shape": (2,), **options}
    score, n = arguments.pop("score"), arguments.pop("n")
    with pytest.raises(InputError, match=complaint):
        sample(score, EDM(), n, generator=generator, **arguments)


def test_a_grid_needs_a_positive_power() -> None:
    with pytest.raises(InputError, match="rho"):
        ratio_grid(EDM(), 4, rho=0)
