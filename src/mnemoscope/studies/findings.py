"""From the trials of a study to summary.json, figures and report.html.

All three are derived from the trial files and may be made again at any time, also while the sweep still runs. The
claims of an experiment wait until all its trials are finished; then each holds or does not.
"""

import base64
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from mnemoscope.choose import choose
from mnemoscope.errors import InputError
from mnemoscope.output import atomic_files, output_subfolder, write_json, write_text
from mnemoscope.pages import render
from mnemoscope.studies.figures import save_plots
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Study
from mnemoscope.sweeps import Certificates, Failure, Store, Sweep, code_version, read_sweep, sweep


@dataclass(frozen=True)
class Waiting:
    """An experiment whose claims wait for trials."""

    experiment: str
    planned: int
    finished: int
    failed: int

    def __str__(self) -> str:
        failed = f", {self.failed} failed" if self.failed else ""
        return f"{self.experiment}: {self.finished} of {self.planned} trials finished{failed}"


@dataclass(frozen=True)
class Findings:
    """What a study found.

    Attributes:
        claims: the checked sentences of complete experiments, in the study's order.
        waiting: the experiments that are not complete.
        failures: the trials that kept failing.
    """

    claims: list[Claim]
    waiting: list[Waiting]
    failures: list[Failure]

    @property
    def holds(self) -> bool:
        """Whether every experiment is complete and every claim holds."""
        return not self.waiting and all(claim.holds for claim in self.claims)

    @property
    def verdict(self) -> str:
        """The findings in one or two sentences: claims that fail, and apart from them claims that wait."""
        failed = [claim.name for claim in self.claims if not claim.holds]
        n = len(self.claims)
        said = [f"{len(failed)} of {n} claims do not hold: {', '.join(failed)}." if failed else ""]
        if n and not failed:
            said = [f"Every one of {n} claims holds." if not self.waiting else f"All {n} claims so far hold."]
        if self.waiting:
            said.append(f"The claims of {', '.join(waiting.experiment for waiting in self.waiting)} wait for trials.")
        return " ".join(sentence for sentence in said if sentence) or "This study makes no claim."


def run_study(
    study: Study,
    out: Path,
    *,
    preset: Preset = "quick",
    seed: int = 0,
    only: Sequence[str] = (),
    scheduler: str | None = None,
    certificates: Certificates | None = None,
    progress: bool = False,
) -> Findings:
    """Compute what is missing of a study in the directory ``out`` and write its report there.

    Args:
        study: the study.
        out: the directory; what it holds of the same trials already is not computed again.
        preset: which trials.
        seed: from which the trials derive theirs.
        only: the kinds of the experiments to compute now; all if empty. The claims of the others wait.
        scheduler: as ``mnemoscope.sweeps.sweep`` takes it.
        certificates: as ``mnemoscope.sweeps.sweep`` takes them.
        progress: show bars.

    Raises:
        InputError: an unknown preset or experiment, another study's directory, or what ``sweep`` refuses.
        OutputError: ``out`` cannot be written.
    """
    planned = study.plan(preset, seed)
    by_kind = {experiment.kind(): trials for experiment, trials in planned.items()}
    now = [trial for kind in only or by_kind for trial in choose(kind, by_kind, "experiment")]
    if os.path.lexists(out / "sweep.json"):
        _check_study(study, out)
    attrs = {"study": study.name, "preset": preset, "seed": seed}
    done = sweep(
        [*chain(*planned.values())],
        out,
        now=now,
        scheduler=scheduler,
        certificates=certificates,
        attrs=attrs,
        progress=progress,
    )
    return _write(study, out, planned, done)


def report_study(study: Study, out: Path) -> Findings:
    """Write summary.json, figures/ and report.html from the trials that are finished.

    Raises:
        InputError: ``out`` does not hold this study.
        OutputError: ``out`` cannot be written.
    """
    attrs = _check_study(study, out)
    planned = study.plan(attrs["preset"], attrs["seed"])
    return _write(study, out, planned, read_sweep([*chain(*planned.values())], out))


def study_name(out: Path) -> str:
    """The name of the study that ``out`` holds.

    Raises:
        InputError: it holds none.
    """
    name = Store(out).manifest()["attrs"].get("study")
    if name is None:
        raise InputError(f"{out}: holds a sweep that is no study")
    return str(name)


def _check_study(study: Study, out: Path) -> dict[str, Any]:
    if (held := study_name(out)) != study.name:
        raise InputError(f"{out}: holds the study {held}, not {study.name}")
    manifest = Store(out).manifest()
    kinds = {experiment.__name__ for experiment in study.experiments}
    if odd := sorted({about["trial"] for about in manifest["trials"].values()} - kinds):
        raise InputError(
            f"{out}: was written by older code ({', '.join(odd)} is no experiment): choose another directory"
        )
    return dict(manifest["attrs"])


def _write(study: Study, out: Path, planned: dict[type[Experiment], list[Experiment]], done: Sweep) -> Findings:
    claims: list[Claim] = []
    plots: list[Plot] = []
    waiting: list[Waiting] = []
    for experiment, trials in planned.items():
        keys = {trial.key for trial in trials}
        finished = len(keys & done.records.keys())
        if finished:
            said, drawn = _ask(experiment, done, complete=finished == len(keys))
            claims += said
            plots += drawn
        if finished < len(keys):
            failed = sum(failure.key in keys for failure in done.failures)
            waiting.append(Waiting(experiment.kind(), len(keys), finished, failed))
    findings = Findings(claims, waiting, done.failures)
    with atomic_files(out) as folder:
        _write_files(study, planned, done, findings, plots, folder)
    return findings


def _write_files(
    study: Study,
    planned: dict[type[Experiment], list[Experiment]],
    done: Sweep,
    findings: Findings,
    plots: Sequence[Plot],
    folder: Path,
) -> None:
    attrs, claims = done.results.attrs, findings.claims
    paths, pictures = save_plots(plots, output_subfolder(folder / "figures"))
    summary = {
        "study": study.name,
        "preset": attrs["preset"],
        "seconds": sum(record.provenance["seconds"] for record in done.records.values()),
        "spec": {"seed": attrs["seed"], "experiments": [_spec(e, trials, done) for e, trials in planned.items()]},
        "claims": [claim.to_json() for claim in claims],
        "waiting": [vars(one) for one in findings.waiting],
        "figures": [path.relative_to(folder).as_posix() for path in paths],
    }
    write_json(folder / "summary.json", summary)
    page = render(
        "studies/report.html.j2",
        title=study.title,
        summary=summary,
        findings=findings,
        n_trials=sum(map(len, planned.values())),
        n_finished=len(done.records),
        claims=[(claim, *claim_texts(claim)) for claim in claims],
        images=[(plot.caption, _inline(picture)) for plot, picture in zip(plots, pictures, strict=True)],
        spec=json.dumps(summary["spec"], indent=2),
        code=_codes(done),
    )
    write_text(folder / "report.html", page)


def _ask(experiment: type[Experiment], done: Sweep, *, complete: bool) -> tuple[list[Claim], list[Plot]]:
    """What an experiment claims, if it is complete, and draws."""
    results = done.results[experiment.kind()].to_dataset()
    try:
        return list(experiment.claims(results)) if complete else [], list(experiment.plots(results))
    except (KeyError, AttributeError):
        # With today's code alone this is a defect and keeps its traceback.
        older = [code for code in results.attrs["code"] if code != code_version()]
        if not older:
            raise
        text = f"its trials were written by older code ({', '.join(older)}) and lack what is claimed or drawn"
        raise InputError(f"{experiment.kind()}: {text}: run the study again in another directory") from None


def claim_texts(claim: Claim) -> tuple[str, str, str]:
    """The published number, the measured number and the tolerance as tables show them; a dash for none."""
    if not isinstance(claim.tolerance, tuple):
        return _number(claim.published), _number(claim.measured), f"± {_number(claim.tolerance)}"
    low, high = claim.accepted
    if math.isinf(low) and math.isinf(high):
        tolerance = "a number"
    elif math.isinf(low) or math.isinf(high):
        tolerance = f"≤ {_number(high)}" if math.isinf(low) else f"≥ {_number(low)}"
    else:
        tolerance = f"{_number(low)} to {_number(high)}"
    return _number(claim.published), _number(claim.measured), tolerance


def _number(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.4g}"


def _spec(experiment: type[Experiment], trials: Iterable[Experiment], done: Sweep) -> dict[str, Any]:
    """The trials in short: for every field its value, or the list of its values."""
    specs = [trial.spec for trial in trials]
    fields: dict[str, Any] = {}
    for name in experiment.model_fields:
        values = list({json.dumps(spec[name]): spec[name] for spec in specs}.values())
        fields[name] = values if len(values) > 1 else values[0]
    code = done.results[experiment.kind()].attrs["code"]
    return {"experiment": experiment.kind(), "n_trials": len(specs), "code": code, "fields": fields}


def _codes(done: Sweep) -> list[str]:
    return sorted({record.provenance["code"] for record in done.records.values()})


def _inline(picture: dict[str, bytes]) -> dict[str, str]:
    """A figure's variants as data addresses, so that the page needs no other file."""
    return {theme: f"data:image/png;base64,{base64.b64encode(data).decode()}" for theme, data in picture.items()}
