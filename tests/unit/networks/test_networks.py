import pytest
import torch

from mnemoscope.errors import InputError
from mnemoscope.networks import MLP, NetworkScore, NetworkSpec, UNet, build_network, network_names
from mnemoscope.networks.score import predict_noise
from mnemoscope.processes import EDM, OrnsteinUhlenbeck
from tests.laws import PROCESSES


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (3, 8, 12), (8, 8, 3)])
def test_the_unet_keeps_every_image_layout(shape: tuple[int, ...], generator: torch.Generator) -> None:
    network = build_network(NetworkSpec("unet", shape, {"width": 8}), seed=0)
    x = torch.randn(2, *shape, generator=generator)
    assert network(x, torch.zeros(2)).shape == x.shape


def test_layouts_of_the_same_image_get_the_same_answer(generator: torch.Generator) -> None:
    first, last = UNet((3, 8, 8), width=8), UNet((8, 8, 3), width=8)
    last.load_state_dict(first.state_dict())
    x, level = torch.randn(2, 3, 8, 8, generator=generator), torch.tensor([-1.0, 2.0])
    torch.testing.assert_close(last(x.permute(0, 2, 3, 1), level).permute(0, 3, 1, 2), first(x, level))


@pytest.mark.parametrize("name", network_names())
def test_networks_feel_the_noise_level_of_each_item(name: str, generator: torch.Generator) -> None:
    network = build_network(NetworkSpec(name, (8, 8), {"width": 16}), seed=0)
    x = torch.randn(1, 8, 8, generator=generator).expand(3, 8, 8)
    out = network(x, torch.tensor([-3.0, -3.0, 1.0]))
    torch.testing.assert_close(out[0], out[1])
    assert (out[0] - out[2]).abs().max() > 1e-4


@pytest.mark.parametrize("name", network_names())
def test_weights_come_from_the_seed_alone(name: str) -> None:
    spec = NetworkSpec(name, (8, 8), {"width": 8})
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = build_network(spec, seed=4)
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    second, other = build_network(spec, seed=4), build_network(spec, seed=5)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: p.name)
def test_the_velocity_gives_score_and_denoiser(process: object, generator: torch.Generator) -> None:
    """A network that knows the velocity v = ᾱ ε − σ̄ x_0 gives back the noise and the clean item exactly."""
    x0, noise = torch.randn(2, 6, 3, generator=generator, dtype=torch.float64)
    t = torch.linspace(0.1, 1, 6, dtype=torch.float64) * process.t_max
    alpha, sigma = process.coefficients(x0, t)
    velocity = (alpha * noise - sigma * x0) / torch.sqrt(alpha**2 + sigma**2)

    class Oracle(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))

        def forward(self, x: torch.Tensor, noise_level: torch.Tensor) -> torch.Tensor:
            torch.testing.assert_close(noise_level, torch.log(sigma / alpha)[:, 0])
            return velocity

    score = NetworkScore(Oracle(), process, (3,))
    x = process.perturb(x0, t, noise)
    torch.testing.assert_close(score.noise(x, t), noise, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(score.denoiser(x, t), x0, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(score(x, t), process.score_from_noise(noise, t), rtol=1e-8, atol=1e-8)


def test_one_network_serves_every_process(generator: torch.Generator) -> None:
    """At the same noise-to-signal ratio, processes differ by a scale that the network does not see."""
    network = MLP((3,), width=16)
    ou, edm = OrnsteinUhlenbeck(), EDM()
    t = torch.tensor(0.4, dtype=torch.float64)
    x = torch.randn(5, 3, generator=generator)
    scaled = x / ou.alpha(t).float()
    torch.testing.assert_close(predict_noise(network, ou, x, t), predict_noise(network, edm, scaled, ou.ratio(t)))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("transformer", (8, 8)), "network: unknown name 'transformer'"),
        (("mlp", (8,), {"heads": 2}), "no option 'heads'.*width, depth"),
        (("mlp", (8,), {"width": 0}), "width must be a positive integer"),
    ],
)
def test_bad_specifications(arguments: tuple, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        NetworkSpec(*arguments)


@pytest.mark.parametrize(
    ("shape", "options", "complaint"),
    [
        ((5,), {}, "needs images"),
        ((9, 9), {}, "divisible by 2"),
        ((8, 8), {"scales": 5}, "divisible by 16"),
        ((8, 8), {"width": 12}, "multiple of 8"),
    ],
)
def test_what_the_unet_cannot_do(shape: tuple[int, ...], options: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build_network(NetworkSpec("unet", shape, options), seed=0)
