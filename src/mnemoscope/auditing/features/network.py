"""What a network sees: features from a module, a TorchScript file or any function of a batch of tensors.

**What the network is handed**: a float32 tensor of shape ``(batch, channels, height, width)``. Grey pictures
``(height, width)`` have one channel; channels that come last (1 or 3) are moved to the front; items of any other shape
(tables, signals) are handed over as ``(batch, *event)``. Values are mapped linearly from the training set's value range
to [0, 1] for every set alike, so 8-bit images are divided by 255; what lies outside that range is not clipped. Nothing
else is done: resizing, repeating a grey channel and normalizing are the network's own affair, since they change its
features. Modules run in evaluation mode and come back in the mode in which they came, without gradients.
"""

import hashlib
import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mnemoscope.auditing.features.base import Embedding, FeatureSpace, check_event_shape, embed_rows, with_features
from mnemoscope.auditing.features.identity import module_identity
from mnemoscope.data import Dataset, image_layout
from mnemoscope.errors import InputError
from mnemoscope.torch_state import device_of, evaluation_mode


@dataclass(frozen=True, eq=False)
class NetworkFeatures(FeatureSpace):
    """The output of a network, flattened to one vector for each item.

    Args:
        network: a module or any callable, from the batch described above to a tensor ``(batch, ...)``. The mode of
            modules inside a callable is its own affair; of a module's method (``clip.encode_image``) it is ours.
        label: what errors and reports call it; its class or function if left out.
        device: where the batch is sent; where the module is if left out (the CPU for other callables).
        batch: items at a time. It changes features by rounding only (identical items may differ by as much), unless the
            network mixes the items of a batch.
        identity: for the cache, what tells it from every other network. Left out, it is computed from a module's
            class, code, settings and weights, and from a TorchScript file's content; other callables have none.

    Raises:
        InputError: a batch of no items.
    """

    network: Callable[[Tensor], Any]
    label: str | None = None
    device: torch.device | str | None = None
    batch: int = 128
    identity: str | None = None

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise InputError(f"features {self.name}: needs batches of at least one item, got batch={self.batch}")

    @property
    def name(self) -> str:
        named = type(self.network) if isinstance(self.network, nn.Module) else self.network
        return self.label or str(getattr(named, "__qualname__", type(self.network).__qualname__))

    @property
    def module(self) -> nn.Module | None:
        """The module that is called, by itself or by one of its methods."""
        owner = getattr(self.network, "__self__", self.network)
        return owner if isinstance(owner, nn.Module) else None

    def fit(self, train: Dataset, *, progress: bool = False) -> Embedding:
        low, high = train.value_range
        if low == high:
            raise InputError(f"features {self.name}: every value of {train.name} is {low}, there is nothing to scale")
        return _NetworkEmbedding(self, train.event_shape, (low, high), progress)


@dataclass(frozen=True, eq=False)
class _NetworkEmbedding(Embedding):
    space: NetworkFeatures
    event_shape: tuple[int, ...]
    value_range: tuple[float, float]
    progress: bool

    @property
    def identity(self) -> str | None:
        known = self.space.identity
        if known is None and self.space.module is not None:
            method = getattr(self.space.network, "__name__", "forward")
            known = f"{method} {module_identity(self.space.module)}"
        return None if known is None else f"{known} of {self.event_shape} in {self.value_range}"

    def embed(self, items: Dataset) -> Dataset:
        check_event_shape(items, self.event_shape, self.space.name)
        modules = [] if self.space.module is None else [self.space.module]
        with evaluation_mode(*modules), torch.no_grad():
            features = embed_rows(items, self._features, self.space.name, self.space.batch, self.progress)
        return with_features(items, features)

    def _features(self, rows: Tensor) -> object:
        batch = self._handed_over(rows)
        shape = tuple(batch.shape)
        try:
            return self.space.network(batch)
        except (RuntimeError, ValueError, TypeError, IndexError, AssertionError) as error:
            raise InputError(
                f"features {self.space.name}: failed on a float32 batch of shape {shape} on {batch.device}, values in "
                f"[0, 1] ({_reason(error)})"
            ) from error

    def _handed_over(self, rows: Tensor) -> Tensor:
        low, high = self.value_range
        batch = ((rows - low) / (high - low)).float().reshape(len(rows), *self.event_shape)
        layout = image_layout(self.event_shape)
        if layout == "HW":
            batch = batch[:, None]
        if layout == "HWC":
            batch = batch.movedim(-1, 1).contiguous()
        module = self.space.module
        return batch.to(self.space.device or ("cpu" if module is None else device_of(module)))


def _reason(error: Exception) -> str:
    """One line: the first, or the last where TorchScript puts its own traceback before it."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[-1] if "TorchScript" in lines[0] else lines[0]


def load_torchscript(path: str | Path, *, device: torch.device | str = "cpu", batch: int = 128) -> NetworkFeatures:
    """The features of a network saved as TorchScript.

    Such a file is a program for torch's own interpreter: reading it unpickles no Python. It should have been exported
    in evaluation mode.

    Raises:
        InputError: no such file, or one that is not TorchScript (a ``state_dict``, a pickled module); it is named.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        with warnings.catch_warnings():
            # Deprecated for new exports; published feature networks, SSCD among them, are such files.
            warnings.filterwarnings("ignore", r"`torch\.jit\.\w+` is deprecated", DeprecationWarning)
            network = torch.jit.load(io.BytesIO(content), map_location=device)  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{path}: is not a TorchScript file ({_reason(error)})") from None
    identity = f"torchscript {hashlib.sha256(content).hexdigest()}"
    return NetworkFeatures(network, f"torchscript:{Path(path).name}", device, batch, identity)
