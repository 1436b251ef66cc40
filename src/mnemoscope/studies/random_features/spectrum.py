"""The eigenvalues of one feature covariance K, whose bulks the theory predicts."""

from collections.abc import Iterator

import numpy as np
import torch
import xarray as xr
from matplotlib.figure import Figure

from mnemoscope.studies.random_features.model import GaussianModel
from mnemoscope.studies.rows import rows
from mnemoscope.studies.study import Plot, Preset, Seeds
from mnemoscope.sweeps import Result, grid
from mnemoscope.theory import spectral_density


class Spectrum(GaussianModel, frozen=True):
    """The eigenvalues of the covariance of the features over the training draws."""

    def run(self) -> Result:
        generator = torch.Generator().manual_seed(self.seed)
        moments = self.draw(self.items(generator), generator).moments
        return {"eigenvalue": ("mode", torch.linalg.eigvalsh(moments.features).numpy())}

    @classmethod
    def plan(cls, preset: Preset, seeds: Seeds) -> list["Spectrum"]:
        model = {"activation": "tanh", "psi_n": 4.0, "psi_p": 8.0, "noise_draws": 4, "time": 0.05}
        return grid(cls, **model, dim=100 if preset == "quick" else 200, seed=seeds(1))

    @classmethod
    def plots(cls, results: xr.Dataset) -> Iterator[Plot]:
        yield Plot(
            "spectrum",
            "Eigenvalues of one simulated feature covariance, and their predicted density.",
            lambda figure: draw_spectrum(figure, rows(results).isel(trial=0)),
        )


def draw_spectrum(figure: Figure, trial: xr.Dataset) -> None:
    """A histogram in log k, and the density of the limit."""
    n_features = trial.sizes["mode"]
    eigenvalues = trial.eigenvalue.values
    eigenvalues = eigenvalues[eigenvalues > 1e-8]
    bins = np.geomspace(eigenvalues.min() * 0.9, eigenvalues.max() * 1.1, 60)
    setting = {name: float(trial[name]) for name in ("psi_n", "psi_p", "time", "noise_draws")}
    x = np.geomspace(bins[0], bins[-1], 600)
    density = spectral_density(eigenvalue=x, **setting, activation=str(trial.activation.values))
    axes = figure.add_subplot(xscale="log", xlabel="eigenvalue k of K", ylabel="share of modes per unit of log k")
    counts, _ = np.histogram(eigenvalues, bins)
    axes.stairs(counts / n_features / np.diff(np.log(bins)), bins, fill=True, alpha=0.5, color="C0", label="simulation")
    axes.plot(x, density * x, color="C1", linestyle="-", label="theory")
    axes.set_title(f"{trial.activation.values}, d = {int(trial.dim)}, p = {n_features}, m = {int(trial.noise_draws)}")
    axes.legend()
