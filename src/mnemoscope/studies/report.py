"""From a directory of finished trials to summary.json, figures and report.html.

All three are derived from the trial files and may be made again at any time, also while the sweep still runs.
"""

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnemoscope.errors import InputError
from mnemoscope.output import output_folder, write_json, write_text
from mnemoscope.pages import render
from mnemoscope.studies.figures import THEMES, file_stem, save_plots
from mnemoscope.studies.study import PRESETS, Claim, Plot, Preset, Study
from mnemoscope.sweeps import Failure, Store, Trial, check_trials, sweep


@dataclass(frozen=True)
class Report:
    """What a study found.

    Attributes:
        claims: the checked sentences, in the study's order.
        failures: the trials that kept failing.
        unfinished: how many trials are neither finished nor failed.
    """

    claims: list[Claim]
    failures: list[Failure]
    unfinished: int

    @property
    def holds(self) -> bool:
        """Whether every trial is finished and every claim holds."""
        return not self.failures and not self.unfinished and all(claim.holds for claim in self.claims)


def run_study(
    study: Study,
    out: Path,
    *,
    preset: Preset = "quick",
    seed: int = 0,
    scheduler: str | None = None,
    progress: bool = False,
) -> Report:
    """Compute what is missing of a study in the directory ``out`` and write its report there.

    Raises:
        InputError: an unknown preset, or what ``mnemoscope.sweeps.sweep`` refuses.
        OutputError: ``out`` cannot be written.
    """
    if preset not in PRESETS:
        raise InputError(f"preset: needs one of {', '.join(PRESETS)}, got {preset!r}")
    attrs = {"study": study.name, "preset": preset, "seed": seed}
    sweep(study.trials(preset, seed), out, scheduler=scheduler, attrs=attrs, progress=progress)
    return write_report(study, out)


def write_report(study: Study, out: Path) -> Report:
    """Write summary.json, figures/ and report.html from the trials that are finished.

    Raises:
        InputError: ``out`` does not hold this study.
        OutputError: ``out`` cannot be written.
    """
    store = Store(out)
    if (held := study_name(out)) != study.name:
        raise InputError(f"{out}: holds the study {held}, not {study.name}")
    attrs = store.manifest()["attrs"]
    trials = check_trials(study.trials(attrs["preset"], attrs["seed"]))
    results = store.table(trials)
    failures = store.failures(trials)
    claims, plots = list(study.claims(results)), list(study.plots(results))
    figures = save_plots(plots, output_folder(out / "figures"))
    summary = {
        "study": study.name,
        "preset": attrs["preset"],
        "seconds": sum(record.provenance["seconds"] for _, record in store.records(trials)),
        "spec": _spec(trials, attrs["seed"], results.attrs["code"]),
        "claims": [claim.to_json() for claim in claims],
        "figures": [path.relative_to(out).as_posix() for path in figures],
    }
    finished = int(results.finished.sum())
    report = Report(claims, failures, len(trials) - finished - len(failures))
    write_json(out / "summary.json", summary)
    page = render(
        "studies/report.html.j2",
        title=study.title,
        summary=summary,
        holds=report.holds,
        finished=finished,
        claims=[(claim, *claim_texts(claim)) for claim in claims],
        images=[(plot.caption, _inline(out / "figures", plot)) for plot in plots],
        failures=failures,
        spec=json.dumps(summary["spec"], indent=2),
    )
    write_text(out / "report.html", page)
    return report


def study_name(out: Path) -> str:
    """The name of the study whose trials ``out`` holds.

    Raises:
        InputError: it holds none.
    """
    name = Store(out).manifest()["attrs"].get("study")
    if name is None:
        raise InputError(f"{out}: holds a sweep that is no study")
    return str(name)


def claim_texts(claim: Claim) -> tuple[str, str, str]:
    """The published number, the measured number and the tolerance as tables show them; a dash for none."""
    if not isinstance(claim.tolerance, tuple):
        return _number(claim.published), _number(claim.measured), f"± {_number(claim.tolerance)}"
    low, high = claim.accepted
    if math.isinf(low) or math.isinf(high):
        tolerance = f"≤ {_number(high)}" if math.isinf(low) else f"≥ {_number(low)}"
    else:
        tolerance = f"{_number(low)} to {_number(high)}"
    return _number(claim.published), _number(claim.measured), tolerance


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.4g}"


def _spec(trials: Sequence[Trial], seed: int, code: Sequence[str]) -> dict[str, Any]:
    """The trials in short: for every field its value, or the list of its values."""
    fields: dict[str, Any] = {}
    for name in type(trials[0]).model_fields:
        values = list({json.dumps(trial.spec[name]): trial.spec[name] for trial in trials}.values())
        fields[name] = values if len(values) > 1 else values[0]
    return {"trial": type(trials[0]).__name__, "n_trials": len(trials), "seed": seed, "code": code, "fields": fields}


def _inline(figures: Path, plot: Plot) -> dict[str, str]:
    """A figure's variants as data addresses, so that the page needs no other file."""
    contents = {theme: (figures / f"{file_stem(plot.name, theme)}.png").read_bytes() for theme in THEMES}
    return {theme: f"data:image/png;base64,{base64.b64encode(data).decode()}" for theme, data in contents.items()}
