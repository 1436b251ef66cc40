"""Training time: when a model generalizes, when it memorizes, and what a monitor sees of it.

A network first learns the law of its data, after a time τ_gen that does not depend on how many items there are, and
then the items themselves, after a time τ_mem that grows with their number n (Bonnaire, Urfin, Biroli and Mézard, arXiv
2505.17638; Favero, Sclocchi and Wyart, 2505.16959). This study trains on a Gaussian mixture and on real images, looks
at the model as it goes with the library's own ``MemorizationMonitor``, and holds what the monitor says against the
copies that follow.

``quick`` runs the mixture and small digits; ``paper`` has more seeds, twice as many items, and U-Nets on Fashion-MNIST.
"""

from mnemoscope.studies.study import Study
from mnemoscope.studies.training_time.images import Images
from mnemoscope.studies.training_time.mixture import Mixture

__all__ = ["TrainingTime"]


class TrainingTime(Study):
    """When models start to memorize, and which signal says so."""

    name = "training-time"
    title = "Training time: models learn the law of their data first, and the data themselves later"
    experiments = (Images, Mixture)  # the longest trials first
