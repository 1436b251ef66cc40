"""Conditional scores: the empirical law of the data given a condition is the same law with other weights.

For joint data (x_i, y_i) and a condition y, every score of this room becomes conditional with

    π_i ∝ exp(−‖y − y_i‖²/2σ_y²)        condition seen through noise of size σ_y
    π_i ∝ 1[y_i = y]                    σ_y = 0: the condition is fixed (Baptista et al. 2025, section 3)

and stays exact: ∇ log p_t(x | y) = (α Σ_i w_i x_i − x)/σ² with w_i ∝ π_i exp(−‖x − α x_i‖²/2σ²).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from mnemoscope.choose import check_number
from mnemoscope.data.arrays import ArrayLike, as_array, as_tensor, row_chunks
from mnemoscope.errors import InputError


def condition_weights(
    conditions: ArrayLike, condition: Tensor | float, sigma: float = 0.0
) -> Float[Tensor, " n_samples"]:
    """Weights of the training points given a condition, for the ``weights`` argument of the scores.

    Args:
        conditions: y_i, shape ``(n_samples,)`` (labels, numbers) or ``(n_samples, *condition)``.
        condition: y, a number or of shape ``condition``.
        sigma: σ_y, the noise the condition is seen through; 0 keeps the points whose condition equals y.

    Returns:
        π_i up to a factor, in double precision; the largest is one.

    Raises:
        InputError: y of another shape, σ_y < 0, or σ_y = 0 and no training point with this condition.
    """
    conditions = as_array(conditions, "conditions")
    if conditions.dtype.kind not in "biuf" or conditions.dtype.itemsize > 8 or not conditions.ndim:
        got = f"{conditions.dtype} of shape {conditions.shape}"
        raise InputError(f"conditions: needs real numbers, one or more for each item, got {got}")
    y = as_tensor(condition, "condition").to("cpu").double()
    if tuple(conditions.shape[1:]) != tuple(y.shape):
        raise InputError(f"condition has shape {tuple(y.shape)}, those of the data {tuple(conditions.shape[1:])}")
    if conditions.shape[0] == 0:
        raise InputError("conditions is empty")
    sigma = check_number(sigma, "the noise of the condition", "a finite number >= 0", closed="[")
    flat = y.reshape(-1)
    squared = torch.cat([((rows - flat.to(rows)) ** 2).sum(dim=1) for _, rows in row_chunks(conditions)])
    nearest = squared.min()
    if sigma == 0 and nearest > 0:
        raise InputError(
            f"no training point has this condition: the nearest is {float(nearest.sqrt()):.4g} away (try sigma > 0)"
        )
    return (squared == 0).double() if sigma == 0 else torch.exp(-(squared - nearest) / (2 * sigma**2))
