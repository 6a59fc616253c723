"""The optimizers' formulas by docs/semantics.md, each over all arrays of a network at once, in place.

torch's `_foreach` operations do for a list of tensors what the method of that name does for one, with one call from
Python; they stand in this module alone.
"""

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from ganforge.spec import SGD, Adam, Optimizer, RMSprop, Scale

Tensors: TypeAlias = list[Tensor]


def update(
    optimizer: Optimizer, weights: Tensors, gradients: Tensors, slots: Mapping[str, Tensors], scale: Scale
) -> None:
    """One update of `weights` and of the optimizer's `slots`; all lists in the same order."""
    if optimizer.clip is not None:
        gradients = list(torch._foreach_clamp_min(gradients, -optimizer.clip))
        torch._foreach_clamp_max_(gradients, optimizer.clip)
    match optimizer:
        case Adam():
            _adam(optimizer, weights, gradients, slots["m"], slots["v"], scale)
        case RMSprop():
            _rmsprop(optimizer, weights, gradients, slots["v"], scale.rate)
        case SGD():
            _sgd(optimizer, weights, gradients, slots.get("b"), scale.rate)


def average(averaged: Tensors, weights: Tensors, kept: float) -> None:
    """averaged = kept * averaged + (1 - kept) * weights."""
    torch._foreach_lerp_(averaged, weights, 1.0 - kept)


def _adam(adam: Adam, weights: Tensors, gradients: Tensors, m: Tensors, v: Tensors, scale: Scale) -> None:
    # torch's fused form reads and writes every array once. It goes by position in memory, so gradients must lie there
    # as the weights do. Its own bias corrections, by a count of updates in float32, are 1 after so many; the scale's
    # stand in the rate and in epsilon: rate / (sqrt(v) / root + epsilon) = rate * root / (sqrt(v) + epsilon * root).
    alike = [
        g if g.stride() == w.stride() else torch.empty_like(w).copy_(g) for g, w in zip(gradients, weights, strict=True)
    ]
    count = torch.full((), 1e12, device=weights[0].device)
    torch._fused_adam_(
        *(_as_they_lie(each) for each in (weights, alike, m, v)),
        [],
        [count] * len(weights),
        lr=scale.rate * scale.root,
        beta1=adam.beta1,
        beta2=adam.beta2,
        weight_decay=0.0,
        eps=adam.epsilon * scale.root,
        amsgrad=False,
        maximize=False,
    )


def _as_they_lie(tensors: Tensors) -> Tensors:
    """Flat views in the order of memory: the fused form takes three times as long over what is permuted."""
    return [each if each.is_contiguous() else each.as_strided((each.numel(),), (1,)) for each in tensors]


def _rmsprop(rmsprop: RMSprop, weights: Tensors, gradients: Tensors, v: Tensors, rate: float) -> None:
    _move_squares(v, gradients, rmsprop.rho)
    if rmsprop.epsilon_inside_sqrt:
        divisor = torch._foreach_add(v, rmsprop.epsilon)
        torch._foreach_sqrt_(divisor)
    else:
        divisor = torch._foreach_sqrt(v)
        torch._foreach_add_(divisor, rmsprop.epsilon)
    torch._foreach_addcdiv_(weights, gradients, divisor, value=-rate)


def _sgd(sgd: SGD, weights: Tensors, gradients: Tensors, b: Tensors | None, rate: float) -> None:
    if b is not None:
        torch._foreach_mul_(b, sgd.momentum)
        torch._foreach_add_(b, gradients)
        gradients = b
    torch._foreach_add_(weights, gradients, alpha=-rate)


def _move_squares(v: Tensors, gradients: Tensors, kept: float) -> None:
    torch._foreach_mul_(v, kept)
    torch._foreach_addcmul_(v, gradients, gradients, value=1.0 - kept)
