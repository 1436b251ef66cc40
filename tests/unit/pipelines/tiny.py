"""Networks and pipelines of diffusers of a few thousand random weights, made without the global generator."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMPipeline, DDPMScheduler, DiTTransformer2DModel, UNet2DModel

SIZE = 8


def unet(**config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UNet2DModel(
            **{
                "sample_size": SIZE,
                "in_channels": 1,
                "out_channels": 1,
                "layers_per_block": 1,
                "block_out_channels": (8, 8),
                "down_block_types": ("DownBlock2D", "DownBlock2D"),
                "up_block_types": ("UpBlock2D", "UpBlock2D"),
                "norm_num_groups": 4,
                **config,
            }
        )


def transformer(**config):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DiTTransformer2DModel(
            **{
                "num_attention_heads": 2,
                "attention_head_dim": 4,
                "in_channels": 4,
                "out_channels": 8,
                "num_layers": 1,
                "sample_size": SIZE,
                "norm_num_groups": 4,
                "num_embeds_ada_norm": 10,
                **config,
            }
        ).eval()


def autoencoder():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoencoderKL(
            in_channels=3,
            out_channels=3,
            latent_channels=4,
            block_out_channels=(4, 4),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=2,
            scaling_factor=0.25,
        )


def save_pipeline(folder: Path, **config) -> Path:
    DDPMPipeline(unet(**config), DDPMScheduler(num_train_timesteps=20)).save_pretrained(folder)
    return folder
