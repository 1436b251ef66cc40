"""One file per result of the literature, each checked by the claims it makes.

To add a study: write ``studies/my_study.py`` with a subclass of ``Study`` and enter it in ``STUDIES``. It is
imported when it is named, not before.
"""

from importlib import import_module

from mnemoscope.errors import InputError
from mnemoscope.studies.study import Claim, Plot, Preset, Study

__all__ = ["STUDIES", "Claim", "Plot", "Preset", "Study", "load_study"]

STUDIES: dict[str, str] = {
    "large-steps": "mnemoscope.studies.large_steps:LargeSteps",
    "deep-limits": "mnemoscope.studies.deep_limits:DeepLimits",
    "random-features": "mnemoscope.studies.random_features:RandomFeatures",
    "regularization": "mnemoscope.studies.regularization:Regularization",
}
"""A study's name → its class, as ``module:Class``."""


def load_study(name: str) -> Study:
    """The study called ``name``.

    Raises:
        InputError: there is none.
    """
    if name not in STUDIES:
        raise InputError(f"study {name!r} is unknown, choose from: {', '.join(STUDIES) or '(none)'}")
    module, kind = STUDIES[name].split(":")
    study: Study = getattr(import_module(module), kind)()
    return study
