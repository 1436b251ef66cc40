"""What the monitor costs a training, and how often it cries wolf.

    python -m benchmarks monitoring

Costs are processor time spent within the monitor over that of the rest of the same training, in three loops, at default
settings: a look every 500 steps, no samples, the start with all that is computed once included. (The difference of two
whole trainings, with looks and without, would be mostly what else the machine was doing.) False alarms are counted over
whole trainings of 50 looks at models that cannot memorize: the law's exact denoiser, disturbed anew at each step, with
fresh samples at every tenth look. There the reference is taken away, so that only the correction for repeated looks is
left to hold them.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor

import mnemoscope as mn
from benchmarks.timing import row
from mnemoscope.data import Gaussian, load_digits
from mnemoscope.scores import LawScore

STEPS, EVERY, WIDTH = 1000, 500, 256
RUNS, LOOKS, DIM, N, SAMPLES, SAMPLE_EVERY = 200, 50, 8, 64, 60, 10
PROMISED_COST, PROMISED_ALARMS = 0.05, 0.05
NO_REFERENCE = 1e-6

Look = Callable[[object, int], object]


def digits(size: int) -> tuple[Tensor, Tensor]:
    train, holdout = (part.to_model() for part in load_digits().split(500, seed=0))
    if size != 8:
        train, holdout = (
            torch.nn.functional.interpolate(part[:, None], (size, size))[:, 0] for part in (train, holdout)
        )
    return train, holdout


def plain(look: Look, train: Tensor, name: str, width: int, batch: int, prepare: bool = False) -> None:
    """A loop of one's own; ``prepare`` by accelerate."""
    from accelerate import Accelerator

    process, generator = mn.VariancePreserving(), torch.Generator().manual_seed(0)
    network = mn.build_network(mn.NetworkSpec(name, tuple(train.shape[1:]), {"width": width}), seed=0)
    score = mn.NetworkScore(network, process, tuple(train.shape[1:]))
    optimizer = torch.optim.Adam(network.parameters())
    accelerator = Accelerator() if prepare else None
    model = network
    if accelerator is not None:
        model, optimizer = accelerator.prepare(network, optimizer)
    for step in range(1, STEPS + 1):
        x0 = train[torch.randint(len(train), (batch,), generator=generator)]
        t = process.t_min + (process.t_max - process.t_min) * torch.rand(batch, generator=generator)
        loss = mn.training.denoising_loss(model, process, x0, t, torch.randn(x0.shape, generator=generator))
        optimizer.zero_grad()
        loss.backward() if accelerator is None else accelerator.backward(loss)
        optimizer.step()
        if step % EVERY == 0:
            look(score, step)


def by_fit(look: Look, train: Tensor) -> None:
    network = mn.build_network(mn.NetworkSpec("mlp", tuple(train.shape[1:]), {"width": WIDTH}), seed=0)
    mn.fit(network, train, mn.VariancePreserving(), mn.TrainingSpec(steps=STEPS), watch=look, watch_every=EVERY)


def cost(loop: Callable[[Look, Tensor], None], train: Tensor, holdout: Tensor) -> float:
    """Processor time within the monitor, its start included, over that of the rest of the training."""
    start = time.process_time()
    monitor = mn.MemorizationMonitor(train, holdout, mn.VariancePreserving())
    within = time.process_time() - start

    def look(model: object, step: int) -> None:
        nonlocal within
        begun = time.process_time()
        monitor.update(model, step)
        within += time.process_time() - begun

    loop(look, train)
    return within / (time.process_time() - start - within)


def cost_rows() -> list[dict[str, object]]:
    small, large = digits(8), digits(16)
    mn.MemorizationMonitor(*small, mn.VariancePreserving())  # what is imported with the first one is no cost of looks
    found = {
        f"plain PyTorch, MLP of width {WIDTH}, digits": cost(
            lambda look, train: plain(look, train, "mlp", WIDTH, batch=64), *small
        ),
        f"fit, MLP of width {WIDTH}, digits": cost(by_fit, *small),
        "accelerate, U-Net of width 16, digits at 16×16, batches of 16": cost(
            lambda look, train: plain(look, train, "unet", 16, batch=16, prepare=True), *large
        ),
    }
    return [
        row(f"monitor's share of {name}", each, PROMISED_COST, each < PROMISED_COST) for name, each in found.items()
    ]


def alarmed(seed: int) -> bool:
    """Whether 50 looks at a model that cannot memorize raise an alarm."""
    generator = torch.Generator().manual_seed(seed)
    law, process = Gaussian(torch.zeros(DIM), torch.eye(DIM)), mn.VariancePreserving()
    train, holdout = law.sample(2 * N, generator).split(N)
    monitor = mn.MemorizationMonitor(
        train, holdout, process, predicts="denoiser", levels=[0.1, 1.0], onset=NO_REFERENCE, looks=LOOKS, seed=seed
    )
    exact = LawScore(law, process)
    for look in range(1, LOOKS + 1):
        disturbed = 0.3 * torch.randn(DIM, DIM, generator=generator)
        samples = law.sample(SAMPLES, generator) if look % SAMPLE_EVERY == 0 else None
        monitor.update(lambda x, t, d=disturbed: exact.denoiser(x, t) + torch.tanh(x @ d) / 2, look, samples=samples)
        if monitor.should_stop():
            return True
    return False


def false_alarm_rows(seeds: range = range(RUNS)) -> list[dict[str, object]]:
    rate = sum(alarmed(seed) for seed in seeds) / len(seeds)
    name = f"trainings of {LOOKS} looks with a false alarm, of {len(seeds)}"
    return [row(name, rate, PROMISED_ALARMS, rate <= PROMISED_ALARMS)]


def rows() -> list[dict[str, object]]:
    """All rows, in order."""
    return cost_rows() + false_alarm_rows()
