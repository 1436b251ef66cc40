"""One room per result of the literature, each checked by the claims it makes.

A study is a tuple of experiments, one file each. To add one: write ``studies/my_study/`` with a subclass of ``Study``
and enter it in ``STUDIES``. It is imported when it is named, not before.
"""

from importlib import import_module

from mnemoscope.choose import choose
from mnemoscope.studies.study import Claim, Experiment, Plot, Preset, Seeds, Study

__all__ = ["STUDIES", "Claim", "Experiment", "Plot", "Preset", "Seeds", "Study", "load_study"]

STUDIES: dict[str, str] = {
    "large-steps": "mnemoscope.studies.large_steps:LargeSteps",
    "deep-limits": "mnemoscope.studies.deep_limits:DeepLimits",
    "random-features": "mnemoscope.studies.random_features:RandomFeatures",
    "regularization": "mnemoscope.studies.regularization:Regularization",
    "training-time": "mnemoscope.studies.training_time:TrainingTime",
}
"""A study's name → its class, as ``module:Class``."""


def load_study(name: str) -> Study:
    """The study called ``name``.

    Raises:
        InputError: there is none.
    """
    module, kind = choose(name, STUDIES, "study").split(":")
    study: Study = getattr(import_module(module), kind)()
    return study
