"""How the learning rate changes with the step: the schedules of ``diffusers.optimization``.

With w warm-up steps of n in all, step k = 0, 1, … has the learning rate η f(k), f(k) = k/w for k < w, and then

    constant    1
    linear      (n − k)/(n − w)
    cosine      (1 + cos π (k − w)/(n − w))/2
"""

from collections.abc import Callable

import torch

from mnemoscope.extras import optional
from mnemoscope.training.spec import TrainingSpec


def rate_at(spec: TrainingSpec) -> Callable[[int], float]:
    """The function k ↦ f(k) of a run.

    Raises:
        MissingExtraError: diffusers is not installed and it is not constant.
    """
    if spec.schedule == "constant" and not spec.warmup_steps:
        return lambda step: 1.0  # noqa: ARG005
    name = "constant_with_warmup" if spec.schedule == "constant" else spec.schedule
    scheduler = optional("diffusers.optimization", "train").get_scheduler(
        name,
        torch.optim.SGD([torch.zeros(1, device="cpu")], lr=spec.learning_rate),
        num_warmup_steps=spec.warmup_steps,
        num_training_steps=spec.steps,
    )
    rates: list[Callable[[int], float]] = scheduler.lr_lambdas
    return rates[0]
