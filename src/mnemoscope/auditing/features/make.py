"""Feature spaces by name, as the command line gives them, or from what a user has at hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from mnemoscope.auditing.features.base import FeatureSpace
from mnemoscope.auditing.features.cache import Cached
from mnemoscope.auditing.features.network import NetworkFeatures, load_torchscript
from mnemoscope.auditing.features.pca import PCA
from mnemoscope.auditing.features.pixels import Cosine, Pixels
from mnemoscope.auditing.features.z_scores import ZScores
from mnemoscope.choose import choose
from mnemoscope.errors import InputError

_COSINE = "cosine:"


def make_features(
    features: "str | FeatureSpace | Callable[[Tensor], Any]", *, cache: str | Path | None = None
) -> FeatureSpace:
    """A feature space from its name, or from a module or another callable.

    Args:
        features: ``pixels``; ``z-scores``; ``pca`` or ``pca:K`` with K components; ``torchscript:PATH``; each also with
            ``cosine:`` before it, which scales the features to length one. Or a module, a callable
            (``NetworkFeatures`` has their options), or a ``FeatureSpace``.
        cache: folder in which features are kept from one audit to the next; not pixels and z-scores, which cost little.

    Raises:
        InputError: an unknown name, a K that is no whole number of at least 1, or a file that is not TorchScript.
    """
    if isinstance(features, str) and features.startswith(_COSINE):
        return Cosine(make_features(features.removeprefix(_COSINE), cache=cache))
    if isinstance(features, str):
        space = _by_name(features)
    else:
        space = features if isinstance(features, FeatureSpace) else NetworkFeatures(features)
    return space if cache is None or isinstance(space, Pixels | ZScores) else Cached(space, cache)


def _by_name(text: str) -> FeatureSpace:
    name, _, setting = text.partition(":")
    makers = {"pixels": _alone, "z-scores": _alone, "pca": _pca, "torchscript": _torchscript}
    return choose(name, makers, "features")(text, setting)


def _alone(text: str, setting: str) -> FeatureSpace:
    name = text.partition(":")[0]
    if text != name:
        raise InputError(f"features {text}: {name} take no setting, got {setting!r}")
    return ZScores() if name == "z-scores" else Pixels()


def _pca(text: str, setting: str) -> FeatureSpace:
    if text == "pca":
        return PCA()
    if not (setting.isascii() and setting.isdigit()):
        raise InputError(f"features {text}: the number of components must be a whole number, as in pca:64")
    return PCA(int(setting))


def _torchscript(text: str, setting: str) -> FeatureSpace:
    if not setting:
        raise InputError(f"features {text}: needs the file, as in torchscript:sscd.pt")
    return load_torchscript(setting)
