"""What is read of a scheduler, against what the scheduler itself does."""

import diffusers
import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, EDMEulerScheduler, EulerDiscreteScheduler

from mnemoscope.errors import InputError
from mnemoscope.pipelines import from_diffusers, read_scheduler
from mnemoscope.processes import EDM, DiscreteSteps, Process
from mnemoscope.sampling import ancestral_step
from mnemoscope.testing import ProcessContract
from tests.unit.pipelines.tiny import SIZE, unet

TABLES = [DDPMScheduler, DDIMScheduler, EulerDiscreteScheduler]
SHAPE = (3, 1, SIZE, SIZE)


def normal(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("betas", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@pytest.mark.parametrize("kind", TABLES)
def test_the_process_adds_noise_as_the_scheduler_does(kind, betas: str) -> None:
    scheduler = kind(beta_schedule=betas)
    schedule = read_scheduler(scheduler)
    x0, noise, steps = normal(0), normal(1), torch.tensor([0, 400, 999])
    if kind is EulerDiscreteScheduler:  # finds its own times by their number
        steps = steps.float()
    t = schedule.time_of(steps.double())
    torch.testing.assert_close(schedule.process.perturb(x0, t, noise), scheduler.add_noise(x0, noise, steps))
    torch.testing.assert_close(schedule.network_time(t), steps.double(), rtol=0, atol=1e-6)


def test_edm_and_continuous_times() -> None:
    scheduler = EDMEulerScheduler(sigma_min=0.01, sigma_max=30.0)
    schedule = read_scheduler(scheduler)
    assert schedule.process == EDM(0.01, 30.0)
    steps = scheduler.timesteps[[0, 500, 1000]]
    x0, noise = normal(0), normal(1)
    perturbed = schedule.process.perturb(x0, schedule.time_of(steps.double()), noise)
    torch.testing.assert_close(perturbed, scheduler.add_noise(x0, noise, steps))
    options = {"timestep_type": "continuous", "prediction_type": "v_prediction"}
    found = read_scheduler(EulerDiscreteScheduler(sigma_min=0.01, sigma_max=30.0, **options))
    assert found.process == EDM(0.01, 30.0)
    assert float(found.network_time(torch.tensor(4.0))) == pytest.approx(torch.tensor(4.0).log().item() / 4)


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize(("clip", "n_steps"), [(False, 1000), (False, 20)])
def test_one_step_of_its_own_sampler_is_a_step_along_the_score(prediction: str, clip: bool, n_steps: int) -> None:
    """DDIM's step is Euler's in y = x/α and r = σ/α; DDPM's is the ancestral one, with the same draw."""
    network = unet().eval()
    scheduler = DDIMScheduler(prediction_type=prediction, clip_sample=clip)
    score = from_diffusers(network, scheduler)
    scheduler.set_timesteps(n_steps)
    step, x = scheduler.timesteps[3], normal(2)
    earlier = step - 1000 // n_steps
    t, before = score.time_of_step(step), score.time_of_step(earlier)
    process = score.process
    with torch.no_grad():
        output = network(x, step).sample
        expected = scheduler.step(output, step, x).prev_sample
        y = x / process.alpha(t).float() + (process.ratio(before) - process.ratio(t)).float() * score.noise(x, t)
    torch.testing.assert_close(process.alpha(before).float() * y, expected, rtol=1e-4, atol=1e-4)

    ancestral = DDPMScheduler(prediction_type=prediction, clip_sample=clip)
    ancestral.set_timesteps(n_steps)
    expected = ancestral.step(output, step, x, generator=torch.Generator().manual_seed(5)).prev_sample
    with torch.no_grad():
        found = ancestral_step(
            lambda y, r: score.noise(process.alpha(t).float() * y, t),
            x / process.alpha(t).float(),
            process.ratio(t),
            process.ratio(before),
            torch.Generator().manual_seed(5),
        )
    torch.testing.assert_close(process.alpha(before).float() * found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "scheduler",
    [
        EulerDiscreteScheduler(),
        EulerDiscreteScheduler(prediction_type="v_prediction", use_karras_sigmas=True),
        EulerDiscreteScheduler(
            prediction_type="v_prediction", timestep_type="continuous", sigma_min=0.01, sigma_max=80.0
        ),
        EDMEulerScheduler(),
        EDMEulerScheduler(prediction_type="v_prediction", sigma_data=0.3),
    ],
    ids=["euler", "karras", "continuous", "edm", "edm-v"],
)
def test_a_step_of_eulers_is_one_along_the_score(scheduler) -> None:
    network = unet().eval()
    score = from_diffusers(network, scheduler)
    scheduler.set_timesteps(20)
    step, sigma, after = scheduler.timesteps[5], *scheduler.sigmas[5:7]
    x = sigma * normal(2)
    with torch.no_grad():
        output = network(scheduler.scale_model_input(x, step), step).sample
        expected = scheduler.step(output, step, x).prev_sample
        found = x + (after - sigma) * score.noise(x, sigma)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_a_last_step_without_signal_is_not_used() -> None:
    scheduler = DDIMScheduler(rescale_betas_zero_snr=True, prediction_type="v_prediction")
    assert float(scheduler.alphas_cumprod[-1]) == 0
    process = read_scheduler(scheduler).process
    assert process.t_max == 0.999
    assert bool(process.ratio(process.t_max).isfinite())


@pytest.mark.parametrize("name", [name for name in dir(diffusers.schedulers) if name.endswith("Scheduler")])
def test_every_scheduler_is_read_or_refused_by_name(name: str) -> None:
    try:
        scheduler = getattr(diffusers.schedulers, name)()
    except Exception:
        pytest.skip("needs arguments or another library")
    try:
        schedule, said = read_scheduler(scheduler), ""
    except InputError as error:
        schedule, said = None, str(error)
    read = {"DDPMScheduler", "DDIMScheduler", "PNDMScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler"}
    read |= {"EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler", "EDMEulerScheduler"}
    if schedule is None:
        assert "\n" not in said
        assert name in said
        assert name not in read
    else:
        assert isinstance(schedule.process, DiscreteSteps | EDM)
        assert "FlowMatch" not in name


def test_other_predictions_and_things_are_refused() -> None:
    other = EDMEulerScheduler()
    other.register_to_config(prediction_type="sample")
    with pytest.raises(
        InputError, match="DPMSolverMultistepScheduler: prediction_type: unknown name 'flow_prediction'"
    ):
        read_scheduler(diffusers.DPMSolverMultistepScheduler(prediction_type="flow_prediction"))
    with pytest.raises(InputError, match="EDMEulerScheduler: prediction_type: 'sample'"):
        read_scheduler(other)
    with pytest.raises(InputError, match="must be a scheduler of diffusers"):
        read_scheduler(object())


class Louder(DDPMScheduler):
    """Means something else by its table."""

    def add_noise(self, original_samples, noise, timesteps):
        return super().add_noise(original_samples, 2 * noise, timesteps)


def test_a_scheduler_whose_noise_is_another_is_refused() -> None:
    with pytest.raises(InputError, match=r"Louder: is not supported: at its time 0 its add_noise gives"):
        read_scheduler(Louder())


class TestDiscreteSteps(ProcessContract):
    def process(self) -> Process:
        return DiscreteSteps.of(DDPMScheduler(num_train_timesteps=50, beta_end=0.3).alphas_cumprod.tolist())

    def times(self) -> torch.Tensor:
        """Between the steps, where it is smooth, and before the first."""
        return torch.cat([torch.tensor([0.004, 0.013]), (torch.arange(1, 50, 5) + 0.37) / 50]).double()


@pytest.mark.parametrize("table", [[0.9], [0.5, 0.6], [1.0, 0.5], [-0.1, 0.2], [0.0, 0.0]])
def test_tables_that_are_none(table: list[float]) -> None:
    with pytest.raises(InputError):
        DiscreteSteps.of(table)
