"""The real images of the study.

Where the theory is fed with their spectrum they are scaled as it reads them (``data_spectrum``): centred, in units of
their mean eigenvalue, and whitened by x → (C + 0.02)^{−1/2} x where asked.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
import torch
from torch import Tensor

from mnemoscope.studies.images import load_images
from mnemoscope.sweeps.trial import Array
from mnemoscope.theory import data_spectrum

WHITENING = 0.02

IMAGE_DIMS: Mapping[str, int] = {"digits": 64, "fashion-mnist": 196}


@cache
def scaled_images(name: str, whitened: bool) -> tuple[Tensor, Array]:
    """All images as the theory reads them, shape ``(n_samples, dim)``, and their spectrum."""
    images = load_images(name).array.astype(np.float64)
    images = images.reshape(len(images), -1)
    centred = images - images.mean(axis=0)
    values, basis = np.linalg.eigh(centred.T @ centred / len(centred))
    shift = WHITENING * values.mean()
    scaled = centred @ (basis / np.sqrt(values + shift)) @ basis.T if whitened else centred / np.sqrt(values.mean())
    return torch.from_numpy(scaled), data_spectrum(images, whitening=WHITENING if whitened else None)
