"""A diffusers U-Net trained for some minutes on 64 real images, audited in both ways.

    python examples/diffusers_memorization.py --out memorization

Trains ``UNet2DModel`` with ``DDPMScheduler`` in the style of the library's own tutorial ("Train a diffusion model") and
saves the pipeline, if OUT/pipeline is not there yet. Then samples it twice from the same seed: by the pipeline's own
sampler (``mn.audit_pipeline``, which is ``mnemoscope audit OUT/pipeline TRAIN``) and by the same steps along the score
that ``mn.from_diffusers`` makes of its network, and audits both against the same 64 digits and the same held-out ones.
"""

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.optimization import get_cosine_schedule_with_warmup

import mnemoscope as mn

N_TRAIN, N_HOLDOUT, SIZE = 64, 500, 8


def train_pipeline(images: torch.Tensor, folder: Path, *, steps: int, batch_size: int = 64, seed: int = 0) -> None:
    """The loop of diffusers' tutorial on images of shape ``(n, 1, SIZE, SIZE)`` in [−1, 1]."""
    torch.manual_seed(seed)
    model = UNet2DModel(
        sample_size=SIZE,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
    )
    noise_scheduler = DDPMScheduler(num_train_timesteps=1000)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    lr_scheduler = get_cosine_schedule_with_warmup(optimizer, num_warmup_steps=200, num_training_steps=steps)
    start = time.monotonic()
    for step in range(1, steps + 1):
        clean = images[torch.randint(len(images), (batch_size,))]
        noise = torch.randn_like(clean)
        timesteps = torch.randint(0, noise_scheduler.config.num_train_timesteps, (batch_size,))
        noisy = noise_scheduler.add_noise(clean, noise, timesteps)
        loss = torch.nn.functional.mse_loss(model(noisy, timesteps, return_dict=False)[0], noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        lr_scheduler.step()
        optimizer.zero_grad()
        if step % 250 == 0:
            print(f"step {step}: loss {loss.item():.4f}, {time.monotonic() - start:.0f} s", flush=True)
    DDPMPipeline(unet=model, scheduler=noise_scheduler).save_pretrained(folder)


def sample_score(score: mn.pipelines.DiffusersScore, n: int, *, n_steps: int, seed: int) -> torch.Tensor:
    """The pipeline's ancestral sampler along the score: the same noise levels, steps and draws."""
    process, generator = score.process, torch.Generator().manual_seed(seed)
    scheduler = DDPMScheduler(num_train_timesteps=1000, clip_sample=False)
    scheduler.set_timesteps(n_steps)
    times = score.time_of_step(scheduler.timesteps)
    ratios = process.ratio(times)

    def noise(y: torch.Tensor, r: torch.Tensor) -> torch.Tensor:
        t = process.time_of(r)
        return score.noise(process.alpha(t).float() * y, t)

    x = torch.randn((n, *score.event_shape), generator=generator)
    y = x / process.alpha(times[0]).float()
    with torch.no_grad():
        for r, r_next in pairwise(ratios):
            y = mn.sampling.ancestral_step(noise, y, r, r_next, generator)
        return y - ratios[-1].float() * noise(y, ratios[-1])


def main() -> None:
    """Train, sample in both ways, audit both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("memorization"))
    parser.add_argument("--steps", type=int, default=3000, help="training steps")
    parser.add_argument("--n", type=int, default=256, help="samples in each way")
    parser.add_argument("--n-steps", type=int, default=100, help="steps of the sampler")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    real = mn.load("digits")
    train, holdout = (
        real.take(np.arange(N_TRAIN), "train"),
        real.take(np.arange(N_TRAIN, N_TRAIN + N_HOLDOUT), "holdout"),
    )
    folder = given.out / "pipeline"
    if not folder.exists():
        train_pipeline(train.to_model()[:, None], folder, steps=given.steps, seed=given.seed)

    pipeline = mn.pipelines.open_pipeline(folder)
    # Its clipping of each step to [−1, 1] is no part of the score; without it both ways take the same steps.
    pipeline.scheduler = DDPMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
    score = mn.from_diffusers(pipeline.unet, pipeline.scheduler, event_shape=(SIZE, SIZE))
    by_score = mn.data.from_model(
        sample_score(score, given.n, n_steps=given.n_steps, seed=given.seed), train.value_range
    )
    how = {"holdout": holdout, "seed": given.seed}
    reports = {
        "pipeline": mn.audit_pipeline(pipeline, train, n=given.n, n_steps=given.n_steps, batch_size=given.n, **how),
        "score": mn.audit(mn.Dataset(by_score, "score", train.value_range), train, **how),
    }
    found = {}
    for name, report in reports.items():
        report.to_html(given.out / f"{name}.html")
        rate = report.results[0].rate
        found[name] = {"fraction": rate.fraction, "interval": rate.interval, "verdict": report.verdict}
    difference = abs(reports["pipeline"].generated.array - by_score).max()
    found["largest_difference"] = float(difference) / (train.value_range[1] - train.value_range[0])
    print(json.dumps(found, indent=2, default=float))
    (given.out / "result.json").write_text(json.dumps(found, indent=2, default=float) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
