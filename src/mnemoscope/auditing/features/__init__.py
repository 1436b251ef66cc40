"""Feature spaces: where samples and training items are compared, pixels or what a network sees in them."""

from mnemoscope.auditing.features.base import Embedding, FeatureSpace
from mnemoscope.auditing.features.cache import Cached
from mnemoscope.auditing.features.make import make_features
from mnemoscope.auditing.features.network import NetworkFeatures, load_torchscript
from mnemoscope.auditing.features.pca import PCA
from mnemoscope.auditing.features.pixels import Cosine, Pixels

__all__ = [
    "PCA",
    "Cached",
    "Cosine",
    "Embedding",
    "FeatureSpace",
    "NetworkFeatures",
    "Pixels",
    "load_torchscript",
    "make_features",
]
