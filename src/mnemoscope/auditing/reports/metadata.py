"""The metadata of a model card: what model hubs read from the head of a README, as YAML.

``model-index`` is the hubs' list of evaluations: a task, a data set, numbers. The data set here is the training set, by
the name that the report has for it. It is made of ``report.json``, so that a report of long ago has it as well.
"""

import json
from collections.abc import Mapping
from typing import Any

from mnemoscope.errors import InputError
from mnemoscope.text import one_line

TASK = "unconditional-image-generation"
"""Of the tasks that hubs know, the one that most audits are of."""


def model_index(report: Mapping[str, Any], model: str, task: str = TASK) -> str:
    """The block ``model-index`` of a model card.

    Args:
        report: the content of ``report.json``.
        model: name of the model.
        task: its task, by the hubs' names.

    Raises:
        InputError: no content of a report.
    """
    try:
        train = report["provenance"]["data"]["train"]["name"]
        version = report["provenance"]["version"]
        first, rates = next(iter(report["measures"].items()))
        metrics = [
            _metric("memorization", "verdict of the audit", report["tone"]),
            _metric("copies", "share of copies, 95 % lower bound", report["copies"]["share_lower"]),
            _metric(
                "identical", "share identical to a training item", report["identical"]["count"] / report["n_generated"]
            ),
            _metric("copies-by-rule", f"share of copies by {first}", rates["fraction"]),
        ]
        if (near := report["closeness"]) is not None:
            expected = f"share nearer to train than to held-out items, {100 * near['expected']:.3g} % by chance"
            metrics.append(_metric("closeness", expected, near["share"]))
        for metric in metrics:
            metric["args"] = {"samples": report["n_generated"], "mnemoscope": version}
    except (KeyError, TypeError, StopIteration, AttributeError) as error:
        raise InputError(f"a report.json of an audit has more than this: {one_line(str(error))} is missing") from None
    result = {
        "task": {"type": task, "name": "memorization audit"},
        "dataset": {"name": train, "type": train},
        "metrics": metrics,
    }
    return "\n".join(_yaml({"model-index": [{"name": model, "results": [result]}]}))


def _metric(kind: str, name: str, value: float | str) -> dict[str, Any]:
    return {"type": kind, "name": name, "value": value}


def _yaml(value: Any) -> list[str]:
    """Lines of block style; texts are quoted as JSON quotes them, which YAML reads."""
    if isinstance(value, dict):
        lines = []
        for key, inner in value.items():
            nested = isinstance(inner, dict | list)
            lines += [f"{key}:", *(f"  {line}" for line in _yaml(inner))] if nested else [f"{key}: {_scalar(inner)}"]
        return lines
    return [f"{'- ' if first else '  '}{line}" for each in value for first, line in _marked(_yaml(each))]


def _marked(lines: list[str]) -> list[tuple[bool, str]]:
    return [(place == 0, line) for place, line in enumerate(lines)]


def _scalar(value: str | float) -> str:
    # YAML 1.1 takes 1e-05 for a text: numbers have a point.
    if isinstance(value, str):
        return json.dumps(one_line(value, None), ensure_ascii=False)
    return str(value) if isinstance(value, int) else f"{value:.6f}"
