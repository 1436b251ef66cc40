"""A section of a model card, in the Markdown of the model hubs."""

from mnemoscope.auditing.reports.axes import HEADLINES, axes
from mnemoscope.auditing.result import AuditResult
from mnemoscope.text import one_line

_MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"})


def model_card(result: AuditResult) -> str:
    """Verdict, both axes with their numbers, settings and fingerprints; what data are called is escaped."""
    lines = ["## Memorization audit", "", f"**{HEADLINES[result.tone]}.** {_text(result.verdict)}", ""]
    for axis in axes(result):
        lines += [f"### {axis.name.capitalize()}: {axis.state}", "", _text(axis.meaning), ""]
        if axis.rows:
            lines += [f"| {_text(axis.question)} | |", "|---|---|"]
            lines += [f"| {_text(label)} | {_text(value)} |" for label, value in axis.rows]
            lines += [""]
    lines += ["### What this does not see", "", *(f"- {_text(limit)}" for limit in result.limits), ""]
    lines += ["### Settings", "", "| set | items | SHA-256 |", "|---|---|---|"]
    lines += [
        f"| {part}: {_text(result.label(part))} | {data.n_samples:,} | {'' if result.private else data.fingerprint} |"
        for part, data in result.sets.items()
    ]
    settings = result.provenance
    asked = ", ".join(each.name for each in result.results)
    lines += [
        "",
        f"mnemoscope {settings.get('version')}, seed {settings.get('seed')}, resolution {result.resolution:g}, "
        f"measures {_text(asked)}, null: {result.copies.null_source}.",
        "",
    ]
    return "\n".join(lines)


def _text(text: str) -> str:
    return one_line(text, None).translate(_MARKS)
