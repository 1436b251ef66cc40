"""What the study checks, computed from the table of its trials.

Gaps are simulation/theory − 1 at the same parameters, of the mean over seeds. A finite model differs from the limit by
a term of order 1/d, so a tolerance stated for d = 400 is scaled by 400/d where the largest model is smaller (the quick
preset). A group with an unfinished trial is NaN and holds nothing.
"""

import math
from typing import Any

import numpy as np
import xarray as xr

from mnemoscope.studies.random_features.trials import Experiment
from mnemoscope.studies.study import Claim
from mnemoscope.sweeps.trial import Array
from mnemoscope.theory import learning_curve

PAPER = "George, Veiga & Macris, arXiv 2502.00336"
NOTE = "docs/theory/learning-curves.md"

SETTING = ["activation", "psi_n", "psi_p", "noise_draws", "time"]
COPIES = ["copies", "null", "excess_low", "excess_high", "n_parameters"]
LOSSES = ["test_loss", "train_loss", "test_theory", "train_theory", "bayes_loss"]

SANITY = [  # psi_p, noise_draws, score error, train loss, as printed; tanh, psi_n = 4, ridge = 1e-3, time = 0.1
    (2.0, 1.0, "4.06", ".417"),
    (2.0, math.inf, ".525", ".780"),
    (8.0, 1.0, "5.44", ".0012"),
    (8.0, math.inf, "2.58", ".630"),
]


def as_frame(results: xr.Dataset) -> Any:
    """The numbers of every trial as a pandas table, one row each."""
    names = [name for name, values in results.data_vars.items() if values.dims == ("trial",)]
    frame = results[names].to_dataframe().reset_index(drop=True)
    return frame.reindex(columns=[*dict.fromkeys([*frame.columns, *Experiment.model_fields, *LOSSES, *COPIES])])


def mean_over_seeds(rows: Any, by: list[str]) -> Any:
    """The mean losses of every group, NaN where one is missing."""
    return rows.groupby(by)[LOSSES].agg(lambda values: values.to_numpy().mean()).reset_index()


def gap(rows: Any, loss: str = "test") -> Array:
    """Simulation/theory − 1."""
    found: Array = (rows[f"{loss}_loss"] / rows[f"{loss}_theory"] - 1).to_numpy()
    return found


def compute_claims(results: xr.Dataset) -> list[Claim]:
    """All claims, in the order of the issue."""
    frame = as_frame(results)
    return [*_size_claims(frame), *_curve_claims(frame), *_image_claims(frame), *_sanity_claims()]


def _size_claims(frame: Any) -> list[Claim]:
    sizes = mean_over_seeds(frame[frame.part == "size"], [*SETTING, "dim"])
    largest = int(sizes.dim.max())
    claims = []
    for dim, tolerance in ((100, 0.05), (largest, 0.015 * max(1.0, 400 / largest))):
        scaled = "" if dim in (100, 400) else f"; at d = 400, 1.5 %, scaled by 400/{dim}"
        rows = sizes[sizes.dim == dim]
        for loss in ("test", "train"):
            gaps = abs(gap(rows, loss))
            worst = rows.iloc[int(gaps.argmax())]
            statement = (
                f"At d = {dim} theory and simulated {loss} loss agree within {tolerance:.2g}{scaled} (largest of"
                f" {len(rows)} settings: {_setting_text(worst)}, {loss} loss {worst[f'{loss}_theory']:.2g})."
            )
            name = f"theory-{loss}-d{dim}"
            claims.append(Claim(name, statement, NOTE, float(gaps.max()), (None, tolerance)))
    for loss in ("test", "train"):
        gaps = gaps_in_the_limit(sizes, loss)
        statement = (
            f"Extrapolated to d = ∞ (a line in 1/d, weights d²) the gap of the {loss} loss is within {tolerance:.2g}"
            f" (largest of {len(gaps)} settings)."
        )
        claims.append(Claim(f"theory-{loss}-limit", statement, NOTE, float(gaps.max()), (None, tolerance)))
    claims.append(
        Claim(
            name="gap-slope",
            statement=f"The gap to the theory falls like 1/d (slope of log gap against log d, 50 to {largest}; gap of"
            " the test loss averaged over all settings).",
            source=NOTE,
            published=-1.0,
            measured=gap_slope(sizes),
            tolerance=0.3,
        )
    )
    return claims


def _setting_text(row: Any) -> str:
    return f"{row.activation}, ψ_n = {row.psi_n:g}, ψ_p = {row.psi_p:g}, m = {row.noise_draws:g}, t = {row.time:g}"


def gaps_in_the_limit(sizes: Any, loss: str) -> Array:
    """|gap| of every setting where a line in 1/d meets d = ∞.

    The weights: the spread over seeds falls like 1/d, and what the line leaves out, 1/d², faster.
    """
    found = []
    for _, group in sizes.groupby(SETTING):
        gaps, dims = gap(group, loss), group.dim.to_numpy()
        found.append(abs(np.polyfit(1 / dims, gaps, 1, w=dims)[1]) if np.isfinite(gaps).all() else np.nan)
    return np.array(found)


def gap_slope(sizes: Any) -> float:
    """Slope of log |gap| against log d, the gap averaged over the settings."""
    dims = np.unique(sizes.dim)
    gaps = [abs(gap(sizes[sizes.dim == dim]).mean()) for dim in dims]
    return float(_fit(dims, np.log(gaps), 1)[0])


def _curve_claims(frame: Any) -> list[Claim]:
    curves = mean_over_seeds(frame[frame.part == "curve"], SETTING)
    curves["ratio"] = curves.psi_p / curves.psi_n
    few, many = curves[curves.noise_draws == 1], curves[curves.noise_draws == curves.noise_draws.max()]
    m = int(many.noise_draws.iloc[0])
    both = few.merge(many, on="ratio", suffixes=("_few", "_many"))
    better = both.test_loss_few / both.test_loss_many
    beyond = many[many.ratio >= 1]
    steps = np.diff(beyond.test_loss), -np.diff(beyond.train_loss)
    gaps = abs(gap(curves))
    worst = curves.iloc[int(gaps.argmax())]

    def claim(name: str, statement: str, measured: float, tolerance: Any, published: float | None = None) -> Claim:
        return Claim(name, statement, PAPER, measured, tolerance, published)

    return [
        claim(
            "theory-curves",
            "Along the learning curves, d = 100, theory and simulated test loss agree within 5 % (largest of"
            f" {len(curves)} points: {_setting_text(worst)}).",
            float(gaps.max()),
            (None, 0.05),
        ),
        claim(
            "peak",
            "The simulated test loss of m = 1 peaks at ψ_p = ψ_n (parabola through its means in log ψ_p).",
            peak(few[(few.ratio > 0.7) & (few.ratio < 1.3)]),
            0.05,
            1.0,
        ),
        claim(
            "draws-help",
            f"For p < n more noise draws are better: simulated test loss of m = 1 over m = {m}, smallest for ψ_p/ψ_n"
            " from 0.25 to 0.5.",
            float(better[(both.ratio >= 0.25) & (both.ratio < 1)].to_numpy().min()),
            (1.0, None),
        ),
        claim(
            "draws-harm",
            f"Deep in p > n more noise draws are worse: the same ratio, largest for ψ_p ≥ 2 ψ_n, m = {m}.",
            float(better[both.ratio >= 2].to_numpy().max()),
            (None, 1.0),
        ),
        claim(
            "crossover",
            f"The simulated share of memorization of m = {m} passes 1/2 at ψ_p = ψ_n (interpolated in log ψ_p).",
            crossing(many),
            0.15,
            1.0,
        ),
        claim(
            "crossover-losses",
            f"Beyond ψ_p = ψ_n the test loss of m = {m} grows and its train loss falls (smallest step).",
            float(np.min(steps)),
            (0.0, None),
        ),
    ]


def peak(rows: Any) -> float:
    """Where a parabola in log ψ_p/ψ_n through the test losses is highest."""
    curvature, slope, _ = _fit(rows.ratio, rows.test_loss, 2)
    return math.exp(-slope / (2 * curvature)) if curvature < 0 else math.nan


def crossing(rows: Any) -> float:
    """The first ψ_p/ψ_n at which the share of memorization passes 1/2, NaN if none."""
    excess = rows.test_loss - rows.bayes_loss
    share = (excess / (excess + rows.train_loss)).to_numpy()
    passes = np.flatnonzero(np.isfinite(share).all() & (share[:-1] < 0.5) & (share[1:] >= 0.5))
    if not passes.size:
        return math.nan
    i, log_ratio = passes[0], np.log(rows.ratio.to_numpy())
    return math.exp(np.interp(0.5, share[i : i + 2], log_ratio[i : i + 2]))


def _fit(x: Any, y: Any, degree: int) -> Array:
    """Coefficients of a polynomial in log x, highest power first; NaN where a value is missing."""
    if not np.isfinite(y).all():
        return np.full(degree + 1, np.nan)
    coefficients: Array = np.polyfit(np.log(x), y, degree)
    return coefficients


def _image_claims(frame: Any) -> list[Claim]:
    """One claim for each data set that is there."""
    rows = frame[(frame.part == "images") & frame.whitened]
    return [
        Claim(
            name=f"whitened-{data}",
            statement=f"On {data}, whitened, the theory fed with the data's spectrum gives the test loss within 7 %"
            " (largest gap of all settings and seeds).",
            source=NOTE,
            measured=float(abs(gap(group)).max()),
            tolerance=(None, 0.07),
        )
        for data, group in rows.groupby("data")
    ]


def _sanity_claims() -> list[Claim]:
    claims = []
    for psi_p, noise_draws, *printed in SANITY:
        curve = learning_curve(psi_n=4.0, psi_p=psi_p, noise_draws=noise_draws, time=0.1, ridge=1e-3, activation="tanh")
        for loss, text in zip(("score_error", "train_loss"), printed, strict=True):
            m = "inf" if math.isinf(noise_draws) else f"{noise_draws:g}"
            claims.append(
                Claim(
                    name=f"value-{loss.replace('_', '-')}-p{psi_p:g}-m{m}",
                    statement=f"The theory's {loss.replace('_', ' ')} to all digits given (tanh, ψ_n = 4,"
                    f" ψ_p = {psi_p:g}, m = {m}, λ = 1e-3, t = .1).",
                    source=PAPER,
                    published=float(text),
                    measured=float(curve[loss]),
                    tolerance=0.5 * 10.0 ** -len(text.split(".")[1]),
                )
            )
    return claims
