"""The lowest versions that pyproject.toml allows, as constraints: ``python -m tests.release.bounds``.

Only of what it names: what those need in turn comes in the newest version that they allow.
"""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_RUN = {"docs"}
"""Extras that the tests do not need."""


def lowest(pyproject: str) -> dict[str, str]:
    """The lower bound of each requirement, by its name."""
    project = tomllib.loads(pyproject)["project"]
    extras = [wanted for extra, wanted in project["optional-dependencies"].items() if extra not in NOT_RUN]
    found: dict[str, str] = {}
    for requirement in [one for wanted in [project["dependencies"], *extras] for one in wanted]:
        if requirement.startswith(f"{project['name']}["):
            continue
        bound = re.fullmatch(r"([A-Za-z0-9._-]+)>=([0-9.]+)", requirement)
        if bound is None:
            raise ValueError(f"{requirement!r} has no lower bound, or more than one")
        found[bound[1]] = bound[2]
    return found


if __name__ == "__main__":
    for name, version in sorted(lowest((ROOT / "pyproject.toml").read_text(encoding="utf-8")).items()):
        print(f"{name}=={version}")  # noqa: T201
