"""The exact score gives training items along any schedule, or the schedule is named."""

import re
import warnings

import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemoscope.errors import InputError
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, Process, VarianceExploding, VariancePreserving
from mnemoscope.sampling import SOLVERS, sample
from mnemoscope.scores import EmpiricalScore

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


@given(
    process=processes(),
    solver=st.sampled_from(SOLVERS),
    n_steps=st.integers(1, 64),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_samples_of_the_exact_score_are_training_items_or_the_schedule_is_named(
    process: Process, solver: str, n_steps: int, scale: float
) -> None:
    try:
        distances, said = from_exact_score(process, solver, n_steps, scale)
    except InputError as error:
        said, distances = [str(error)], torch.ones(1)
    if said:
        assert all(line.startswith(f"{process.name}: ") and "\n" not in line for line in said), said
        assert all(re.search("(raise|lower) (n_steps|t_min|t_max)", line) for line in said), said
    else:
        assert float(distances.max()) < 1e-2
