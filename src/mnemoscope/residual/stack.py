"""The recurrence h_k = h_{k−1} + V_k σ(W_k h_{k−1}), all layers in one differentiable operation.

Autograd would keep a node and several tensors for every operation of every layer. Here the forward loop writes into
buffers made once, the backward loop carries only ∂ℓ/∂h, and the gradients of all weights follow after it from two
batched products:

    ∂ℓ/∂h_{k−1} = ∂ℓ/∂h_k + W_kᵀ [σ'(a_k) ∘ V_kᵀ ∂ℓ/∂h_k],   a_k = W_k h_{k−1}
    ∂ℓ/∂V_k = Σ_i ∂ℓ/∂h_k σ(a_k)ᵀ,                            ∂ℓ/∂W_k = Σ_i [σ'(a_k) ∘ V_kᵀ ∂ℓ/∂h_k] h_{k−1}ᵀ

With checkpoints only the state at every ``segment``-th layer is kept, and each segment is run again on the way back
(Chen et al. 2016, arXiv 1604.06174): the activations of √L layers instead of L, for one more forward pass.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemoscope.choose import choose
from mnemoscope.errors import InputError


@dataclass(frozen=True)
class StackActivation:
    """σ(a) = ψ(c a) · c_out, the form in which it is cheapest layer by layer.

    Attributes:
        function: σ itself, for autograd.
        apply: writes ψ(u) into ``out``.
        slope: ψ'(u) of all layers at once, from u and ψ(u).
        scale: c.
        gain: c_out.
    """

    function: Callable[[Tensor], Tensor]
    apply: Callable[[Tensor, Tensor], object]
    slope: Callable[[Tensor, Tensor], Tensor]
    scale: float = 1.0
    gain: float = 1.0


def _relu(u: Tensor, out: Tensor) -> None:
    torch.clamp_min(u, 0, out=out)


def _gelu(u: Tensor, out: Tensor) -> None:
    # On small tensors the erf of torch costs a third of its GELU, whose oneDNN call dominates there.
    torch.erf(u, out=out)
    torch.addcmul(u, u, out, out=out)


def _gelu_slope(u: Tensor, _: Tensor) -> Tensor:
    slope: Tensor = torch.ops.aten.gelu_backward(torch.full_like(u, 2.0), u * math.sqrt(2))
    return slope


_HALF = math.sqrt(0.5)

ACTIVATIONS: dict[str, StackActivation] = {
    "identity": StackActivation(lambda a: a, lambda u, out: out.copy_(u), lambda u, _: torch.ones_like(u)),
    "relu": StackActivation(torch.relu, _relu, lambda u, _: (u > 0).to(u.dtype)),
    "gelu": StackActivation(nn.functional.gelu, _gelu, _gelu_slope, scale=_HALF, gain=_HALF),
    "tanh": StackActivation(torch.tanh, lambda u, out: torch.tanh(u, out=out), lambda _, s: 1 - s * s),
}
"""σ by name. GELU is (u + u erf u)/√2 at u = a/√2."""


def activation_named(name: str) -> StackActivation:
    """The activation called ``name``.

    Raises:
        InputError: there is none.
    """
    return choose(name, ACTIVATIONS, "activation")


def residual_stack(
    h: Float[Tensor, "batch dim"],
    inner: Float[Tensor, "depth width dim"],
    outer: Float[Tensor, "depth dim width"],
    *,
    activation: str = "gelu",
    scale: float = 1.0,
    segment: int | None = None,
) -> Float[Tensor, "batch dim"]:
    """h_L of h_k = h_{k−1} + scale · V_k σ(W_k h_{k−1}), differentiable once in h, W and V.

    Inside the transforms of ``torch.func`` (Hessians, ``vmap``) it is a plain loop, differentiable any number of times.

    Args:
        h: h_0.
        inner: W_1, …, W_L.
        outer: V_1, …, V_L.
        activation: ``identity``, ``relu``, ``gelu`` or ``tanh``.
        scale: 1/L and whatever else multiplies the branch.
        segment: keep the state of every ``segment``-th layer only and recompute the rest when differentiating.

    Raises:
        InputError: an unknown activation, or segment < 1.
    """
    sigma = activation_named(activation)
    if segment is not None and segment < 1:
        raise InputError(f"segment: must be at least 1, got {segment}")
    if torch._C._are_functorch_transforms_active():  # the test that torch's own Function.apply makes
        for w, v in zip(inner, outer, strict=True):
            h = h + scale * sigma.function(h @ w.mT) @ v.mT
        return h
    W, V = inner * sigma.scale, outer * (scale * sigma.gain)
    if torch.is_grad_enabled() and any(part.requires_grad for part in (h, W, V)):
        last: Tensor = _Stack.apply(h, W, V, sigma, segment or len(W))  # type: ignore[no-untyped-call]
        return last
    u = h.new_empty(len(h), W.shape[1])
    s = torch.empty_like(u)
    for w, v in zip(W.mT.unbind(0), V.mT.unbind(0), strict=True):
        torch.mm(h, w, out=u)
        sigma.apply(u, s)
        h = torch.addmm(h, s, v)
    return h


class _Stack(torch.autograd.Function):
    """The recurrence with σ's constants already in W and V."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, W: Tensor, V: Tensor, sigma: StackActivation, segment: int) -> Tensor:
        ctx.sigma, ctx.segment = sigma, segment
        starts = []
        for start in range(0, len(W), segment):
            states, u, s = _run(h, W[start : start + segment], V[start : start + segment], sigma)
            starts.append(h)
            h = states[-1].clone()
        whole = segment >= len(W)  # then nothing is computed twice
        ctx.save_for_backward(W, V, *((states, u, s) if whole else starts))
        return h

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        W, V, *kept = ctx.saved_tensors
        dW, dV = torch.empty_like(W), torch.empty_like(V)
        for start in reversed(range(0, len(W), ctx.segment)):
            part = slice(start, start + ctx.segment)
            if ctx.segment >= len(W):
                states, u, s = kept
            else:
                states, u, s = _run(kept[start // ctx.segment], W[part], V[part], ctx.sigma)
            g = _run_back(g, states, u, s, W[part], V[part], ctx.sigma, dW[part], dV[part])
        return g, dW, dV, None, None


def _run(h: Tensor, W: Tensor, V: Tensor, sigma: StackActivation) -> tuple[Tensor, Tensor, Tensor]:
    """The states h_0 … h_L, shape ``(L + 1, batch, dim)``, and u and ψ(u) of every layer."""
    states = h.new_empty(len(W) + 1, *h.shape)
    u = h.new_empty(len(W), len(h), W.shape[1])
    s = torch.empty_like(u)
    states[0] = h
    h = states[0]
    columns = (states[1:], u, s, W.mT.contiguous(), V.mT.contiguous())
    for h_next, u_k, s_k, w, v in zip(*(column.unbind(0) for column in columns), strict=True):
        torch.mm(h, w, out=u_k)
        sigma.apply(u_k, s_k)
        h = torch.addmm(h, s_k, v, out=h_next)
    return states, u, s


def _run_back(
    g: Tensor,
    states: Tensor,
    u: Tensor,
    s: Tensor,
    W: Tensor,
    V: Tensor,
    sigma: StackActivation,
    dW: Tensor,
    dV: Tensor,
) -> Tensor:
    """Writes the weights' gradients into ``dW`` and ``dV`` and returns ∂ℓ/∂h_0."""
    grads = torch.empty_like(states)  # ∂ℓ/∂h_k
    grads[-1] = g
    g = grads[-1]
    slopes = sigma.slope(u, s)  # becomes ∂ℓ/∂u_k
    product = torch.empty_like(u[0])
    columns = (grads[:-1], slopes, W, V)
    for g_next, slope, w, v in zip(*(column.unbind(0)[::-1] for column in columns), strict=True):
        torch.mm(g, v, out=product)
        slope.mul_(product)
        g = torch.addmm(g, slope, w, out=g_next)
    torch.bmm(slopes.mT, states[:-1], out=dW)
    torch.bmm(grads[1:].mT, s, out=dV)
    return g
