"""Sharpness: the largest eigenvalue of the Hessian of a loss, by Lanczos on Hessian-vector products.

Gradient descent with step h is linearly stable at a minimum only if λ_max ≤ 2/h, and with large steps it settles at
the edge, λ_max ≈ 2/h (Cohen et al. 2021, arXiv 2103.00065). In the mean-field scaling h = width · η, and the stability
ratio η · width · λ_max/2 is 1 at the edge (Wu et al. 2025, arXiv 2502.03435). An answer is either checked against
the Hessian or an error: a NaN, a Hessian of zero or an iteration that has not converged never turns into a number.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mnemoscope.data.arrays import Array
from mnemoscope.errors import ConvergenceError, InputError

_DENSE = 16
"""Up to so many parameters the Hessian is written out."""


def sharpness(
    loss: Callable[[dict[str, Tensor]], Tensor],
    parameters: Mapping[str, Tensor],
    *,
    tolerance: float = 1e-4,
    max_steps: int = 1000,
    seed: int = 0,
) -> float:
    """λ_max of the Hessian of ``loss`` at ``parameters``.

    Args:
        loss: a scalar function of the parameters, deterministic; for a module
            ``lambda p: ...torch.func.functional_call(module, p, inputs)...``.
        parameters: as ``dict(module.named_parameters())``; left as they are.
        tolerance: relative error of λ_max in the norm of the Hessian.
        max_steps: Lanczos restarts at most.
        seed: of the first vector.

    Raises:
        InputError: no parameters, or a loss that is not one number.
        ConvergenceError: a loss or Hessian that is not finite or is zero, or an eigenvalue not found to ``tolerance``.
    """
    size = sum(value.numel() for value in parameters.values())
    if size == 0:
        raise InputError("parameters: there are none")
    product = hessian_product(loss, parameters)
    if size <= _DENSE:
        dense = np.stack([product(column) for column in np.eye(size)])
        return float(np.linalg.eigvalsh((dense + dense.T) / 2)[-1])
    start = np.random.default_rng(seed).standard_normal(size)
    try:
        found, vectors = eigsh(
            LinearOperator((size, size), matvec=product, dtype=np.float64),
            k=1,
            which="LA",
            v0=start,
            tol=tolerance,
            maxiter=max_steps,
        )
    except ArpackError as error:
        raise ConvergenceError(f"sharpness: Lanczos failed: {error}") from None
    value, vector = float(found[0]), vectors[:, 0]
    residual = float(np.linalg.norm(product(vector) - value * vector))
    scale = max(abs(value), float(np.linalg.norm(product(start)) / np.linalg.norm(start)))
    if scale == 0 or not residual <= 10 * tolerance * scale:
        raise ConvergenceError(f"sharpness: Lanczos ended at {value:g} with a residual of {residual:g}")
    return value


def hessian_product(
    loss: Callable[[dict[str, Tensor]], Tensor], parameters: Mapping[str, Tensor]
) -> Callable[[Array], Array]:
    """The map v → Hv on flat vectors in double precision, each part computed in its parameter's dtype.

    Raises:
        InputError: the loss is not one number.
        ConvergenceError: the loss or (when called) a product is not finite.
    """
    values = {name: value.detach() for name, value in parameters.items()}
    at_start = loss(values)
    if at_start.numel() != 1:
        raise InputError(f"loss: must return one number, got shape {tuple(at_start.shape)}")
    if not bool(at_start.isfinite()):
        raise ConvergenceError(f"sharpness: the loss is {float(at_start)} at these parameters")

    # Fused attention has no second derivative. The gradient's graph is kept and serves every product.
    with sdpa_kernel(SDPBackend.MATH):
        pull = torch.func.vjp(torch.func.grad(loss), values)[1]

    def product(vector: Array) -> Array:
        flat = torch.from_numpy(np.ascontiguousarray(vector, np.float64).ravel())
        parts = torch.split(flat, [value.numel() for value in values.values()])
        tangent = {
            name: part.reshape(value.shape).to(value) for (name, value), part in zip(values.items(), parts, strict=True)
        }
        (turned,) = pull(tangent)  # the transpose, and H is symmetric
        result = torch.cat([turned[name].flatten().cpu().double() for name in values])
        if not bool(result.isfinite().all()):
            raise ConvergenceError("sharpness: the Hessian is not finite at these parameters")
        return np.asarray(result.numpy())

    return product


def stability_ratio(learning_rate: float, width: int, largest: float) -> float:
    """η · width · λ_max/2: at most 1 where gradient descent with step width · η is linearly stable."""
    return learning_rate * width * largest / 2
