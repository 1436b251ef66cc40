"""Models of diffusers: the score of a network with its scheduler, and whole pipelines, sampled and audited."""

from mnemoscope.pipelines.audit import audit_pipeline
from mnemoscope.pipelines.autoencoder import Autoencoder
from mnemoscope.pipelines.folder import open_pipeline
from mnemoscope.pipelines.sampling import sample_pipeline
from mnemoscope.pipelines.schedulers import PREDICTIONS, Schedule, read_scheduler
from mnemoscope.pipelines.score import DiffusersScore, from_diffusers

__all__ = [
    "PREDICTIONS",
    "Autoencoder",
    "DiffusersScore",
    "Schedule",
    "audit_pipeline",
    "from_diffusers",
    "open_pipeline",
    "read_scheduler",
    "sample_pipeline",
]
