"""How far the theory is from random features fitted on real images: Fashion-MNIST averaged to 14×14 pixels.

    python -m benchmarks.real_images [FOLDER]

FOLDER holds the IDX files (default: where Debian's dataset-fashion-mnist puts them). The theory is fed with
the images' own spectrum, raw and whitened (ridge 0.02); the models are fitted exactly, and tested on held-out
images.
"""

import sys

import numpy as np
import torch

from mnemoscope.data import load
from mnemoscope.networks.closed_form import collect_moments, ridge_readout
from mnemoscope.networks.random_features import RandomFeatureScore
from mnemoscope.processes import OrnsteinUhlenbeck
from mnemoscope.theory import data_spectrum, learning_curve

FOLDER = "/usr/share/datasets/fashion-mnist"
WHITENING = 0.02
SETTINGS = [  # activation, psi_n, psi_p, noise_draws, time, ridge
    ("tanh", 4, 2, 1, 0.1, 1e-2),
    ("tanh", 4, 8, 4, 0.05, 1e-3),
    ("relu", 4, 2, 4, 0.1, 1e-3),
    ("relu", 4, 8, 4, 0.05, 1e-3),
    ("relu", 2, 6, 20, 0.02, 1e-3),
]


def pooled(images: np.ndarray) -> np.ndarray:
    """Means over 2×2 pixels, flattened: shape ``(n_samples, 196)``."""
    return images.reshape(len(images), 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(images), -1)


def standardise(images: np.ndarray, whitening: float | None) -> np.ndarray:
    """Centred, in units of the mean eigenvalue, and whitened: what ``data_spectrum`` describes."""
    centred = images - images.mean(axis=0)
    values, basis = np.linalg.eigh(centred.T @ centred / len(centred))
    scale = values.mean()
    if whitening is None:
        return centred / np.sqrt(scale)
    return centred @ (basis / np.sqrt(values + whitening * scale)) @ basis.T


def rows(folder: str = FOLDER, seed: int = 0) -> list[dict[str, object]]:
    """One row for each setting and whitening: theory, simulation and their ratio."""
    images = pooled(np.asarray(load(folder).array[:20_000], np.float64))
    generator = torch.Generator().manual_seed(seed)
    found = []
    for whitening in (WHITENING, None):
        items = torch.from_numpy(standardise(images, whitening))
        spectrum, dim = data_spectrum(images, whitening=whitening), items.shape[1]
        for activation, psi_n, psi_p, noise_draws, time, ridge in SETTINGS:
            order = torch.randperm(len(items), generator=generator)
            train, test = items[order[: psi_n * dim]], items[order[psi_n * dim :][:4000]]
            score = RandomFeatureScore(
                (dim,),
                psi_p * dim,
                OrnsteinUhlenbeck(),
                time,
                activation=activation,
                power=float(items.square().mean()),
                generator=generator,
            )
            moments = collect_moments(score, train, noise_draws=noise_draws, generator=generator)
            readout = ridge_readout(moments, ridge)
            fresh = collect_moments(score, test, noise_draws=1, generator=generator)
            theory = learning_curve(
                psi_n=psi_n,
                psi_p=psi_p,
                noise_draws=noise_draws,
                time=time,
                ridge=ridge,
                activation=activation,
                spectrum=spectrum,
            )
            row = {
                "images": "raw" if whitening is None else "whitened",
                "activation": activation,
                "psi_n": psi_n,
                "psi_p": psi_p,
                "noise_draws": noise_draws,
                "time": time,
                "ridge": ridge,
            }
            for name, simulated in (
                ("test_loss", fresh.loss(readout)),
                ("train_loss", moments.loss(readout)),
            ):
                row |= {name: simulated, f"{name}_theory": float(theory[name])}
                row[f"{name}_error"] = float(theory[name]) / simulated - 1
            found.append(row)
    return found


def show(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    for seed in range(3):
        for row in rows(*sys.argv[1:2], seed=seed):
            print(f"seed={seed}", *(f"{name}={show(value)}" for name, value in row.items()))
