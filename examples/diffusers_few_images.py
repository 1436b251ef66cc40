"""A diffusers ``UNet2DModel`` on 64 real images, as that library's own example trains one; with and without a monitor.

    python examples/diffusers_few_images.py [STEPS] [PICTURE]

The training loop is that of diffusers (DDPM's schedule, the error of the noise, accelerate). What the monitor adds is
three lines, marked +. 64 of the bundled digits; minutes on one core.
"""

import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from matplotlib.figure import Figure
from torch.nn.functional import mse_loss

import mnemoscope as mn

N, BATCH, EVERY, SAMPLES, SHOWN = 64, 32, 500, 256, 12


def train(data: torch.Tensor, holdout: torch.Tensor, steps: int, every: int) -> tuple[UNet2DModel, int]:
    """The loop of diffusers' example for unconditional images, looked at every so many steps."""
    torch.manual_seed(0)
    accelerator, schedule = Accelerator(), DDPMScheduler(num_train_timesteps=1000)
    model = UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model, optimizer = accelerator.prepare(model, optimizer)
    monitor = mn.MemorizationMonitor(data, holdout, mn.VariancePreserving(), predicts="noise")  # +
    for step in range(1, steps + 1):
        clean = data[torch.randint(len(data), (BATCH,))]
        noise, times = torch.randn_like(clean), torch.randint(0, 1000, (BATCH,))
        predicted = model(schedule.add_noise(clean, noise, times), times).sample
        accelerator.backward(mse_loss(predicted, noise))
        optimizer.step()
        optimizer.zero_grad()
        if step % every == 0 and monitor.update(lambda x, t: model(x, 1000 * t - 1).sample, step).decision.since:  # +
            break  # +
    return model, step


def sample(model: UNet2DModel) -> torch.Tensor:
    """By DDIM, from the same noise each time."""
    schedule, generator = DDIMScheduler(num_train_timesteps=1000), torch.manual_seed(1)
    x = torch.randn(SAMPLES, 1, 8, 8, generator=generator)
    schedule.set_timesteps(50)
    with torch.no_grad():
        for t in schedule.timesteps:
            x = schedule.step(model(x, t).sample, t, x).prev_sample
    return x.clamp(-1, 1)


def draw(rows: list[tuple[str, torch.Tensor]], path: Path) -> None:
    """Each row of images beside its name."""
    figure = Figure(figsize=(SHOWN * 0.75, len(rows) * 0.85), layout="constrained")
    axes = figure.subplots(len(rows), SHOWN)
    for line, (name, row) in zip(axes, rows, strict=True):
        for place, (each, image) in enumerate(zip(line, row, strict=True)):
            each.imshow(image[0], cmap="gray", vmin=-1, vmax=1)
            each.set(xticks=[], yticks=[])
            if place == 0:
                each.set_ylabel(name, fontsize=7)
    figure.savefig(path, dpi=110)


def main(steps: int, path: Path) -> None:
    """Both trainings, what they sample, and the training image that each sample is nearest to."""
    data, holdout = (part.to_model()[:, None] for part in mn.load("digits").split(N, seed=0)[::-1])
    rows = []
    for every in (EVERY, steps + 1):
        model, step = train(data, holdout, steps, every)
        samples = sample(model)
        print(f"{step} steps:", mn.audit(samples, data, holdout=holdout).verdict, flush=True)
        nearest = data[torch.cdist(samples.flatten(1), data.flatten(1)).argmin(dim=1)]
        rows += [(f"{step} steps", samples[:SHOWN]), ("nearest", nearest[:SHOWN])]
    draw(rows, path)


if __name__ == "__main__":
    chosen = sys.argv[1:]
    main(int(chosen[0]) if chosen else 3000, Path(chosen[1]) if len(chosen) > 1 else Path("diffusers_few_images.png"))
