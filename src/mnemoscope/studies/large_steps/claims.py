"""What the study checks, computed from the table of its trials.

A claim whose trials are not finished, failed or diverged is NaN and holds nothing. The bands of the published excess
risks were read off a figure: 95 % of the runs.
"""

import math
from typing import Any

import numpy as np
import xarray as xr

from mnemoscope.studies.large_steps.descents import AVERAGED
from mnemoscope.studies.large_steps.laws import LAWS
from mnemoscope.studies.large_steps.trials import Experiment
from mnemoscope.studies.study import Claim
from mnemoscope.sweeps.trial import Array

PAPER = "Wu, Marion, Biau & Boyer, arXiv 2502.03435"
STABILITY = "Cohen et al., arXiv 2103.00065; linear stability in arXiv 2502.03435"

PUBLISHED: dict[
    float, dict[float, tuple[float, ...]]
] = {  # time → η → mean over runs, and the band where one is given; d = 1
    0.05: {0.01: (0.246, 0.09, 0.44), 0.05: (0.377, 0.25, 0.50), 0.1: (0.489, 0.33, 0.65), 0.5: (2.03, 1.81, 2.26)},
    0.2: {0.01: (0.013,), 0.05: (0.013,), 0.1: (0.020,), 0.5: (0.511, 0.40, 0.62)},
}

MEASUREMENTS = ["diverged", "excess_risk", "mmd_optimal", "mmd_gaussian", "copies", "null", "excess_low", "excess_high"]
STABLE = ["stability_ratio", "average_ratio", "irregularity", "sharp_bound", "stable_bound"]


def as_frame(results: xr.Dataset) -> Any:
    """The numbers of every finished trial as a pandas table, one row each."""
    results = results.isel(trial=np.flatnonzero(results.finished))
    names = [name for name, values in results.data_vars.items() if values.dims == ("trial",)]
    frame = results[names].to_dataframe().reset_index(drop=True)
    laws = [f"{kind}_{law}" for kind in ("margin", "checked") for law in LAWS]
    return frame.reindex(
        columns=[*dict.fromkeys([*frame.columns, *Experiment.model_fields, *MEASUREMENTS, *STABLE, *laws])]
    )


def compute_claims(results: xr.Dataset) -> list[Claim]:
    """All claims, in the order of the study's parts."""
    frame = as_frame(results)
    part = {name: frame[frame.part == name] for name in ("laws", "risk", "stability", "generation")}
    return [
        *_law_claims(part["laws"]),
        *_stability_claims(part["stability"]),
        *_risk_claims(part["risk"]),
        *_generation_claims(part["generation"]),
    ]


def _law_claims(rows: Any) -> list[Claim]:
    claims = [
        Claim(
            "configurations",
            "The theorems are checked on at least 200 configurations of data, noise and networks.",
            PAPER,
            float(len(rows)),
            (200, None),
        )
    ]
    for law, title in LAWS.items():
        margins, places = rows[f"margin_{law}"].dropna(), rows[f"checked_{law}"].sum()
        statement = (
            f"{title}: holds wherever its conditions are met, {len(margins)} configurations, {places:.0f} places or"
            " networks (smallest ratio of the larger to the smaller side)."
        )
        measured = float(margins.min()) if len(margins) else math.nan
        claims.append(Claim(f"law-{law.replace('_', '-')}", statement, PAPER, measured, (1.0, None)))
    return claims


def _stability_claims(rows: Any) -> list[Claim]:
    alive = rows[(rows.diverged == 0) & rows.stability_ratio.notna()]
    where = f", largest at η = {alive.learning_rate[alive.stability_ratio.idxmax()]:g}" if len(alive) else ""
    return [
        Claim(
            "sharpness",
            f"At the end of full-batch descent the sharpness is at most 2/(width η) and 10 % ({len(alive)} networks"
            f"{where}).",
            STABILITY,
            _extreme(alive.stability_ratio, max),
            (None, 1.1),
        ),
        Claim(
            "sharpness-average",
            f"The same of the weights averaged over the last {AVERAGED} steps: where a descent does not settle, the"
            " point that it goes round.",
            STABILITY,
            _extreme(alive.average_ratio, max),
            (None, 1.1),
        ),
        Claim(
            "irregularity",
            "TV_π of every network trained so is below the bound of Prop. 6 at its own sharpness (smallest ratio of"
            " bound to TV_π).",
            PAPER,
            _extreme(alive.sharp_bound / alive.irregularity, min),
            (1.0, None),
        ),
    ]


def _extreme(values: Any, pick: Any) -> float:
    return float(pick(values)) if len(values) else math.nan


def _risk_claims(rows: Any) -> list[Claim]:
    claims = []
    for (dim, time), group in rows.groupby(["dim", "time"]):
        means = mean_risks(group)
        steps = (means[1:] / means[:-1]) if len(means) > 1 else np.array([math.nan])
        claims.append(
            Claim(
                f"risk-grows-d{dim:g}-t{time:g}",
                f"At d = {dim:g}, t = {time:g} the excess risk grows with η (smallest ratio of neighbouring means).",
                PAPER,
                float(steps.min()),
                (1.0, None),
            )
        )
    line = rows[rows.dim == 1]
    for time, published in PUBLISHED.items():
        for eta, (mean, *band) in published.items():
            runs = line[(line.time == time) & (line.learning_rate == eta)].excess_risk
            if not band or not len(runs):
                continue
            claims.append(
                Claim(
                    f"risk-t{time:g}-eta{eta:g}",
                    f"The mean excess risk at d = 1, t = {time:g}, η = {eta:g} lies in the published band"
                    f" ({len(runs)} runs).",
                    f"{PAPER}, Fig. 2, read off",
                    float(runs.to_numpy().mean()),
                    (band[0], band[1]),
                    mean,
                )
            )
    return claims


def mean_risks(rows: Any) -> Array:
    """Mean excess risk for every η, in ascending order of η."""
    means: Array = rows.groupby("learning_rate").excess_risk.agg(lambda runs: runs.to_numpy().mean()).to_numpy()
    return means


def _generation_claims(rows: Any) -> list[Claim]:
    figure3 = rates_rows(rows)
    dims = mean_distances(dimension_rows(rows), "dim")
    ratios = dims.mmd_gaussian.to_numpy()[1:] / dims.mmd_gaussian.to_numpy()[:-1]
    small, large = (figure3[figure3.learning_rate == eta] for eta in (0.1, 1.0))
    apart = (small.excess_low.to_numpy() - large.excess_high.to_numpy()) if len(small) == len(large) else np.empty(0)
    return [
        Claim(
            "crossing",
            "The distances MMD² of the samples to those of the optimal score and to the fitted Gaussian cross at an η"
            " between 0.1 and 1 (means over seeds, interpolated in log η).",
            f"{PAPER}, Fig. 3",
            crossing(mean_distances(figure3, "learning_rate")),
            (0.1, 1.0),
        ),
        Claim(
            "dimension",
            f"MMD² to the fitted Gaussian falls with d ({', '.join(f'{d:g}' for d in dims.index)}; largest ratio of"
            " neighbouring means).",
            f"{PAPER}, Fig. 4",
            _extreme(ratios, max),
            (None, 1.0),
        ),
        Claim(
            "dimension-vanishes",
            "At the largest d the distance to the fitted Gaussian has vanished beside that to the optimal score's"
            " samples (ratio of the two).",
            f"{PAPER}, Fig. 4",
            float((dims.mmd_gaussian / dims.mmd_optimal).to_numpy()[-1]) if len(dims) else math.nan,
            (None, 0.01),
        ),
        Claim(
            "copies",
            "More samples are copies at η = 0.1 than at η = 1: distance between the 95 % intervals of their excess over"
            " the null, smallest over seeds.",
            "here",
            _extreme(apart, min),
            (0.0, None),
        ),
    ]


def rates_rows(rows: Any) -> Any:
    """The networks of Fig. 3: those of two dimensions."""
    return rows[rows.dim == 2].sort_values(["learning_rate", "seed"])


def dimension_rows(rows: Any) -> Any:
    """The networks of Fig. 4: those that share η and steps with one of more than two dimensions."""
    high = rows[rows.dim > 2]
    same = rows[rows.learning_rate.isin(high.learning_rate) & rows.steps.isin(high.steps)]
    return same.sort_values(["dim", "seed"])


def mean_distances(rows: Any, by: str) -> Any:
    """Means of the two distances over seeds; NaN where one of them is."""
    return rows.groupby(by)[["mmd_optimal", "mmd_gaussian"]].agg(lambda values: values.to_numpy().mean())


def crossing(distances: Any) -> float:
    """The first η from which the samples are closer to the fitted Gaussian than to the optimal score's; NaN if none."""
    kept = distances.dropna()
    closer, log_eta = (kept.mmd_optimal - kept.mmd_gaussian).to_numpy(), np.log(kept.index.to_numpy())
    passes = np.flatnonzero((closer[:-1] < 0) & (closer[1:] >= 0))
    if not passes.size:
        return math.nan
    i = passes[0]
    return math.exp(np.interp(0.0, closer[i : i + 2], log_eta[i : i + 2]))
