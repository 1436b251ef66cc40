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

from jinja2 import Environment, PackageLoader

from mnemoscope.errors import InputError
from mnemoscope.runs import Failure, Store, Trial, check_trials, sweep, write_atomic
from mnemoscope.runs.files import one_line_errors
from mnemoscope.studies.figures import THEMES, file_stem, save_plots
from mnemoscope.studies.study import PRESETS, Claim, Plot, Preset, Study


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
        InputError: an unknown preset, or what ``mnemoscope.runs.sweep`` refuses.
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
    with one_line_errors(out):
        (out / "figures").mkdir(exist_ok=True)
    figures = save_plots(plots, out / "figures")
    summary = {
        "study": study.name,
        "preset": attrs["preset"],
        "seconds": sum(record.provenance["seconds"] for _, record in store.records(trials)),
        "spec": _spec(trials, attrs["seed"], results.attrs["code"]),
        "claims": [claim.to_json() for claim in claims],
        "figures": [path.relative_to(out).as_posix() for path in figures],
    }
    finished = int(results.finished.sum())
    write_atomic(out / "summary.json", json.dumps(summary, indent=2, allow_nan=False).encode())
    images = [(plot.caption, _inline(out / "figures", plot)) for plot in plots]
    page = _TEMPLATE.render(title=study.title, summary=summary, images=images, failures=failures, finished=finished)
    write_atomic(out / "report.html", page.encode())
    return Report(claims, failures, len(trials) - finished - len(failures))


def study_name(out: Path) -> str:
    """The name of the study whose trials ``out`` holds.

    Raises:
        InputError: it holds none.
    """
    name = Store(out).manifest()["attrs"].get("study")
    if name is None:
        raise InputError(f"{out}: holds a sweep that is no study")
    return str(name)


def number_text(value: float | None) -> str:
    """A number as tables show it; a dash for none."""
    return "–" if value is None or math.isnan(value) else f"{value:.4g}"


def tolerance_text(tolerance: float | Sequence[float | None]) -> str:
    """A claim's tolerance as tables show it: ± distance, ≥ low, ≤ high, or low to high."""
    if isinstance(tolerance, int | float):
        return f"± {number_text(tolerance)}"
    low, high = tolerance
    if low is None or high is None:
        return f"≥ {number_text(low)}" if high is None else f"≤ {number_text(high)}"
    return f"{number_text(low)} to {number_text(high)}"


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


_ENVIRONMENT = Environment(loader=PackageLoader("mnemoscope.studies", "."), autoescape=True, trim_blocks=True)
_ENVIRONMENT.filters |= {
    "number": number_text,
    "tolerance": tolerance_text,
    "pretty": lambda value: json.dumps(value, indent=2),
}
_TEMPLATE = _ENVIRONMENT.get_template("report.html.j2")
