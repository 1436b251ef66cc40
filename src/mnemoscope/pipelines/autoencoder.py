"""Latents: what a latent model's network sees is (encoder(x) − shift) · scale, with numbers from the configuration."""

from typing import Any

import torch
from torch import Tensor, nn

from mnemoscope.choose import check_kind
from mnemoscope.errors import InputError
from mnemoscope.text import one_line
from mnemoscope.torch_state import device_of, evaluation_mode


class Autoencoder:
    """An autoencoder of diffusers between images in [−1, 1] and the latents that networks are trained on.

    Args:
        network: with ``encode`` and ``decode``. Of a variational one the mode is taken, so that nothing is drawn.

    Raises:
        InputError: it has neither.
    """

    def __init__(self, network: nn.Module) -> None:
        check_kind(network, nn.Module, "autoencoder")
        if not (hasattr(network, "encode") and hasattr(network, "decode")):
            raise InputError(f"autoencoder must have encode and decode, {type(network).__name__} has not")
        config: Any = getattr(network, "config", None) or {}
        self.network = network
        self.scale, self.shift = float(config.get("scaling_factor") or 1), float(config.get("shift_factor") or 0)

    def encode(self, images: Tensor) -> Tensor:
        """Scaled latents of images, shape ``(batch, channels, height, width)``."""
        output = self._called("encode", images)
        law = getattr(output, "latent_dist", None)
        latents: Tensor = law.mode() if law is not None else getattr(output, "latents", output)
        return ((latents - self.shift) * self.scale).to(images)

    def decode(self, latents: Tensor) -> Tensor:
        """Images of scaled latents."""
        output = self._called("decode", latents / self.scale + self.shift)
        images: Tensor = getattr(output, "sample", output)
        return images.to(latents)

    def _called(self, method: str, x: Tensor) -> Any:
        precision = next((each.dtype for each in self.network.parameters()), x.dtype)
        try:
            with evaluation_mode(self.network), torch.no_grad():
                return getattr(self.network, method)(x.to(device_of(self.network), precision))
        except Exception as error:
            why = one_line(str(error).strip().partition("\n")[0] or type(error).__name__, 200)
            raise InputError(f"autoencoder: cannot {method} items of shape {tuple(x.shape[1:])} ({why})") from error
