"""An audit that is fed batch by batch, as the metrics of torchmetrics are, and is one of them where it is installed.

Copies cannot be told from a running mean: an audit compares all samples with all training items, and with an honest
null. So the metric keeps what it is given, as FID's exact forms do, and ``compute`` is ``audit`` on it: on the
concatenation of the updates in their order and, with several processes, in the order of the ranks.
"""

import inspect
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from mnemoscope.auditing import Report, audit
from mnemoscope.data import DataLike, as_dataset
from mnemoscope.data.arrays import as_tensor, check_items, is_plain
from mnemoscope.errors import InputError
from mnemoscope.metrics.gather import gathered

HAS_TORCHMETRICS = find_spec("torchmetrics") is not None

if TYPE_CHECKING or not HAS_TORCHMETRICS:

    class _Metric:
        """What is needed of ``torchmetrics.Metric`` where it is not installed."""

        def __init__(self, *, process_group: Any = None, sync_on_compute: bool = True) -> None:
            self.process_group, self.sync_on_compute = process_group, sync_on_compute

        def add_state(self, name: str, default: list[Tensor], **_: str) -> None:
            setattr(self, name, default)

        def reset(self) -> None:
            self.real: list[Tensor] = []
            self.generated: list[Tensor] = []
else:
    from torchmetrics import Metric as _Metric

_LEFT_OUT = {"generated", "train", "holdout", "classes", "groups", "private", "progress"}
SETTINGS = tuple(name for name in inspect.signature(audit).parameters if name not in _LEFT_OUT)
"""What may be given of an audit."""


class MemorizationMetric(_Metric):
    """Copies of training items among generated ones, and closeness to them, as ``audit`` finds them.

    Images are kept on the device on which they come. A batch alone has no verdict: calling the metric is ``update``.

    Args:
        holdout: real items that were not trained on, for the null and for closeness; every process has all of them.
        keep_real: whether the training items outlive ``reset``, as from one epoch to the next.
        process_group: of ``torch.distributed``; all processes if left out.
        sync_on_compute: whether ``compute`` is of the items of all processes.
        settings: of ``audit``: ``resolution``, ``features``, ``measures``, ``repeats``, ``seed``, ``device``, ...

    Attributes:
        real: batches of training items.
        generated: batches of samples.
        report: of the last ``compute``, with its verdict in words and ``tone``.

    Raises:
        InputError: a setting that an audit does not have, or a held-out set that is no data.
    """

    is_differentiable: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = False
    full_state_update: ClassVar[bool] = True

    real: list[Tensor]
    generated: list[Tensor]

    def __init__(
        self,
        holdout: DataLike | None = None,
        *,
        keep_real: bool = False,
        process_group: Any = None,
        sync_on_compute: bool = True,
        **settings: Any,
    ) -> None:
        if unknown := sorted(settings.keys() - set(SETTINGS)):
            raise InputError(f"{unknown[0]}: an audit has no such setting here, but {', '.join(SETTINGS)}")
        super().__init__(process_group=process_group, sync_on_compute=sync_on_compute)
        self.holdout = None if holdout is None else as_dataset(holdout, "holdout")
        self.keep_real, self.settings = keep_real, settings
        self.report: Report | None = None
        self.add_state("real", default=[], dist_reduce_fx="cat")
        self.add_state("generated", default=[], dist_reduce_fx="cat")

    def update(self, images: DataLike, real: bool) -> None:
        """Take a batch.

        Args:
            images: shape ``(n, *event)``, a tensor or whatever ``audit`` takes.
            real: whether they are training items, and not samples.

        Raises:
            InputError: no such items, or of another shape or dtype than those before them.
        """
        batch = _batch(images)
        kept = self.real if real else self.generated
        if kept and (batch.shape[1:], batch.dtype) != (kept[0].shape[1:], kept[0].dtype):
            raise InputError(
                f"images: of shape {tuple(batch.shape[1:])} and {batch.dtype}, but those before them are of "
                f"{tuple(kept[0].shape[1:])} and {kept[0].dtype}"
            )
        kept.append(batch)
        self.report = None

    def compute(self) -> dict[str, float]:
        """The audit of all items, in numbers that a logger takes; ``report`` has the rest.

        Returns:
            ``copied``, the share that the first measure's fixed rule calls copies, with ``copied_low`` and
            ``copied_high`` (95 % interval); ``copies_at_least``, the calibrated 95 % lower bound; ``identical``;
            ``closeness`` with ``closeness_low``, ``closeness_high`` and ``closeness_expected`` (NaN without a held-out
            set); and the verdict: ``memorizes``, ``drawn`` and ``clear``, each 0 or 1. All 0: there is no verdict.

        Raises:
            InputError: no training items or no samples, or as ``audit``.
        """
        sets = {"real": self.real, "generated": self.generated}
        if not HAS_TORCHMETRICS and self.sync_on_compute:  # which otherwise has called _sync_dist by now
            sets = {name: gathered(items, name, self.process_group) for name, items in sets.items()}
        for name, items in sets.items():
            if not items:
                raise InputError(f"{name}: there are none yet: update(images, real={name == 'real'})")
        train, generated = (as_dataset(torch.cat(sets[name]), name) for name in ("real", "generated"))
        self.report = audit(generated, train, holdout=self.holdout, **self.settings)
        return _numbers(self.report)

    def reset(self, keep_real: bool | None = None) -> None:
        """Forget the samples, and the training items unless they are to be kept.

        Args:
            keep_real: as ``keep_real`` of the metric, if left out.
        """
        real = list(self.real)
        super().reset()
        self.report = None
        if self.keep_real if keep_real is None else keep_real:
            self.real = real

    def forward(self, images: DataLike, real: bool) -> None:
        """``update``."""
        self.update(images, real)

    __call__ = forward

    def _sync_dist(self, dist_sync_fn: Any = None, process_group: Any = None) -> None:
        """For torchmetrics, whose own waits for ever where a process has no items."""
        del dist_sync_fn
        for name in ("real", "generated"):
            setattr(self, name, gathered(getattr(self, name), name, process_group or self.process_group))


def _batch(images: DataLike) -> Tensor:
    """A copy, on its own device: loaders may use their memory again."""
    if isinstance(images, Tensor) and is_plain(images):
        check_items(images, "images")
        return images.detach().clone()
    return as_tensor(as_dataset(images, "images").array, "images").clone()


def _numbers(report: Report) -> dict[str, float]:
    nan, near, rate = float("nan"), report.closeness, report.results[0].rate
    low, high = rate.interval
    near_low, near_high = (nan, nan) if near is None else near.share_interval
    return {
        "copied": rate.fraction,
        "copied_low": low,
        "copied_high": high,
        "copies_at_least": report.copies.share_lower,
        "identical": report.identical.rate.fraction,
        "closeness": nan if near is None else near.share,
        "closeness_low": near_low,
        "closeness_high": near_high,
        "closeness_expected": nan if near is None else near.expected,
        "memorizes": float(report.memorizes),
        "drawn": float(bool(report.drawn)),
        "clear": float(report.tone == "clear"),
    }
