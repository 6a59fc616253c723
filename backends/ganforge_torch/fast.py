"""torch's faster ways to the core's numbers: one call for a batch norm, activations in place, optimizers over lists.

torch's `_foreach` operations do for a list of tensors what the method of that name does for one, with one call from
Python; they stand in this module alone.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from ganforge.backend import FastForms, FastPair, UpdatedList, label_as_bias
from ganforge.spec import (
    SGD,
    Adam,
    BatchNorm,
    ConditionalBatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Gelu,
    GroupNorm,
    InstanceNorm,
    JoinLabel,
    LayerNorm,
    LeakyRelu,
    Node,
    Optimizer,
    Pass,
    Prelu,
    Relu,
    RMSprop,
    Scale,
    Silu,
    groups_of,
    image_size,
    pair,
)
from ganforge_torch.ops import to_nchw, to_nhwc, to_oihw

Named: TypeAlias = dict[str, Tensor]

_LABEL_WORTH = 20_000_000
"""Multiplications to be spared for which a label is better joined as a bias."""


def _batch_norm(node: Node, x: Tensor, run: Pass) -> Tensor | None:
    made = _normalised(node, x, run)
    return None if made is None else to_nhwc(made)


def _conditional_batch_norm(node: Node, x: Tensor, run: Pass) -> Tensor | None:
    layer = node.layer
    assert isinstance(layer, ConditionalBatchNorm)
    made = _normalised(node, x, run, affine=False)
    if made is None:
        return None
    scale, offset = layer.rows(node, to_nhwc(made), run)
    return run.ops.like(torch.addcmul(offset, to_nhwc(made), scale), x)


def _normalised(node: Node, x: Tensor, run: Pass, *, affine: bool = True) -> Tensor | None:
    """torch's own is the definition: biased variance in the result, unbiased in the running value."""
    if run.training and run.replicas.count > 1 and run.replicas.one_batch:
        return None
    layer, moves = node.layer, run.training and run.moving
    assert isinstance(layer, BatchNorm | ConditionalBatchNorm)
    mean, variance = run.arrays[f"{node.name}/mean"], run.arrays[f"{node.name}/variance"]
    if moves:  # torch moves them in place
        mean, variance = mean.clone(), variance.clone()
        run.moved[f"{node.name}/mean"], run.moved[f"{node.name}/variance"] = mean, variance
    read = moves or not run.training
    return F.batch_norm(
        to_nchw(x),
        mean if read else None,
        variance if read else None,
        run.array(node, "scale") if affine else None,
        run.array(node, "offset") if affine else None,
        training=run.training,
        momentum=1.0 - layer.decay,
        eps=layer.epsilon,
    )


def _fresh(node: Node, x: Tensor, run: Pass) -> Tensor | None:
    """The layer's output as (B, channels, height, width), in memory that nothing else looks at."""
    layer = node.layer
    match layer:
        case BatchNorm():
            return _normalised(node, x, run)
        case Dense():
            return run.ops.forms.product(x, *run.weights(node, x))  # type: ignore[attr-defined]
    if layer.groups > 1:  # type: ignore[attr-defined]
        return None
    kernel, bias = run.weights(node, x)
    x, kernel, forms = to_nchw(x), to_oihw(kernel), run.ops.forms  # type: ignore[attr-defined]
    if isinstance(layer, Conv):
        return forms.conv(x, kernel, bias, pair(layer.stride), node.padding)
    assert isinstance(layer, ConvTranspose)
    size = image_size(node.output)
    return forms.conv_transpose(x, kernel, bias, pair(layer.stride), node.padding, size)


def _with_relu(first: Node, second: Node, x: Tensor, run: Pass) -> Tensor | None:
    made = _fresh(first, x, run)
    return None if made is None else to_nhwc(F.relu(made, inplace=True))


def _with_leaky_relu(first: Node, second: Node, x: Tensor, run: Pass) -> Tensor | None:
    layer, made = second.layer, _fresh(first, x, run)
    assert isinstance(layer, LeakyRelu)
    return None if made is None else to_nhwc(F.leaky_relu(made, layer.slope, inplace=True))


def _example_norm(node: Node, x: Tensor, run: Pass) -> Tensor | None:
    layer, scale, offset = node.layer, run.array(node, "scale"), run.array(node, "offset")
    assert isinstance(layer, LayerNorm | InstanceNorm | GroupNorm)
    held = x if scale is None and offset is None else scale if offset is None else offset
    wide = run.ops.like(x, held)
    # Where one of the two is missing, torch's own gradients fail.
    scale = wide.new_ones(x.shape[-1]) if scale is None else scale
    offset = wide.new_zeros(x.shape[-1]) if offset is None else offset
    # Also an instance norm, with a group for each channel: of one image torch's own gives wrong second derivatives.
    made = F.group_norm(to_nchw(wide), groups_of(node), scale, offset, layer.epsilon)
    return run.ops.like(to_nhwc(made), x)


def _gelu(node: Node, x: Tensor, run: Pass) -> Tensor | None:
    return F.gelu(x)


def _silu(node: Node, x: Tensor, run: Pass) -> Tensor | None:
    return F.silu(x)


def _prelu(node: Node, x: Tensor, run: Pass) -> Tensor | None:
    return to_nhwc(F.prelu(to_nchw(x), run.ops.like(run.arrays[f"{node.name}/slope"], x)))


# Optimizers ----------------------------------------------------------------------------------------------------------


def _adam(adam: Adam, weights: Named, gradients: Named, slots: Mapping[str, Named], scale: Scale) -> UpdatedList:
    # torch's fused form reads and writes every array once. It goes by position in memory, so gradients must lie there
    # as the weights do. Its own bias corrections, by a count of updates in float32, are 1 after so many; the scale's
    # stand in the rate and in epsilon: rate / (sqrt(v) / root + epsilon) = rate * root / (sqrt(v) + epsilon * root).
    clipped = _clipped(adam, gradients)
    alike = [
        g if g.stride() == w.stride() else torch.empty_like(w).copy_(g)
        for g, w in zip(clipped, weights.values(), strict=True)
    ]
    count = torch.full((), 1e12, device=alike[0].device)
    _shrink(adam, weights, scale)
    torch._fused_adam_(
        _as_they_lie(weights.values()),
        _as_they_lie(alike),
        _as_they_lie(slots["m"].values()),
        _as_they_lie(slots["v"].values()),
        [],
        [count] * len(alike),
        lr=scale.rate * scale.root,
        beta1=adam.beta1,
        beta2=adam.second(scale)[0],
        weight_decay=0.0,
        eps=adam.epsilon * scale.root,
        amsgrad=False,
        maximize=False,
    )
    return UpdatedList(weights, slots)


def _as_they_lie(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Flat views in the order of memory: the fused form takes three times as long over what is permuted."""
    return [each if each.is_contiguous() else each.as_strided((each.numel(),), (1,)) for each in tensors]


def _rmsprop(
    rmsprop: RMSprop, weights: Named, gradients: Named, slots: Mapping[str, Named], scale: Scale
) -> UpdatedList:
    clipped, v = _clipped(rmsprop, gradients), list(slots["v"].values())
    torch._foreach_mul_(v, rmsprop.rho)
    torch._foreach_addcmul_(v, clipped, clipped, value=1.0 - rmsprop.rho)
    if rmsprop.epsilon_inside_sqrt:
        divisor = torch._foreach_add(v, rmsprop.epsilon)
        torch._foreach_sqrt_(divisor)
    else:
        divisor = torch._foreach_sqrt(v)
        torch._foreach_add_(divisor, rmsprop.epsilon)
    _shrink(rmsprop, weights, scale)
    torch._foreach_addcdiv_(list(weights.values()), clipped, divisor, value=-scale.rate)
    return UpdatedList(weights, slots)


def _sgd(sgd: SGD, weights: Named, gradients: Named, slots: Mapping[str, Named], scale: Scale) -> UpdatedList:
    moved = _clipped(sgd, gradients)
    if sgd.momentum:
        b = list(slots["b"].values())
        torch._foreach_mul_(b, sgd.momentum)
        torch._foreach_add_(b, moved)
        moved = b
    _shrink(sgd, weights, scale)
    torch._foreach_add_(list(weights.values()), moved, alpha=-scale.rate)
    return UpdatedList(weights, slots)


def _shrink(optimizer: Adam | RMSprop | SGD, weights: Named, scale: Scale) -> None:
    if optimizer.weight_decay:
        listed = list(weights.values())
        torch._foreach_add_(listed, listed, alpha=-scale.shrink)


def _clipped(optimizer: Optimizer, gradients: Named) -> list[Tensor]:
    listed = list(gradients.values())
    if optimizer.clip is None:
        return listed
    clipped = list(torch._foreach_clamp_min(listed, -optimizer.clip))
    torch._foreach_clamp_max_(clipped, optimizer.clip)
    return clipped


def _average(averaged: Named, weights: Named, kept: float, taken: float) -> Named:
    torch._foreach_lerp_(list(averaged.values()), list(weights.values()), taken)
    return averaged


_label = label_as_bias(_LABEL_WORTH)
_PAIRS: dict[tuple[type, type], FastPair] = {(JoinLabel, Conv): _label, (JoinLabel, ConvTranspose): _label}
for _first in (Dense, Conv, ConvTranspose, BatchNorm):
    _PAIRS[_first, Relu], _PAIRS[_first, LeakyRelu] = _with_relu, _with_leaky_relu

FAST = FastForms(
    layers={
        BatchNorm: _batch_norm,
        ConditionalBatchNorm: _conditional_batch_norm,
        LayerNorm: _example_norm,
        InstanceNorm: _example_norm,
        GroupNorm: _example_norm,
        Gelu: _gelu,
        Silu: _silu,
        Prelu: _prelu,
    },
    pairs=_PAIRS,
    optimizers={Adam: _adam, RMSprop: _rmsprop, SGD: _sgd},
    average=_average,
)
