"""What a network predicts: every prediction is the same score, by the formulas of the papers that have them."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemoscope.errors import InputError
from mnemoscope.networks import NetworkScore, NetworkSpec, Prediction, build_network
from mnemoscope.networks.predictions import PREDICTIONS
from mnemoscope.networks.score import predict_noise
from mnemoscope.processes import EDM, OrnsteinUhlenbeck, Process, VariancePreserving

PROCESSES = [EDM(), OrnsteinUhlenbeck(), VariancePreserving()]


class Knows(torch.nn.Module):
    """A network that returns what it was given, and remembers what it was asked."""

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__()
        self.unused = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.answer = answer

    def forward(self, x: torch.Tensor, noise_level: torch.Tensor) -> torch.Tensor:
        self.asked = x
        return self.answer


def target(name: str, x0: torch.Tensor, noise: torch.Tensor, alpha: Any, sigma: Any, s: float) -> torch.Tensor:
    """What each must output for the score to be −ε/σ, item by item as the papers write it."""
    if name == "edm":  # Karras et al. 2022, table 1, for data y = x_0 and noise of standard deviation r
        r = sigma / alpha
        skip, out = s**2 / (r**2 + s**2), r * s / (r**2 + s**2) ** 0.5
        return (x0 - skip * (x0 + r * noise)) / out
    total = (alpha**2 + sigma**2) ** 0.5
    velocity = (alpha * noise - sigma * x0) / total
    return {"velocity": velocity, "noise": noise, "denoiser": x0, "score": -noise / sigma}[name]


@settings(max_examples=25)
@given(
    name=st.sampled_from(PREDICTIONS),
    process=st.sampled_from(PROCESSES),
    share=st.floats(0.02, 1),
    data_std=st.floats(0.1, 3),
    seed=st.integers(0, 9),
)
def test_every_prediction_is_the_same_score(
    name: str, process: Process, share: float, data_std: float, seed: int
) -> None:
    x0, noise = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    t = torch.full((4,), share * process.t_max, dtype=torch.float64)
    alpha, sigma = (float(each(t[0])) for each in (process.alpha, process.sigma))
    network = Knows(target(name, x0, noise, alpha, sigma, data_std))
    x = alpha * x0 + sigma * noise
    score = NetworkScore(network, process, (3,), Prediction(name, data_std))
    torch.testing.assert_close(score(x, t), -noise / sigma, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(score.denoiser(x, t), x0, rtol=1e-7, atol=1e-7)
    inside = alpha**2 * data_std**2 + sigma**2 if name == "edm" else alpha**2 + sigma**2
    torch.testing.assert_close(network.asked, x / inside**0.5)


def test_edm_at_unit_data_is_the_velocity_with_the_other_sign(generator: torch.Generator) -> None:
    network = build_network(NetworkSpec("mlp", (3,), {"width": 8}), 0)

    class Negative(torch.nn.Module):
        def forward(self, x: torch.Tensor, noise_level: torch.Tensor) -> torch.Tensor:
            return -network(x, noise_level)

    x, t = torch.randn(5, 3, generator=generator), torch.linspace(0.1, 2, 5)
    found = predict_noise(Negative(), EDM(), x, t, Prediction("edm", 1.0))
    torch.testing.assert_close(found, predict_noise(network, EDM(), x, t))


@pytest.mark.parametrize("name", ["mlp", "unet", "dit"])
def test_classes(name: str, generator: torch.Generator) -> None:
    """Labels matter, none is the last one, guidance goes on in a straight line; without classes labels are refused."""
    spec = NetworkSpec(name, (4, 4), {"width": 16, "classes": 3})
    network = build_network(spec, 0)
    process, x, t = OrnsteinUhlenbeck(), torch.randn(2, 4, 4, generator=generator), 0.5
    level = torch.log(process.ratio(t)).float().expand(2)
    with torch.no_grad():
        network.eval()
        each = [network(x, level, torch.full((2,), label)) for label in range(4)]
        torch.testing.assert_close(network(x, level), each[3])
    assert min((each[a] - each[b]).abs().max() for a in range(4) for b in range(a)) > 1e-4
    without, given, far = (
        NetworkScore(network, process, (4, 4), label=label, guidance=w).noise(x, t)
        for label, w in ((None, 1.0), (1, 1.0), (1, 3.0))
    )
    torch.testing.assert_close(far, without + 3 * (given - without))
    with pytest.raises(InputError, match="label must be at most 2"):
        NetworkScore(network, process, (4, 4), label=3)
    with pytest.raises(InputError, match="guidance"):
        NetworkScore(network, process, (4, 4), guidance=2.0)
    plain = build_network(NetworkSpec(name, (4, 4), {"width": 16}), 0)
    with pytest.raises(InputError, match="takes no labels"):
        plain(x, level, torch.zeros(2, dtype=torch.long))
    with pytest.raises(InputError, match="takes no labels"):
        NetworkScore(plain, process, (4, 4), label=1)


@pytest.mark.parametrize(
    ("shape", "options", "complaint"),
    [
        ((5,), {}, "needs images"),
        ((4, 8), {}, "square images"),
        ((6, 6), {"patch": 4}, "divisible by patch=4"),
        ((4, 4), {"width": 16, "heads": 3}, "multiple of 4 and of heads=3"),
        ((4, 4), {"width": 18, "heads": 3}, "multiple of 4 and of heads=3"),
    ],
)
def test_what_the_dit_cannot_do(shape: tuple[int, ...], options: dict[str, int], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build_network(NetworkSpec("dit", shape, options), seed=0)


@pytest.mark.parametrize(("name", "data_std"), [("epsilon", 1.0), ("edm", 0.0)])
def test_no_predictions(name: str, data_std: float) -> None:
    with pytest.raises(InputError, match="predicts" if name == "epsilon" else "data_std"):
        Prediction(name, data_std)
