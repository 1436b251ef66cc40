"""A diffusers ``UNet2DModel`` on 64 real images, as that library's own example trains one; with and without a monitor.

    python examples/diffusers_few_images.py [STEPS] [PICTURE]

The training loop is that of diffusers (DDPM's schedule, the error of the noise, accelerate). What the monitor adds is
three lines, which are marked. Downsampled images of Fashion-MNIST; minutes on one core.
"""

import sys
from pathlib import Path

import torch
from accelerate import Accelerator
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from matplotlib.figure import Figure
from torch.nn.functional import avg_pool2d, mse_loss

import mnemoscope as mn

IMAGES, BATCH, N, SHOWN = Path("/usr/share/datasets/fashion-mnist"), 16, 64, 12


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """64 images to train on and 64 that are held out, 14×14, from −1 to 1."""
    read = mn.load(IMAGES / "train-images-idx3-ubyte.gz")
    chosen = torch.from_numpy(read.array[: 2 * N].copy()).float()[:, None] / 127.5 - 1
    train, holdout = avg_pool2d(chosen, 2).split(N)
    return train, holdout


def train(data: torch.Tensor, holdout: torch.Tensor, steps: int, monitored: bool) -> tuple[UNet2DModel, int]:
    """The loop of diffusers' example for unconditional images."""
    torch.manual_seed(0)
    accelerator, schedule = Accelerator(), DDPMScheduler(num_train_timesteps=1000)
    model = UNet2DModel(
        sample_size=14, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model, optimizer = accelerator.prepare(model, optimizer)
    monitor = mn.MemorizationMonitor(data, holdout, mn.VariancePreserving(), predicts="noise")  # added
    for step in range(1, steps + 1):
        clean = data[torch.randint(len(data), (BATCH,))]
        noise, times = torch.randn_like(clean), torch.randint(0, 1000, (BATCH,))
        predicted = model(schedule.add_noise(clean, noise, times), times).sample
        accelerator.backward(mse_loss(predicted, noise))
        optimizer.step()
        optimizer.zero_grad()
        if monitored and step % 100 == 0:
            record = monitor.update(lambda x, t: model(x, 1000 * t - 1).sample, step)  # added
            print(step, record.decision.state, record.decision.reason, flush=True)
            if monitor.should_stop():  # added
                break
    return model, step


def sample(model: UNet2DModel) -> torch.Tensor:
    """By DDIM, from the same noise each time."""
    schedule, x = DDIMScheduler(num_train_timesteps=1000), torch.randn(SHOWN, 1, 14, 14, generator=torch.manual_seed(1))
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
    data, holdout = images()
    rows = []
    for monitored in (True, False):
        model, step = train(data, holdout, steps, monitored)
        samples = sample(model)
        distance = torch.cdist(samples.flatten(1), data.flatten(1))
        nearest, order = data[distance.argmin(dim=1)], distance.sort(dim=1).values
        print(f"{step} steps: {int((order[:, 0] < order[:, 1] / 3).sum())} of {SHOWN} samples are copies (d1/d2 < 1/3)")
        rows += [(f"{step} steps", samples), ("nearest", nearest)]
    draw(rows, path)


if __name__ == "__main__":
    chosen = sys.argv[1:]
    main(int(chosen[0]) if chosen else 4000, Path(chosen[1]) if len(chosen) > 1 else Path("diffusers_few_images.png"))
