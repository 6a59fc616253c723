"""Matrix products, in whichever of torch's two libraries is the faster one."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

_LARGE = 2**25
"""Multiplications beyond which oneDNN, which torch has for convolutions, is worth the detour. In float32 on a CPU its
products take 0.5 to 0.9 times as long as those of the library that torch has for products, and in bfloat16 they are
torch's own."""


def product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """(m, k), (k, n) -> (m, n), with `bias`, (n,), added to every row."""
    if _goes_to_onednn(a, b):
        return _Product.apply(a, b, bias)  # type: ignore[no-any-return, no-untyped-call]
    return a @ b if bias is None else torch.addmm(bias, a, b)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(a, b)
        multiply = _onednn()
        assert multiply is not None
        return multiply(a, b.t(), bias, "none", [], "")

    @staticmethod
    def backward(ctx: Any, c: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:  # type: ignore[override]
        # Of differentiable operations, for penalties, which differentiate a gradient.
        a, b = ctx.saved_tensors
        return (
            product(c, b.t()) if ctx.needs_input_grad[0] else None,
            product(a.t(), c) if ctx.needs_input_grad[1] else None,
            c.sum(0) if ctx.needs_input_grad[2] else None,
        )


def _goes_to_onednn(a: Tensor, b: Tensor) -> bool:
    large = a.shape[0] * a.shape[1] * b.shape[1] > _LARGE
    return large and a.dtype == torch.float32 and a.device.type == "cpu" and _onednn() is not None


@cache
def _onednn() -> Callable[..., Tensor] | None:
    """x, weight (out, in), bias, and what torch.compile would fuse with it -> x @ weight.t() + bias."""
    if not torch.backends.mkldnn.is_available():
        return None
    try:
        return torch.ops.mkldnn._linear_pointwise  # type: ignore[no-any-return]
    except AttributeError:  # not in this build of torch
        return None
