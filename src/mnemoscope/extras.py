"""Optional dependencies: a plain install audits, scores and predicts; the extras in ``pyproject.toml`` add the rest."""

from importlib import import_module
from typing import Any

from mnemoscope.errors import MissingExtraError


def optional(module: str, extra: str) -> Any:
    """Import a module that only the extra ``extra`` installs.

    Raises:
        MissingExtraError: it is not there; the message is the command that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        # Something that is installed but broken keeps its traceback: only absence has this remedy.
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise MissingExtraError(error.name.partition(".")[0], extra) from None
