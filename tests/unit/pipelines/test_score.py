"""The score of a network of diffusers: the contract, times, classes, latents, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, EDMEulerScheduler, EulerDiscreteScheduler
from torch import nn

import mnemoscope as mn
from mnemoscope.errors import InputError
from mnemoscope.testing import ScoreContract
from tests.unit.pipelines.tiny import SIZE, autoencoder, transformer, unet


def scores():
    yield mn.from_diffusers(unet(), DDPMScheduler())
    yield mn.from_diffusers(unet(), EulerDiscreteScheduler(prediction_type="v_prediction"), event_shape=(SIZE, SIZE))
    yield mn.from_diffusers(unet(), EDMEulerScheduler(), event_shape=(SIZE, SIZE, 1))
    yield mn.from_diffusers(unet(num_class_embeds=3), DDIMScheduler(prediction_type="sample"), class_label=2)
    yield mn.from_diffusers(transformer(), DDIMScheduler(), class_label=10)


@pytest.mark.parametrize("which", range(5))
class TestContract(ScoreContract):
    double = False

    @pytest.fixture(autouse=True)
    def _each(self, which: int) -> None:
        self._score = list(scores())[which]

    def score(self) -> mn.Score:
        return self._score


@pytest.mark.parametrize("t", [500, 1.01, 0.0, -1.0, float("nan"), torch.tensor([0.5, 2.0])])
def test_a_time_on_another_scale_is_an_error(t) -> None:
    score = mn.from_diffusers(unet(), DDPMScheduler())
    with pytest.raises(InputError, match=r"t must lie between 0.001 and 1 .*time_of_step"):
        score(torch.zeros(2, 1, SIZE, SIZE), t)
    assert float(score.time_of_step(499)) == pytest.approx(0.5)


def test_another_process_is_an_error() -> None:
    score, generator = mn.from_diffusers(unet(), DDPMScheduler()), torch.Generator()
    with pytest.raises(InputError, match="process: the score belongs to discrete-steps"):
        mn.sample(score, mn.VariancePreserving(), 2, generator=generator)
    samples = mn.sample(score, score.process, 2, generator=generator, n_steps=3)
    assert samples.shape == (2, 1, SIZE, SIZE)


def test_a_monitor_takes_it() -> None:
    train, test = mn.load("digits").take(np.arange(120)).split(60, 0)
    score = mn.from_diffusers(unet(), DDPMScheduler(), event_shape=(SIZE, SIZE))
    images = train.take(np.arange(60)).to_model()
    monitor = mn.MemorizationMonitor(images, test.to_model(), score.process, n_items=32)
    assert monitor.update(score, 1).step == 1
    with pytest.raises(InputError, match="the score belongs to"):
        mn.MemorizationMonitor(images, test.to_model(), mn.VariancePreserving(), n_items=32).update(score, 1)


def test_layouts_are_the_same_score() -> None:
    network, x = unet(), torch.randn(2, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    first, last, none = (
        mn.from_diffusers(network, DDPMScheduler(), event_shape=shape)
        for shape in ((1, SIZE, SIZE), (SIZE, SIZE, 1), (SIZE, SIZE))
    )
    expected = first(x[:, None], 0.3)[:, 0]
    torch.testing.assert_close(last(x[..., None], 0.3)[..., 0], expected)
    torch.testing.assert_close(none(x, 0.3), expected)


def test_classes_differ_and_networks_come_back_in_their_mode() -> None:
    network, x = unet(num_class_embeds=3).train(), torch.ones(1, 1, SIZE, SIZE)
    one, other = (mn.from_diffusers(network, DDPMScheduler(), class_label=label) for label in (0, 1))
    assert not torch.allclose(one(x, 0.5), other(x, 0.5))
    assert network.training


def test_learned_variances_are_left_out() -> None:
    network = transformer()
    score, x = mn.from_diffusers(network, DDIMScheduler(), class_label=1), torch.ones(2, 4, SIZE, SIZE)
    step = torch.tensor([300, 300])
    with torch.no_grad():
        expected = network(x, timestep=step, class_labels=torch.tensor([1, 1])).sample[:, :4]
        torch.testing.assert_close(score.noise(x, score.time_of_step(300)), expected)


def test_latents() -> None:
    coder = autoencoder()
    score = mn.from_diffusers(transformer(), DDIMScheduler(), class_label=1, autoencoder=coder)
    images = torch.rand(2, 3, 2 * SIZE, 2 * SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    latents = score.encode(images)
    assert latents.shape == (2, *score.event_shape)
    with torch.no_grad():
        torch.testing.assert_close(latents, 0.25 * coder.encode(images).latent_dist.mode())
        torch.testing.assert_close(score.decode(latents), coder.decode(latents / 0.25).sample)
    with pytest.raises(InputError, match=r"autoencoder: cannot encode items of shape \(1, 8, 8\)"):
        score.encode(images[:, :1, :8, :8])
    with pytest.raises(InputError, match="autoencoder: the score has none"):
        mn.from_diffusers(unet(), DDPMScheduler()).encode(images)


class Returning(nn.Module):
    """A network that returns what it is told."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function, self.config = function, {"in_channels": 1, "sample_size": 4}

    def forward(self, sample, timestep):
        return self.function(sample)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x, 1),
        lambda x: [x],
        lambda x: x,
        lambda x: SimpleNamespace(sample=x),
        lambda x: torch.cat([x, x / 0], dim=1),
        lambda x: None,
        lambda x: x[..., :1],
        lambda x: x[:, 0],
        lambda x: x.long(),
        lambda x: torch.cat([x, x, x], dim=1),
        lambda x: x / 0,
        lambda x: (),
        lambda x: x.nonsense,
    ],
)
def test_what_a_model_returns_is_read_or_one_line(function) -> None:
    try:
        score, said = mn.from_diffusers(Returning(function), DDPMScheduler()), None
    except InputError as error:
        score, said = None, str(error)
    if score is None:
        assert said.startswith("Returning: ")
        assert "\n" not in said
    else:
        x = torch.ones(2, 1, 4, 4)
        torch.testing.assert_close(score.noise(x, 0.5), x)


@pytest.mark.parametrize(
    ("build", "options", "complaint"),
    [
        (lambda: nn.Linear(1, 1), {}, "Linear: its forward has no argument 'timestep'"),
        (lambda: unet(num_class_embeds=3), {}, "UNet2DModel: is class-conditional: class_label"),
        (transformer, {}, "DiTTransformer2DModel: is class-conditional"),
        (lambda: unet(num_class_embeds=3), {"class_label": 3}, "class_label must be at most 2, got 3"),
        (unet, {"class_label": 0}, "class_label: UNet2DModel knows no classes"),
        (unet, {"event_shape": (3, 8, 8)}, r"event_shape \(3, 8, 8\) does not fit UNet2DModel, which takes 1 channels"),
        (unet, {"event_shape": (1, 7, 7)}, r"UNet2DModel: cannot be evaluated on an item of shape \(1, 7, 7\)"),
        (unet, {"inputs": {"nonsense": 1}}, "UNet2DModel: cannot be evaluated on an item .*nonsense"),
        (lambda: unet(sample_size=None), {}, "event_shape is needed: the configuration of UNet2DModel"),
        (unet, {"autoencoder": nn.Linear(1, 1)}, "autoencoder must have encode and decode, Linear has not"),
    ],
)
def test_what_is_refused(build, options: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        mn.from_diffusers(build(), DDPMScheduler(), **options)
