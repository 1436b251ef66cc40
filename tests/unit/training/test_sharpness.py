"""λ_max by Lanczos against the Hessian written out, and errors that must not become numbers."""

import importlib
import math

import numpy as np
import pytest
import torch

from mnemoscope.errors import ConvergenceError, InputError
from mnemoscope.mean_field import TwoLayerBatch
from mnemoscope.networks import NetworkSpec, build_network, network_names
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.theory.large_steps import Neurons, NoisedPoints, relu_risk
from mnemoscope.training import denoising_loss, hessian_product, sharpness, stability_ratio


def quadratic(eigenvalues: torch.Tensor):
    basis = torch.linalg.qr(
        torch.randn(len(eigenvalues), len(eigenvalues), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    )[0]
    return lambda p: ((p["a"] @ basis) ** 2 * eigenvalues).sum() / 2


@pytest.mark.parametrize("size", [1, 5, 60])
def test_a_quadratic_has_the_eigenvalue_it_was_given(size: int) -> None:
    eigenvalues = torch.linspace(-9, 3, size, dtype=torch.float64) if size > 1 else torch.tensor([3.0]).double()
    zeros = {"a": torch.zeros(size, dtype=torch.float64)}
    assert sharpness(quadratic(eigenvalues), zeros) == pytest.approx(3, rel=1e-4)


def test_lanczos_finds_what_eigvalsh_finds_on_the_exact_risk() -> None:
    points = NoisedPoints(torch.linspace(-1, 1, 6), 0.9, 0.3)
    neurons = Neurons(
        *TwoLayerBatch.draw(1, 1, 20, [torch.Generator().manual_seed(3)], dtype=torch.float64).scalar_weights()
    )
    inner, bias, outer = (weights[0] for weights in neurons)

    def risk(p: dict[str, torch.Tensor]) -> torch.Tensor:
        return relu_risk(points, Neurons(inner, p["bias"], p["outer"]))

    parameters = {"bias": bias, "outer": outer}
    slope = torch.func.jacrev(lambda flat: risk({"bias": flat[:20], "outer": flat[20:]}))
    dense = torch.func.jacrev(slope)(torch.cat([bias, outer]))
    assert sharpness(risk, parameters) == pytest.approx(float(torch.linalg.eigvalsh(dense)[-1]), rel=1e-4)
    product = hessian_product(risk, parameters)
    vector = np.random.default_rng(0).standard_normal(40)
    np.testing.assert_allclose(product(vector), dense.numpy() @ vector, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("name", network_names())
def test_every_network_of_the_library_has_a_sharpness(name: str, generator: torch.Generator) -> None:
    """Lanczos against power iteration on a shifted Hessian, which is slow and obvious."""
    process, network = OrnsteinUhlenbeck(), build_network(NetworkSpec(name, (4, 4), {"width": 8}), seed=0)
    x0, noise = torch.randn(2, 6, 4, 4, generator=generator)
    t = torch.linspace(0.1, 2, 6)
    parameters = {f"network.{k}": v for k, v in network.named_parameters()}

    class Loss(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self) -> torch.Tensor:
            return denoising_loss(self.network, process, x0, t, noise)

    module = Loss()
    loss = lambda p: torch.func.functional_call(module, p, ())  # noqa: E731
    found = sharpness(loss, parameters, tolerance=1e-3)
    product = hessian_product(loss, parameters)
    vector = np.random.default_rng(1).standard_normal(sum(p.numel() for p in parameters.values()))
    for _ in range(30):
        vector = product(vector) + found * vector
        vector /= np.linalg.norm(vector)
    assert found > 0
    assert float(vector @ product(vector)) == pytest.approx(found, rel=0.02)


@pytest.mark.parametrize(
    ("loss", "complaint"),
    [
        (lambda p: p["a"].sum() * math.nan, "loss is nan"),
        (lambda p: p["a"].sum() * 0, "Lanczos"),
        (lambda p: (p["a"] ** 1.5).sum(), "Hessian is not finite"),
    ],
)
def test_errors_never_become_a_number(loss, complaint: str) -> None:
    with pytest.raises(ConvergenceError, match=complaint):
        sharpness(loss, {"a": torch.zeros(30, dtype=torch.float64)})


def test_an_iteration_that_is_cut_short_says_so() -> None:
    eigenvalues = torch.linspace(0, 1, 400, dtype=torch.float64)
    with pytest.raises(ConvergenceError, match="Lanczos"):
        sharpness(quadratic(eigenvalues), {"a": torch.zeros(400, dtype=torch.float64)}, tolerance=1e-12, max_steps=1)


def test_an_answer_that_is_no_eigenvalue_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever Lanczos says is held against the Hessian once more."""
    module = importlib.import_module("mnemoscope.training.sharpness")
    monkeypatch.setattr(module, "eigsh", lambda *_, **__: (np.array([2.0]), np.ones((40, 1)) / math.sqrt(40)))
    eigenvalues = torch.linspace(0, 1, 40, dtype=torch.float64)
    with pytest.raises(ConvergenceError, match="Lanczos ended at 2 with a residual"):
        sharpness(quadratic(eigenvalues), {"a": torch.zeros(40, dtype=torch.float64)})


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="there are none"):
        sharpness(lambda p: torch.zeros(()), {})
    with pytest.raises(InputError, match="must return one number"):
        sharpness(lambda p: p["a"], {"a": torch.zeros(3)})


def test_the_ratio_is_one_at_the_edge() -> None:
    assert stability_ratio(0.5, 100, 2 / (100 * 0.5)) == pytest.approx(1)
