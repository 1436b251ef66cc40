import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemoscope.errors import InputError
from mnemoscope.processes import (
    EDM,
    OrnsteinUhlenbeck,
    Process,
    VarianceExploding,
    VariancePreserving,
    make_process,
    process_names,
)
from mnemoscope.testing import ProcessContract
from tests.laws import PROCESSES
from tests.tolerances import EXACT

fractions = st.floats(0.001, 1.0)
every_process = pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)


class TestContract(ProcessContract):
    @pytest.fixture(autouse=True, params=PROCESSES, ids=lambda p: p.name)
    def _each(self, request: pytest.FixtureRequest) -> None:
        self._process = request.param

    def process(self) -> Process:
        return self._process


@every_process
@given(fraction=fractions)
def test_drift_and_diffusion_follow_from_the_kernel(process: Process, fraction: float) -> None:
    t = torch.tensor(fraction * process.t_max, dtype=torch.float64, requires_grad=True)
    # "+ 0 t" gives autograd a path where α is constant.
    (drift,) = torch.autograd.grad(process.alpha(t).log() + 0 * t, t)
    (variance_slope,) = torch.autograd.grad(process.sigma(t) ** 2, t)
    assert process.drift(t).item() == pytest.approx(drift.item(), rel=1e-10, abs=EXACT)
    expected = variance_slope - 2 * drift * process.sigma(t) ** 2
    assert (process.diffusion(t) ** 2).item() == pytest.approx(expected.item(), rel=1e-9)


@every_process
@given(fraction=fractions)
def test_time_of_inverts_ratio(process: Process, fraction: float) -> None:
    t = torch.tensor(fraction * process.t_max, dtype=torch.float64)
    ratio = process.ratio(t)
    assert ratio.item() == pytest.approx((process.sigma(t) / process.alpha(t)).item(), rel=1e-10)
    assert process.time_of(ratio).item() == pytest.approx(t.item(), rel=1e-10)


def test_settings_of_baptista_et_al() -> None:
    low = (2 * math.log(10)) ** -0.5
    exploding = VarianceExploding(sigma_min=low, sigma_max=10 * low)
    preserving = VariancePreserving(beta_min=0.001, beta_max=3)
    for t in (0.1, 0.5, 1.0):
        assert exploding.diffusion(t).item() == pytest.approx(10**t)
        assert exploding.sigma(t).item() ** 2 == pytest.approx((10 ** (2 * t) - 1) / (2 * math.log(10)))
        assert preserving.diffusion(t).item() ** 2 == pytest.approx(0.001 + 2.999 * t)


def test_constant_beta_is_ornstein_uhlenbeck() -> None:
    constant = VariancePreserving(beta_min=2.0, beta_max=2.0)
    t = torch.tensor([0.1, 0.7], dtype=torch.float64)
    torch.testing.assert_close(constant.alpha(t), OrnsteinUhlenbeck().alpha(t))
    torch.testing.assert_close(constant.time_of(constant.ratio(t)), t)


@every_process
def test_spec_builds_the_same_process(process: Process) -> None:
    assert make_process(**process.spec()) == process


@pytest.mark.parametrize(
    ("build", "named"),
    [
        (lambda: make_process("brownian"), "brownian"),
        (lambda: make_process("edm", sigma=1.0), "sigma"),
        (lambda: EDM(t_min=0.0), "t_min"),
        (lambda: EDM(t_min=2.0, t_max=1.0), "t_max"),
        (lambda: VariancePreserving(beta_min=-1.0), "beta_min"),
        (lambda: VarianceExploding(sigma_min=2.0, sigma_max=1.0), "sigma_max"),
    ],
)
def test_bad_parameters_are_named(build: object, named: str) -> None:
    with pytest.raises(InputError, match=named):
        build()


def test_names() -> None:
    assert process_names() == [process.name for process in PROCESSES]
