"""When to stop gradient flow: the training time of the lowest test loss."""

import math
from typing import Unpack

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from mnemoscope.theory.activations import Array
from mnemoscope.theory.fixed_point import Ensemble
from mnemoscope.theory.grid import Settings, Values, as_positive, make_grid
from mnemoscope.theory.learning_curves import label_losses
from mnemoscope.theory.training_time import losses_in_time

_SCAN = 80  # training times of the scan that brackets the minimum
_SPAN = 1e-2, 1e8  # its first and last time, in units of 1/(mean eigenvalue of K)
_GAIN = 1e-9  # a smaller gain over never stopping is rounding


def early_stopping(*, ridge: Values = 0.0, **settings: Unpack[Settings]) -> xr.Dataset:
    """The training time τ of the lowest test loss, and all losses there.

    The lowest point of a scan over ten decades of τ is refined by Brent's method. Where stopping gains
    nothing over the end of the scan, τ is infinite, with the losses of that end.

    Args:
        ridge: λ >= 0 of the loss that is descended.
        **settings: as for ``learning_curve``, see ``Settings``.

    Returns:
        The Dataset of ``learning_curve`` with ``training_time`` beside the losses.

    Raises:
        TypeError: a setting that is missing, or that does not exist.
        InputError: an argument out of range, by name.
        ConvergenceError: a point that could not be solved, by its arguments.
    """
    points = make_grid(settings, ridge=as_positive("ridge", ridge, or_zero=True))
    best = np.array([_best(points.ensemble.take([i]), ridge) for i, ridge in enumerate(points.extra["ridge"])])
    training_time, test, train = best.T
    curves = label_losses(points, test, train)
    stop = points.label(training_time).assign_attrs(long_name="training time of the lowest test loss")
    return curves.assign(training_time=stop)


def _best(point: Ensemble, ridge: float) -> tuple[float, float, float]:
    """τ, test loss and train loss at the minimum of one point's test loss."""

    def losses(log_times: ArrayLike) -> tuple[Array, Array]:
        times = np.exp(np.atleast_1d(log_times))
        return losses_in_time(point.take(np.zeros(len(times), int)), np.full(len(times), ridge), times)

    scan = np.log(np.geomspace(*_SPAN, _SCAN) / point.norm[0])
    test, train = losses(scan)
    lowest = int(np.argmin(test))
    if test[-1] - test[lowest] < _GAIN:
        return math.inf, float(test[-1]), float(train[-1])
    bracket = scan[max(lowest - 1, 0)], scan[lowest + 1]
    found = minimize_scalar(lambda x: losses(x)[0][0], bounds=bracket, method="bounded", options={"xatol": 1e-6})
    test, train = losses(found.x)
    return math.exp(found.x), float(test[0]), float(train[0])
