"""Where a result came from: the code, and the time it took. Nothing names a machine or a person."""

import subprocess
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from mnemoscope._version import __version__


@lru_cache(maxsize=1)
def code_version() -> str:
    """The package's version, and the git commit if it runs from a checkout: ``0.2.0+3f2a91c``, or ``…-dirty``."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # fails where only some outer project is a checkout
        return f"{__version__}+{git('describe', '--always', '--dirty', '--exclude=*')}"
    except (OSError, subprocess.SubprocessError):
        return __version__


def provenance(seconds: float, attempts: int) -> dict[str, Any]:
    """The record kept with a trial that this process has just tried ``attempts`` times."""
    return {
        "code": code_version(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": seconds,
        "attempts": attempts,
    }
