"""The figures of ``curve``: theory as lines, simulation as dots, with bars from the smallest to the largest seed."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemoscope.studies.random_features.model import LOSSES, draws_text, theory_at
from mnemoscope.theory import phase_diagram


def draw_learning_curves(figure: Figure, points: Any) -> None:
    """Test and train loss against ψ_p/ψ_n, for the expectation over the noise and for one draw."""
    figure.set_size_inches(9.0, 4.0)
    psi_n, ratio = points.psi_n.iloc[0], np.geomspace(0.08, 5, 200)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, noise_draws in zip(panels, (math.inf, 1), strict=True):
        dots = points[points.noise_draws == noise_draws]
        line = theory_at(points.iloc[0], psi_p=psi_n * ratio, noise_draws=noise_draws)
        for colour, marker, (name, label) in zip(("C0", "C1"), "os", LOSSES.items(), strict=True):
            axes.plot(ratio, line[name], color=colour, linestyle="-", label=label)
            _dots(axes, dots, name, colour, marker)
        axes.axvline(1, color="C2", linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlabel="ψ_p/ψ_n", ylim=(1e-5, 40))
        axes.set_title(f"{draws_text(noise_draws)}, ψ_n = {psi_n:g}")
        axes.legend(loc="lower left")
    panels[0].set_ylabel("loss per dimension")


def draw_noise_draws(figure: Figure, points: Any) -> None:
    """Test loss against ψ_p/ψ_n, one line for each m."""
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="ψ_p/ψ_n", ylabel="test loss per dimension")
    psi_n, ratio = points.psi_n.iloc[0], np.geomspace(0.08, 12, 200)
    for noise_draws in sorted(points.noise_draws.unique()):
        theory = theory_at(points.iloc[0], psi_p=psi_n * ratio, noise_draws=noise_draws)
        (line,) = axes.plot(ratio, theory.test_loss, label=draws_text(noise_draws))
        _dots(axes, points[points.noise_draws == noise_draws], "test_loss", line.get_color())
    axes.axvline(1, color="C5", linewidth=0.8)
    axes.legend(title=f"ψ_n = {psi_n:g}")


def draw_phase_diagram(figure: Figure, row: Any) -> None:
    """The theory's share of memorization at the curves' time, ridge and activation, for three m."""
    figure.set_size_inches(9.0, 3.4)
    psi = np.geomspace(0.5, 100, 80)
    panels = figure.subplots(1, 3, sharey=True)
    for axes, noise_draws in zip(panels, (1, 4, math.inf), strict=True):
        phases = phase_diagram(
            psi_n=psi,
            psi_p=psi,
            noise_draws=noise_draws,
            time=row.time,
            ridge=row.ridge,
            activation=row.activation,
        )
        axes.pcolormesh(psi, psi, phases.memorization.transpose("psi_p", "psi_n"), vmin=0, vmax=1, rasterized=True)
        axes.plot(psi, phases.boundary, color="white", linestyle="-", linewidth=2)
        axes.plot(psi, psi, color="white", linestyle=":")
        axes.set(xscale="log", yscale="log", xlabel="ψ_n", ylim=(psi[0], psi[-1]))
        axes.set_title(draws_text(noise_draws))
    panels[0].set_ylabel("ψ_p")
    figure.colorbar(panels[0].collections[0], ax=panels, label="share of memorization")


def _dots(axes: Axes, points: Any, loss: str, colour: Any, marker: str = "o") -> None:
    """Means over seeds with a bar from the smallest to the largest."""
    groups = points.groupby(points.psi_p / points.psi_n)[loss].agg(["mean", "min", "max"])
    bars = [groups["mean"] - groups["min"], groups["max"] - groups["mean"]]
    axes.errorbar(groups.index, groups["mean"], yerr=bars, fmt=marker, color=colour, markersize=4, capsize=2)
