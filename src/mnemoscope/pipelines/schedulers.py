"""What a scheduler of diffusers says about the network that was trained with it.

With x = α x_0 + σ ε and the scale s of the data (1 but for EDM), networks see x̂ = x/√(α² s² + σ²) and a time of their
own. Three kinds of schedulers are read; each is compared with what its own ``add_noise`` does, so that one that means
something else by the same numbers is refused, whatever it is called:

- a table of ᾱ at T steps, x variance-preserving (DDPM, DDIM, PNDM, DPM-Solver, UniPC, …): x̂ = x, time the step;
- the same table, x = x_0 + σ ε (Euler, Heun, LMS, …), also with Karras' σ: x̂ = x/√(1 + σ²), time the step, between the
  steps as these schedulers find it, or log(σ)/4 where their times are continuous;
- EDM (Karras et al. 2022, table 1): s = σ_data, time log(σ)/4.

A table may be asked for between its steps. The network then gets the fraction of a step, as from these schedulers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mnemoscope.choose import check_name
from mnemoscope.errors import InputError
from mnemoscope.processes import EDM, DiscreteSteps, Process
from mnemoscope.text import one_line

PREDICTIONS = ("epsilon", "sample", "v_prediction")
"""What a network may predict: ε, x_0, or the velocity ᾱ ε − σ̄ x_0."""

_TOLERANCE = 1e-4
_GRIDS = ("use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas")
_N_STEPS = 20


@dataclass(frozen=True)
class Schedule:
    """How the noise and the network's inputs and outputs are related.

    Attributes:
        process: the forward process, in the coordinates of the scheduler's own samples.
        prediction: one of ``PREDICTIONS``.
        network_time: the time that the network is told (a step, or log(σ)/4), as a function of t.
        time_of: its inverse.
        data_scale: s.
        sign: of the velocity; EDM's network predicts its negative.
    """

    process: Process
    prediction: str
    network_time: Callable[[Tensor], Tensor]
    time_of: Callable[[Tensor], Tensor]
    data_scale: float = 1.0
    sign: float = 1.0


def read_scheduler(scheduler: Any) -> Schedule:
    """The schedule of a scheduler, by its configuration: how many sampling steps it is set to does not matter.

    Raises:
        InputError: no scheduler of diffusers, one whose noise is none of the kinds above (flow matching, consistency
            models, ...), or a ``prediction_type`` that is not supported; the message names it.
    """
    name = type(scheduler).__name__
    config = getattr(scheduler, "config", None)
    if config is None or not hasattr(scheduler, "add_noise") or not hasattr(type(scheduler), "from_config"):
        raise InputError(f"scheduler must be a scheduler of diffusers that can add noise, got {name}")
    prediction = config.get("prediction_type", "epsilon")
    check_name(prediction, PREDICTIONS, f"{name}: prediction_type")
    grids = {each: False for each in _GRIDS if config.get(each)}
    try:
        # As it was made: sampling steps were set on the other, and a grid of them is no part of the training.
        fresh = type(scheduler).from_config(config, **grids)
    except Exception as error:
        raise InputError(f"{name}: cannot be made from its configuration ({one_line(str(error), 200)})") from error
    if hasattr(fresh, "precondition_outputs") and "sigma_data" in config:
        schedule = _edm(fresh, name, prediction)
    else:
        schedule = _table(fresh, name, prediction)
    _check_noise(fresh, name, schedule)
    return schedule


def _edm(scheduler: Any, name: str, prediction: str) -> Schedule:
    if prediction == "sample":
        raise InputError(
            f"{name}: prediction_type: 'sample' has no meaning for it, choose one of epsilon, v_prediction"
        )
    process = EDM(t_min=float(scheduler.config.sigma_min), t_max=float(scheduler.config.sigma_max))
    sign = -1.0 if prediction == "epsilon" else 1.0
    return Schedule(process, "v_prediction", _quarter_log, _exp_of_four, float(scheduler.config.sigma_data), sign)


def _table(scheduler: Any, name: str, prediction: str) -> Schedule:
    signal = getattr(scheduler, "alphas_cumprod", None)
    if not isinstance(signal, Tensor) or signal.ndim != 1 or scheduler.config.get("use_flow_sigmas"):
        raise InputError(
            f"{name}: is not supported: its noise is no table of alphas_cumprod and not EDM's, as of flow matching, "
            f"score SDEs or consistency models"
        )
    steps = DiscreteSteps.of(signal.tolist())
    if scheduler.config.get("timestep_type") == "continuous" and prediction == "v_prediction":
        ends = [scheduler.config.get(each) for each in ("sigma_min", "sigma_max")]
        least, most = (float(own or steps.ratio(t)) for own, t in zip(ends, (steps.t_min, steps.t_max), strict=True))
        return Schedule(EDM(t_min=least, t_max=most), prediction, _quarter_log, _exp_of_four)
    middle = torch.tensor([steps.n_steps // 2])
    if abs(float(_noised(scheduler, name, torch.ones(1, 1), torch.zeros(1, 1), middle)) - 1) > _TOLERANCE:
        return Schedule(steps, prediction, steps.step_of_time, steps.time_of_step)

    def step_of(sigma: Tensor) -> Tensor:
        return steps.step_of_time(steps.time_of(sigma))

    def sigma_of(step: Tensor) -> Tensor:
        return steps.ratio(steps.time_of_step(step))

    process = EDM(t_min=float(steps.ratio(steps.t_min)), t_max=float(steps.ratio(steps.t_max)))
    return Schedule(process, prediction, step_of, sigma_of)


def _quarter_log(sigma: Tensor) -> Tensor:
    return sigma.log() / 4


def _exp_of_four(time: Tensor) -> Tensor:
    return (4 * time).exp()


def _check_noise(scheduler: Any, name: str, schedule: Schedule) -> None:
    """That ``add_noise`` is x = α x_0 + σ ε with the α and σ that were read, all the way."""
    first, last = schedule.network_time(
        torch.tensor([schedule.process.t_min, schedule.process.t_max]).double()
    ).tolist()
    # Schedulers of continuous times know those that they have; of a table every step, some once steps are set.
    table = schedule.network_time is not _quarter_log
    own = torch.arange(int(first), int(last) + 1) if table else scheduler.timesteps
    wrong = _differences(scheduler, name, schedule, own)
    if wrong and table:
        scheduler.set_timesteps(_N_STEPS)
        own = scheduler.timesteps.unique()
        wrong = _differences(scheduler, name, schedule, own[own <= last])
    if wrong:
        raise InputError(f"{name}: is not supported: {wrong}")


def _differences(scheduler: Any, name: str, schedule: Schedule, times: Tensor) -> str | None:
    """In what ``add_noise`` differs at some of its times; None if in nothing."""
    for time in times[torch.linspace(0, len(times) - 1, 5).long()]:
        t = schedule.time_of(time.double())
        found = [float(_noised(scheduler, name, x, 1 - x, time[None])) for x in (torch.ones(1, 1), torch.zeros(1, 1))]
        expected = [float(schedule.process.alpha(t)), float(schedule.process.sigma(t))]
        if any(abs(f - e) > _TOLERANCE * max(1, abs(e)) for f, e in zip(found, expected, strict=True)):
            return (
                f"at its time {float(time):g} its add_noise gives {found[0]:.4g} x_0 + {found[1]:.4g} ε, its "
                f"alphas_cumprod or sigmas {expected[0]:.4g} x_0 + {expected[1]:.4g} ε"
            )
    return None


def _noised(scheduler: Any, name: str, x0: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    try:
        noised: Tensor = scheduler.add_noise(x0, noise, time)
    except Exception as error:
        raise InputError(f"{name}: its add_noise cannot be asked ({one_line(str(error), 200)})") from error
    return noised
