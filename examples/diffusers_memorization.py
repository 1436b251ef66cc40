"""A diffusers U-Net trained for some minutes on 64 real images, audited in both ways.

    python examples/diffusers_memorization.py --out memorization

Trains ``UNet2DModel`` with ``DDPMScheduler`` in the style of the library's own tutorial ("Train a diffusion model") and
saves the pipeline, if OUT/pipeline is not there yet. Then samples it twice from the same seed: by the pipeline's own
sampler (``mn.audit_pipeline``, which is ``mnemoscope audit OUT/pipeline TRAIN``) and by the same steps along the score
that ``mn.from_diffusers`` makes of its network, and audits both sets against the same 64 digits and the same held-out ones.
"""

import time
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.optimization import get_cosine_schedule_with_warmup

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
        loss = F.mse_loss(model(noisy, timesteps, return_dict=False)[0], noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        lr_scheduler.step()
        optimizer.zero_grad()
        if step % 250 == 0:
            print(f"step {step}: loss {loss.item():.4f}, {time.monotonic() - start:.0f} s", flush=True)
    DDPMPipeline(unet=model, scheduler=noise_scheduler).save_pretrained(folder)
