"""The figures: theory as lines, simulation as dots, with bars from the smallest to the largest seed."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemoscope.studies.random_features.claims import as_frame, gap, mean_over_seeds
from mnemoscope.studies.random_features.images import FASHION_MNIST
from mnemoscope.studies.random_features.trials import SAMPLES
from mnemoscope.studies.random_features.unet_results import UNET, draw_unet
from mnemoscope.studies.study import Plot
from mnemoscope.theory import learning_curve, phase_diagram, spectral_density, training_curve

LEARNING_CURVES = (
    "Losses against features per sample: m = ∞ (left) and m = 1 (right). Lines are theory. A finite model has no m = ∞:"
    " the dots on the left have the largest m trained, and the dotted lines are the theory at that m."
)
NOISE_DRAWS = "Test loss for several m. Few draws hurt below ψ_p = ψ_n and save the model beyond it."
PHASE_DIAGRAM = "Share of memorization; the line is where it passes 1/2, the dots are ψ_p = ψ_n (theory)."
SIZE = "Gap between simulated and predicted test loss against the dimension; the thick line is 1/d."
TRAINING_TIME = "Losses along gradient flow from zero. The test loss turns where memorization sets in."
SPECTRUM = "Eigenvalues of one simulated feature covariance, and their predicted density."
IMAGES = (
    "Losses of models fitted on real images against the theory fed with the images' spectrum. Theory over"
    " simulation − 1 of the test loss: "
)
COPIES = (
    f"Share of {SAMPLES} generated digits that are copies of a training digit, against the number of features; bars are"
    " 95 % intervals of the excess over held-out digits, lines join means over seeds."
)

_LOSSES = {"test_loss": "test loss", "train_loss": "train loss"}


def draw_plots(results: xr.Dataset) -> list[Plot]:
    """All figures whose trials have begun to come in, most important first."""
    results = results.isel(trial=np.flatnonzero(results.finished))
    frame = as_frame(results)
    part = {name: frame[frame.part == name] for name in frame.part.unique()}
    table = {name: results.isel(trial=np.flatnonzero(results.part == name)) for name in part}
    missing = "" if FASHION_MNIST.is_dir() else f" Fashion-MNIST is skipped: {FASHION_MNIST} is not there."
    plots: list[Plot] = []

    def add(name: str, draw: Callable[..., None], rows: Any, caption: str) -> None:
        plots.append(Plot(name, caption, lambda figure: draw(figure, rows)))

    if "curve" in part:
        add("learning-curves", _learning_curves, part["curve"], LEARNING_CURVES)
        add("noise-draws", _noise_draws, part["curve"], NOISE_DRAWS)
        add("phase-diagram", _phase_diagram, part["curve"].iloc[0], PHASE_DIAGRAM)
    if "size" in part:
        add("size", _size, part["size"], SIZE)
    if "training-time" in part:
        add("training-time", _training_time, table["training-time"], TRAINING_TIME)
    if "spectrum" in part:
        add("spectrum", _spectrum, table["spectrum"], SPECTRUM)
    if "images" in part:
        add("images", _images, part["images"], IMAGES + _image_ranges(part["images"]) + missing)
    if "copies" in part:
        add("copies", _copies, part["copies"], COPIES)
    if "unet" in part:
        add("unet", draw_unet, part["unet"], UNET)
    return plots


def _theory(row: Any, **changes: Any) -> xr.Dataset:
    """The learning curve at the setting of one row, with changes."""
    names = ("psi_n", "psi_p", "noise_draws", "time", "ridge", "activation")
    return learning_curve(**({name: row[name] for name in names} | changes))


def _dots(axes: Axes, rows: Any, x: str, y: str, colour: Any, marker: str = "o") -> None:
    """Means over seeds with a bar from the smallest to the largest."""
    groups = rows.groupby(x)[y].agg(["mean", "min", "max"])
    bars = [groups["mean"] - groups["min"], groups["max"] - groups["mean"]]
    axes.errorbar(groups.index, groups["mean"], yerr=bars, fmt=marker, color=colour, markersize=4, capsize=2)


def _learning_curves(figure: Figure, rows: Any) -> None:
    figure.set_size_inches(9.0, 4.0)
    psi_n, largest = rows.psi_n.iloc[0], rows.noise_draws.max()
    ratio = np.geomspace(0.08, 5, 200)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, noise_draws, drawn in zip(panels, (math.inf, 1), (largest, 1), strict=True):
        dots = rows[rows.noise_draws == drawn].assign(ratio=rows.psi_p / rows.psi_n)
        line, same = (_theory(rows.iloc[0], psi_p=psi_n * ratio, noise_draws=m) for m in (noise_draws, drawn))
        for colour, marker, (name, label) in zip(("C0", "C1"), "os", _LOSSES.items(), strict=True):
            axes.plot(ratio, line[name], color=colour, linestyle="-", label=label)
            if drawn != noise_draws:
                axes.plot(ratio, same[name], color=colour, linestyle=":", label=f"{label}, theory at m = {drawn:g}")
            _dots(axes, dots, "ratio", name, colour, marker)
        axes.axvline(1, color="C2", linewidth=0.8)
        axes.set(xscale="log", yscale="log", xlabel="ψ_p/ψ_n", ylim=(1e-5, 40))
        axes.set_title(f"m = {'∞' if math.isinf(noise_draws) else 1}, ψ_n = {psi_n:g}")
        axes.legend(loc="lower left")
    panels[0].set_ylabel("loss per dimension")


def _noise_draws(figure: Figure, rows: Any) -> None:
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="ψ_p/ψ_n", ylabel="test loss per dimension")
    psi_n, ratio = rows.psi_n.iloc[0], np.geomspace(0.08, 12, 200)
    simulated = sorted(rows.noise_draws.unique())
    for noise_draws in [*simulated, math.inf]:
        theory = _theory(rows.iloc[0], psi_p=psi_n * ratio, noise_draws=noise_draws)
        label = "m = ∞" if math.isinf(noise_draws) else f"m = {noise_draws:g}"
        (line,) = axes.plot(ratio, theory.test_loss, label=label)
        if noise_draws in simulated:
            dots = rows[rows.noise_draws == noise_draws].assign(ratio=rows.psi_p / rows.psi_n)
            _dots(axes, dots, "ratio", "test_loss", line.get_color())
    axes.axvline(1, color="C5", linewidth=0.8)
    axes.legend(title=f"ψ_n = {psi_n:g}")


def _phase_diagram(figure: Figure, row: Any) -> None:
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
        axes.set_title(f"m = {'∞' if math.isinf(noise_draws) else noise_draws}")
    panels[0].set_ylabel("ψ_p")
    figure.colorbar(panels[0].collections[0], ax=panels, label="share of memorization")


def _size(figure: Figure, rows: Any) -> None:
    axes = figure.add_subplot(xscale="log", yscale="log", xlabel="d", ylabel="|simulation/theory − 1|")
    means = mean_over_seeds(rows, ["activation", "psi_n", "psi_p", "noise_draws", "time", "dim"])
    for marker, (setting, group) in zip(
        "osD^vP", means.groupby(["activation", "psi_n", "psi_p", "noise_draws"]), strict=False
    ):
        activation, psi_n, psi_p, noise_draws = setting
        label = f"{activation}, ψ_n = {psi_n:g}, ψ_p = {psi_p:g}, m = {noise_draws:g}"
        axes.plot(group.dim, abs(gap(group)), marker=marker, markersize=4, linewidth=0.8, label=label)
    dims = np.unique(means.dim)
    axes.plot(dims, 1 / dims, color="C3", linestyle="-", linewidth=2, alpha=0.5, label="1/d")
    axes.set_xticks(dims, [f"{dim:g}" for dim in dims])
    axes.minorticks_off()
    axes.set_ylim(bottom=axes.get_ylim()[0] / 50)  # room for the legend
    axes.legend(fontsize=7, loc="lower left")


def _training_time(figure: Figure, rows: xr.Dataset) -> None:
    figure.set_size_inches(9.0, 4.0)
    times = np.geomspace(float(rows.training_time[0]), float(rows.training_time[-1]), 100)
    panels = figure.subplots(1, 2)
    for noise_draws in np.unique(rows.noise_draws):
        same = rows.isel(trial=np.flatnonzero(rows.noise_draws == noise_draws))
        names = ("psi_n", "psi_p", "time", "noise_draws")
        setting = {name: float(same[name][0]) for name in names}
        theory = training_curve(**setting, training_time=times, activation=str(same.activation.values[0]))
        for axes, path, name in zip(panels, ("test_path", "train_path"), _LOSSES, strict=True):
            (line,) = axes.plot(times, theory[name], label=f"m = {noise_draws:g}")
            mean, low, high = same[path].mean("trial"), same[path].min("trial"), same[path].max("trial")
            axes.errorbar(
                same.training_time, mean, [mean - low, high - mean], fmt="o", color=line.get_color(), markersize=4
            )
    for axes, label in zip(panels, _LOSSES.values(), strict=True):
        axes.set(xscale="log", xlabel="training time τ", ylabel=f"{label} per dimension")
        axes.legend()


def _spectrum(figure: Figure, rows: xr.Dataset) -> None:
    row = rows.isel(trial=0)
    eigenvalues = row.eigenvalue.dropna("mode").values
    eigenvalues = eigenvalues[eigenvalues > 1e-8]
    n_features = round(float(row.psi_p) * int(row.dim))
    bins = np.geomspace(eigenvalues.min() * 0.9, eigenvalues.max() * 1.1, 60)
    names = ("psi_n", "psi_p", "time", "noise_draws")
    setting: dict[str, Any] = {name: float(row[name]) for name in names}
    x = np.geomspace(bins[0], bins[-1], 600)
    density = spectral_density(eigenvalue=x, **setting, activation=str(row.activation.values))
    axes = figure.add_subplot(xscale="log", xlabel="eigenvalue k of K", ylabel="share of modes per unit of log k")
    counts, _ = np.histogram(eigenvalues, bins)
    axes.stairs(counts / n_features / np.diff(np.log(bins)), bins, fill=True, alpha=0.5, color="C0", label="simulation")
    axes.plot(x, density * x, color="C1", linestyle="-", label="theory")
    axes.set_title(f"{row.activation.values}, d = {int(row.dim)}, p = {n_features}, m = {int(row.noise_draws)}")
    axes.legend()


def _image_ranges(rows: Any) -> str:
    """The smallest and largest gap of the theory for each data set, raw and whitened."""
    texts = []
    for (data, whitened), group in rows.groupby(["data", "whitened"]):
        gaps = (group.test_theory / group.test_loss - 1).to_numpy()
        texts.append(f"{data}, {_scaling(whitened)}, {gaps.min():+.1%} to {gaps.max():+.1%}")
    return "; ".join(texts) + "."


def _scaling(whitened: bool) -> str:
    return "whitened" if whitened else "raw"


def _images(figure: Figure, rows: Any) -> None:
    figure.set_size_inches(9.0, 4.2)
    panels = figure.subplots(1, 2)
    for axes, (loss, label) in zip(panels, (("test", "test loss"), ("train", "train loss")), strict=True):
        for (data, whitened), group in rows.groupby(["data", "whitened"]):
            axes.plot(
                group[f"{loss}_theory"],
                group[f"{loss}_loss"],
                "o" if data == "digits" else "s",
                color="C0" if whitened else "C1",
                fillstyle="full" if whitened else "none",
                label=f"{data}, {_scaling(whitened)}",
            )
        ends = [rows[[f"{loss}_theory", f"{loss}_loss"]].min().min(), rows[f"{loss}_theory"].max()]
        axes.plot(ends, ends, color="C2", linestyle="-", linewidth=0.8, label="equal")
        axes.set(xscale="log", yscale="log", xlabel=f"{label}, theory", ylabel=f"{label}, simulation")
        ticks = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0]
        shown = [tick for tick in ticks if ends[0] <= tick <= ends[1]]
        axes.minorticks_off()
        axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
        axes.set_yticks(shown, [f"{tick:g}" for tick in shown])
        axes.legend()


def _copies(figure: Figure, rows: Any) -> None:
    axes = figure.add_subplot(xscale="log", xlabel="p/n", ylabel="copies among the samples")
    axes.axvline(1, color="C5", linewidth=0.8)
    for marker, (noise_draws, group) in zip("osD", rows.groupby("noise_draws"), strict=False):
        ratio = group.psi_p / group.psi_n
        mean = group.groupby(ratio).copies.mean()
        (line,) = axes.plot(mean.index, mean, label=f"m = {noise_draws:g}")
        excess = group.copies - group.null
        bars = [excess - group.excess_low, group.excess_high - excess]
        axes.errorbar(ratio, group.copies, bars, fmt=marker, color=line.get_color(), markersize=4, capsize=2)
    axes.axhline(rows.null.mean(), color="C3", linestyle=":", label="held-out null")
    axes.legend()
