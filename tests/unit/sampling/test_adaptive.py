"""The adaptive solver against scipy's, sample by sample; and samples that cannot be finished beside others that can."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from torch import Tensor

from mnemoscope.errors import LostSamplesError
from mnemoscope.processes import VariancePreserving
from mnemoscope.sampling import SOLVERS, adaptive, sample
from mnemoscope.scores import EmpiricalScore, ScoreFunction

PROCESS = VariancePreserving(t_min=1e-2, t_max=1.0, beta_min=0.1, beta_max=8.0)
FAR = 5.0
"""Where the scores below begin to misbehave; samples of N(0, 1) do not come there."""


def normal(x: Tensor, t: Tensor) -> Tensor:
    """The score of N(0, I), which moves nothing."""
    return -x


def spoilt(bad: Callable[[Tensor, Tensor], Tensor]) -> ScoreFunction:
    """Another score where the first coordinate is large."""
    return lambda x, t: torch.where(x[:, :1] > FAR, bad(x, t), normal(x, t))


SCORES = {
    "nan": lambda x, t: torch.full_like(x, torch.nan),
    "infinite": lambda x, t: torch.full_like(x, torch.inf),
    "nan-late": lambda x, t: torch.where(t[:, None] < 0.5, torch.nan, -x),
    "runs-away": lambda x, t: 3000.0 * x,
    "blows-up": lambda x, t: x**3,
}


def drawn(score: ScoreFunction, initial: Tensor, solver: str = "adaptive") -> Tensor:
    generator = torch.Generator().manual_seed(0)
    options = {"solver": solver, "tolerance": 1e-6, "n_steps": 20, "event_shape": initial.shape[1:]}
    return sample(score, PROCESS, len(initial), generator=generator, initial=initial, denoise=False, **options)


def test_every_sample_meets_its_tolerance_whatever_the_others_do(generator: torch.Generator) -> None:
    """A slow twin: scipy's rule of order 8 on one sample at a time, in t and not in log r."""
    points = torch.randn(4, 2, generator=generator, dtype=torch.float64)
    score = EmpiricalScore(points, PROCESS)
    initial = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    found = drawn(score, initial)

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        pulled = score(torch.from_numpy(x)[None], t)[0].numpy()
        return float(PROCESS.drift(t)) * x - float(PROCESS.diffusion(t)) ** 2 / 2 * pulled

    for start, end in zip(initial, found, strict=True):
        solved = solve_ivp(slope, (PROCESS.t_max, PROCESS.t_min), start.numpy(), "DOP853", rtol=1e-8, atol=1e-9)
        assert np.abs(solved.y[:, -1] - end.numpy()).max() < 1e-5


@settings(max_examples=15, deadline=None)
@given(
    kind=st.sampled_from(sorted(SCORES)),
    solver=st.sampled_from(SOLVERS),
    bad=st.lists(st.booleans(), min_size=1, max_size=6),
    double=st.booleans(),
)
def test_the_others_are_finished_and_the_lost_are_named(kind: str, solver: str, bad: list[bool], double: bool) -> None:
    if solver != "adaptive" and kind in ("runs-away", "blows-up"):
        kind = "nan"  # a fixed grid steps over what grows, and ends somewhere
    if solver == "sde" and kind == "nan-late":
        kind = "infinite"  # noise may have carried the sample off by then
    double = double and kind != "runs-away"  # as far as 1e308 is a long way
    initial = torch.randn(len(bad), 2, generator=torch.Generator().manual_seed(1)).double()
    lost = torch.tensor(bad)
    initial[lost, 0] += 10
    initial = initial if double else initial.float()
    alone = drawn(normal, initial, solver)
    if not any(bad):
        torch.testing.assert_close(drawn(spoilt(SCORES[kind]), initial, solver), alone, rtol=0, atol=0)
        return
    with pytest.raises(LostSamplesError) as caught:
        drawn(spoilt(SCORES[kind]), initial, solver)
    assert list(caught.value.times) == lost.nonzero()[:, 0].tolist()
    assert all(PROCESS.t_min <= t <= PROCESS.t_max * 1.001 for t in caught.value.times.values())
    if kind == "nan-late" and solver == "adaptive":
        assert list(caught.value.times.values()) == pytest.approx([0.5] * sum(bad), abs=0.01)
    assert caught.value.samples[lost].isnan().all()
    torch.testing.assert_close(caught.value.samples[~lost], alone[~lost], rtol=0, atol=1e-5)


def test_a_stiff_sample_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive, "HELD_UP", 100)
    initial = torch.tensor([[0.5, 0.5], [11.0, 0.0], [-1.0, 2.0]], dtype=torch.float64)
    stiff = spoilt(lambda x, t: -1e7 * (x - 10.0))
    said = r"^sample 1 is not finite: given up at t = .* \(1 of 3 samples"
    with pytest.raises(LostSamplesError, match=said) as caught:
        drawn(stiff, initial)
    torch.testing.assert_close(caught.value.samples[[0, 2]], drawn(normal, initial)[[0, 2]], rtol=0, atol=1e-5)


def test_the_error_crosses_processes() -> None:
    error = LostSamplesError({3: 0.5}, torch.zeros(4, 2))
    again = copy.copy(error)
    assert (str(again), again.times) == (str(error), {3: 0.5})
    assert again.samples.shape == (4, 2)
