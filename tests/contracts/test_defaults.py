"""Nothing in the library depends on torch's default dtype or default device."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import mnemoscope as mn
from mnemoscope import mean_field, random_features, residual, theory
from mnemoscope.auditing import mmd_squared
from mnemoscope.monitoring import MemorizationMonitor
from mnemoscope.networks import NetworkScore, NetworkSpec, build_network
from mnemoscope.sampling import SOLVERS
from mnemoscope.scores import (
    EmpiricalBayesScore,
    KernelSmoothedScore,
    LawScore,
    TemperedScore,
    collapse_time,
    condition_weights,
)
from mnemoscope.theory import large_steps
from mnemoscope.training import TrainingSpec, fit, sharpness
from tests.laws import PROCESSES

PROCESS = mn.VariancePreserving()
X = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
X64 = X.double()
H = torch.randn(60, 2, generator=torch.Generator().manual_seed(1))
MIXTURE = mn.GaussianMixture(X64[:2], torch.eye(3, dtype=torch.float64).expand(2, 3, 3).clone())
POINTS = large_steps.NoisedPoints(X64[:6, 0].sort().values, 0.9, 0.3)
NEURONS = large_steps.Neurons(*(X64[:5, i] for i in range(3)))


def g() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def processes() -> list[Tensor]:
    found = []
    for p in PROCESSES:
        found += [p.alpha(0.5), p.sigma(0.5), p.drift(0.5), p.diffusion(0.5), p.time_of(1.5), p.ratio(0.5)]
        found += [
            p.forward(X, 0.3, g()),
            p.denoiser_from_score(X, X, torch.full((60,), 0.5, dtype=torch.float32, device="cpu")),
        ]
    return found


def samples() -> list[Tensor]:
    score = mn.EmpiricalScore(X, PROCESS)
    found = [
        mn.sample(score, PROCESS, 4, generator=g(), solver=solver, n_steps=4, tolerance=1e-3) for solver in SOLVERS
    ]
    plain = mn.sample(lambda x, t: -x * t[:, None], PROCESS, 4, generator=g(), n_steps=4, event_shape=(3,))
    return [*found, plain, LawScore(MIXTURE, PROCESS).sample(5, g()), mn.sampling.ratio_grid(PROCESS, 5)]


def scores() -> list[Tensor]:
    few, weights = X[:40], condition_weights(X[:, 0], 0.1, sigma=0.5)
    built = [
        mn.EmpiricalScore(few, PROCESS),
        mn.EmpiricalScore(X.numpy(), PROCESS, weights),
        mn.TikhonovScore(few, PROCESS, 0.1),
        mn.TikhonovScore(few, PROCESS, 0.1, "covariance"),
        EmpiricalBayesScore(few, PROCESS, 0.1),
        TemperedScore(few, PROCESS, 2.0),
        KernelSmoothedScore(few, PROCESS, 0.3, generator=g(), n_draws=2),
        LawScore(MIXTURE, PROCESS),
    ]
    found = [score(x, t) for score in built for x in (X, X64) for t in (0.01, 0.5)]
    empirical = built[0]
    return [
        *found,
        built[-1].log_density(X64, 0.5),
        empirical.weights(X, 0.5),
        empirical.effective_number(X, 0.5),
        empirical.log_density(X, 0.5),
        collapse_time(empirical, generator=g(), n_draws=16),
    ]


def audits() -> list[object]:
    report = mn.audit(X[:40] + 0.01, X, holdout=X64.numpy()[:40] + 1, measures=["distance-ratio"])
    monitor = MemorizationMonitor(X, X + 0.5, PROCESS, n_samples=40, n_steps=2)
    look = monitor.update(lambda x, t: -x * t[:, None], 1)
    alone = mn.audit(X64.numpy()[:40] + 0.01, X)
    return [
        report.verdict,
        report.nearest.distances,
        look.result.rate,
        alone.null_nearest.distances,
        mmd_squared(X, H @ H.mT[:, :3]),
    ]


def networks() -> list[Tensor]:
    found = []
    for name, shape in (("mlp", (3,)), ("two-layer", (3,)), ("residual", (3,)), ("unet", (8, 8))):
        network = build_network(NetworkSpec(name, shape, {"width": 8}), seed=2)
        score = NetworkScore(network, PROCESS, shape)
        x = torch.zeros(2, *shape, dtype=torch.float32, device="cpu")
        found += [score(x + 0.5, 0.3), mn.sample(score, PROCESS, 2, generator=g(), n_steps=2)]
    return [part.detach() for part in found]


def training() -> list[object]:
    network = build_network(NetworkSpec("mlp", (3,), {"width": 8}), seed=2)
    found = [
        fit(network, X, PROCESS, TrainingSpec(steps=3, batch_size=4, noise_draws=draws, optimizer=optimizer))
        for draws, optimizer in ((2, "adam"), (float("inf"), "sgd"))
    ]

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        level = torch.zeros(60, dtype=torch.float32, device="cpu")
        return torch.func.functional_call(network, parameters, (X, level)).square().mean()

    largest = sharpness(loss, dict(network.named_parameters()))
    return [*(result.losses for result in found), *(p.detach() for p in network.parameters()), largest]


def random_feature_models() -> list[Tensor]:
    grid = []
    for time in (0.01, 0.5, 1.0):
        score = random_features.RandomFeatureScore((3,), 6, PROCESS, time, generator=g())
        moments = random_features.collect_moments(score, X, noise_draws=2, generator=g())
        score.set_readout(random_features.ridge_readout(moments, 0.1))
        grid.append(score)
        flow = random_features.GradientFlow(moments, 0.1)
        found = [flow.readout(3.0), flow.losses(torch.tensor([1.0, 2.0], device="cpu").double(), moments)]
    options = {"noise_draws": 2, "learning_rate": 0.1, "steps": 2, "batch_size": 4, "generator": g()}
    found.append(random_features.stochastic_gradient_descent(score, X, **options))
    spec = random_features.RandomFeatureSpec(n_features=6, noise_draws=2, n_times=3)
    fitted = random_features.fit_random_features(X, PROCESS, spec)
    return [*found, *(model(X, 0.4).detach() for model in (random_features.RandomFeatureGrid(grid), fitted))]


def mean_fields() -> list[Tensor]:
    found = []
    for dim in (1, 3):
        networks = mean_field.TwoLayerBatch.draw(dim, dim, 7, [g(), g()])
        data = torch.stack([X[:, :dim], X[:, :dim]])
        draw = mean_field.denoising_draws(data, PROCESS, [0.3, 0.4], 5, [g(), g()])
        result = mean_field.stochastic_descent(networks, draw, learning_rates=[0.1, 0.1], steps=[4, 3])
        found += [*result, networks.inner, networks.bias, networks.outer]
    return found


def residual_stacks() -> list[object]:
    found: list[object] = []
    for kind in ("tied", "smooth", "iid"):
        branches = residual.ResidualBranches(2, 4, 6, initialization=kind, generator=g())
        with torch.no_grad():
            branches.outer.copy_(residual.initial_layers(kind, 6, (2, 4), generator=g()))
        network = residual.ResidualMLP(2, 2, branches)
        ode = residual.neural_ode(network)
        found += [network(H).detach(), ode(H), ode(H, steps=3), residual.smoothness(network, shuffles=5).verdict]
        found += [residual.resample_depth(network, 4, H).error, residual.polyak_lojasiewicz(network, H, H)]
    times = torch.tensor([0.0, 0.1, 0.2], dtype=torch.float32, device="cpu")
    found.append(residual.gradient_flow(network, H, 0.5 * H, times=times))
    return [*found, [step.loss for step in residual.descend(network, H, H, learning_rate=0.1, steps=2)]]


def theories() -> list[object]:
    g0 = torch.Generator().manual_seed(0)
    return [
        large_steps.optimal_risk(POINTS),
        large_steps.relu_risk(POINTS, NEURONS),
        large_steps.excess_risk(POINTS, lambda y: -y),
        large_steps.monte_carlo_risk(POINTS, lambda y: -y, 50, g0),
        large_steps.relu_irregularity(POINTS, NEURONS),
        large_steps.smooth_irregularity(POINTS, lambda y: torch.sin(y)),
        theory.predict(psi_n=2.0, psi_p=3.0, noise_draws=1, time=0.1, ridge=0.1).payload()["test_loss"],
        theory.learning_curve(psi_n=2.0, psi_p=[1.0, 3.0], noise_draws=2, time=0.1, ridge=0.1).test_loss.values,
    ]


GROUPS = [
    processes,
    samples,
    scores,
    audits,
    networks,
    training,
    random_feature_models,
    mean_fields,
    residual_stacks,
    theories,
]


def plain(value: object) -> object:
    return value.detach().numpy() if isinstance(value, Tensor) else value


@pytest.fixture
def other_defaults() -> object:
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_results_are_the_same_whatever_the_defaults(
    group: Callable[[], list[object]], request: pytest.FixtureRequest
) -> None:
    usual = group()
    request.getfixturevalue("other_defaults")
    assert nn.Linear(1, 1).weight.device.type == "meta"
    for index, (before, now) in enumerate(zip(usual, group(), strict=True)):
        if isinstance(before, Tensor):
            assert isinstance(now, Tensor)
            assert (now.dtype, now.device.type) == (before.dtype, "cpu"), index
        np.testing.assert_array_equal(plain(before), plain(now), err_msg=f"result {index}")


def test_what_is_made_on_import_does_not_follow_the_defaults(other_defaults: object) -> None:
    # A second copy: reloading would leave the other tests with classes of the first.
    spec = importlib.util.find_spec("mnemoscope.theory.large_steps.quadrature")
    assert spec is not None
    assert spec.loader is not None
    quadrature = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(quadrature)
    constants = [value for value in vars(quadrature).values() if isinstance(value, Tensor)]
    assert constants
    assert {(value.dtype, value.device.type) for value in constants} == {(torch.float64, "cpu")}


@pytest.mark.slow
def test_the_adaptive_solver_may_be_first_used_in_other_defaults() -> None:
    program = """
import torch
torch.set_default_dtype(torch.float64)
torch.set_default_device("meta")
import mnemoscope as mn
x = torch.zeros(4, 2, dtype=torch.float32, device="cpu")
process, generator = mn.OrnsteinUhlenbeck(), torch.Generator().manual_seed(0)
drawn = mn.sample(mn.EmpiricalScore(x, process), process, 2, generator=generator, solver="adaptive", tolerance=1e-2)
assert (drawn.device.type, drawn.dtype) == ("cpu", torch.float32), drawn
"""
    subprocess.run([sys.executable, "-c", program], check=True)
