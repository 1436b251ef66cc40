"""The exact score gives training items along any schedule, or the schedule is named."""

import re
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.errors import InputError
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, Process, VarianceExploding, VariancePreserving
from mnemoscope.sampling import SOLVERS, sample
from mnemoscope.scores import EmpiricalScore
from tests.laws import PROCESSES

DIM, N = 16, 24
TRAIN = torch.randn(8, DIM, generator=torch.Generator().manual_seed(0))
"""Items with about √(2 · 16) between them."""

powers = st.floats(-12, 2).map(lambda power: 10.0**power)
ends = st.floats(-1, 3).map(lambda power: 10.0**power)


@st.composite
def processes(draw: st.DrawFn) -> Process:
    """Any schedule that the library can make."""
    t_min, t_max = draw(powers), draw(ends)
    unit = {"t_min": draw(st.floats(-9, -0.5).map(lambda power: 10.0**power)), "t_max": 1.0}
    high = draw(st.floats(-1, 15).map(lambda power: 10.0**power))
    made = {
        OrnsteinUhlenbeck: {"t_min": t_min, "t_max": t_min + t_max},
        VariancePreserving: {**unit, "beta_max": 0.1 + t_max},
        VarianceExploding: {**unit, "sigma_max": 0.01 + high},
        EDM: {"t_min": t_min, "t_max": t_min + high},
    }
    kind = draw(st.sampled_from(list(made)))
    return kind(**made[kind])


def from_exact_score(process: Process, solver: str, n_steps: int, scale: float = 1.0) -> tuple[torch.Tensor, list[str]]:
    """Distances to the nearest training item in units of the data, and what was said."""
    score, generator = EmpiricalScore(scale * TRAIN, process), torch.Generator().manual_seed(1)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        x = sample(score, process, N, generator=generator, solver=solver, n_steps=n_steps, tolerance=1e-3)
    return torch.cdist(x / scale, TRAIN).amin(dim=1), [str(each.message) for each in said]


@settings(max_examples=25)
@given(
    process=processes(),
    solver=st.sampled_from(["ode", "ode", "sde", "adaptive"]),
    n_steps=st.integers(1, 32),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_samples_of_the_exact_score_are_training_items_or_the_schedule_is_named(
    process: Process, solver: str, n_steps: int, scale: float
) -> None:
    distances = torch.zeros(1)
    try:
        distances, said = from_exact_score(process, solver, n_steps, scale)
    except InputError as error:
        said = [str(error)]
    if said:
        assert all(line.startswith(f"{process.name}: ") and "\n" not in line for line in said), said
        assert all(re.search("(raise|lower) (n_steps|t_min|t_max)", line) for line in said), said
    else:
        assert float(distances.max()) < 1e-2


@pytest.mark.parametrize(
    ("process", "named"),
    [
        (OrnsteinUhlenbeck(t_max=100), "nothing of the signal is left at t_max=100.*lower t_max to about 6.91"),
        (VariancePreserving(beta_max=200.0), "nothing of the signal is left at t_max=1,.*lower t_max to about"),
        (EDM(t_min=1e-30), "the noise at t_min=1e-30, 1e-30, is lost in torch.float32: raise t_min"),
    ],
)
def test_ends_that_numbers_cannot_hold_are_refused_and_the_score_is_not_blamed(process: Process, named: str) -> None:
    score = EmpiricalScore(TRAIN, process)
    with pytest.raises(InputError, match=named):
        sample(score, process, N, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("process", "scale", "named"),
    [
        (
            OrnsteinUhlenbeck(t_max=40),
            1.0,
            "20 steps does not resolve.*n_steps to .*lower t_max=40 to about 6.91",
        ),
        (EDM(t_min=30.0), 1.0, "no more than the noise that is left at t_min=30, 30, hides: lower t_min"),
        (EDM(t_max=1.0), 1e4, "raise t_max=1,"),
    ],
)
def test_what_gave_no_copies_in_silence_is_named(process: Process, scale: float, named: str) -> None:
    _, said = from_exact_score(process, "ode", 20, scale)
    assert re.search(named, said[0]), said


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.name)
def test_usual_schedules_are_not_accused(process: Process) -> None:
    for solver in SOLVERS:
        distances, said = from_exact_score(process, solver, 10)
        assert not said
        assert float(distances.max()) < 1e-2
