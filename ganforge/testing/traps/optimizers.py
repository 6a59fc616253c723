"""Wrong forms of optimizers: formulas, corrections, clipping and weight decay."""

from collections.abc import Callable
from itertools import count
from math import sqrt
from typing import Any

import msgspec
import numpy

from ganforge.spec.arrays import Array, State
from ganforge.spec.optimizers import SGD, Adam, Optimizer, RMSprop, Scale
from ganforge.spec.schedules import value_at
from ganforge.testing import optimizers
from ganforge.testing.semantics import Semantics
from ganforge.testing.traps.trap import Trap

_TRUE = Semantics()


def _formula(kind: type | tuple[type, ...], change: Callable[..., tuple[Array, State]]) -> Semantics:
    """Another formula for some kinds of optimizers, from the gradient as it comes."""

    def update(optimizer: Optimizer, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
        form = change if isinstance(optimizer, kind) else _TRUE.update
        return form(optimizer, weights, g, slots, scale)

    return Semantics(update=update)


def _adam_epsilon_hat(optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    hat = msgspec.structs.replace(optimizer, epsilon=optimizer.epsilon / scale.root)
    return optimizers.update(hat, weights, g, slots, scale)


def _adam_epsilon_corrected(
    optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale
) -> tuple[Array, State]:
    if not optimizer.epsilon_hat:
        return optimizers.update(optimizer, weights, g, slots, scale)
    done = next(done for done in count() if optimizer.scale(done) == scale)  # a framework's own form counts for itself
    paper = msgspec.structs.replace(optimizer, epsilon_hat=False)
    return optimizers.update(paper, weights, g, slots, paper.scale(done))


def _adam_powers_float32(optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    power = float(numpy.float32(1.0 - scale.root**2))
    return optimizers.update(optimizer, weights, g, slots, scale._replace(root=sqrt(1.0 - power)))


def _adam_uncorrected(optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    uncorrected = scale._replace(rate=value_at(optimizer.learning_rate, 0), root=1.0)
    return optimizers.update(optimizer, weights, g, slots, uncorrected)


def _scale_float32(optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    rounded = Scale(*(float(numpy.float32(each)) for each in scale))
    return optimizers.update(optimizer, weights, g, slots, rounded)


def _rmsprop_exchanged(optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    other = msgspec.structs.replace(optimizer, epsilon_inside_sqrt=not optimizer.epsilon_inside_sqrt)
    return optimizers.update(other, weights, g, slots, scale)


def _sgd_rate_inside(optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    if not optimizer.momentum:
        return optimizers.update(optimizer, weights, g, slots, scale)
    clipped = g if optimizer.clip is None else numpy.clip(g, -optimizer.clip, optimizer.clip)
    b = optimizer.momentum * slots["b"] + scale.rate * clipped
    return weights - b, {"b": b}


def _clip_by_norm(optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    norm = float(numpy.sqrt((g * g).sum()))
    factor = 1.0 if optimizer.clip is None or norm <= optimizer.clip else optimizer.clip / norm
    return optimizers.update(msgspec.structs.replace(optimizer, clip=None), weights, g * factor, slots, scale)


def _no_clip(optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    return optimizers.update(msgspec.structs.replace(optimizer, clip=None), weights, g, slots, scale)


def _norm_of_each(gradients: State, limit: float) -> State:
    return {name: _TRUE.clip_norm({name: each}, limit)[name] for name, each in gradients.items()}


def _norm_with_epsilon(gradients: State, limit: float) -> State:
    norm = float(numpy.sqrt(sum((each**2).sum() for each in gradients.values())))
    return {name: each * min(1.0, limit / (norm + 1e-6)) for name, each in gradients.items()}


def _decay_in_gradient(optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    coupled = msgspec.structs.replace(optimizer, weight_decay=0.0)
    return optimizers.update(coupled, weights, g + optimizer.weight_decay * weights, slots, scale)


def _decay_without_rate(optimizer: Any, weights: Array, g: Array, slots: State, scale: Scale) -> tuple[Array, State]:
    return optimizers.update(optimizer, weights, g, slots, scale._replace(shrink=optimizer.weight_decay))


_OPTIMIZER = "write the update from docs/semantics.md yourself; the framework's optimizer has another form"
_FLOAT32 = "compute it in the session's precision"

OPTIMIZER_TRAPS = (
    Trap(
        name="adam-epsilon-hat",
        number=9,
        what="Adam adds epsilon to the uncorrected root, as TensorFlow does, where epsilon_hat does not say so",
        remedy=_OPTIMIZER,
        semantics=_formula(Adam, _adam_epsilon_hat),
    ),
    Trap(
        name="adam-epsilon-corrected",
        number=9,
        what="Adam adds epsilon to the corrected root, as PyTorch does, where epsilon_hat says otherwise",
        remedy=_OPTIMIZER,
        semantics=_formula(Adam, _adam_epsilon_corrected),
    ),
    Trap(
        name="adam-powers-float32",
        number=10,
        what="Adam's power of beta2 is rounded to float32",
        remedy="use Scale.root, computed on the host in float64",
        semantics=_formula(Adam, _adam_powers_float32),
    ),
    Trap(
        name="adam-uncorrected",
        number=10,
        what="Adam's moments are not corrected for their start at zero",
        remedy="use Scale.rate and Scale.root",
        semantics=_formula(Adam, _adam_uncorrected),
    ),
    Trap(
        name="scale-float32",
        number=10,
        what="the rate and the root of an update are rounded to float32",
        remedy=_FLOAT32,
        semantics=_formula(object, _scale_float32),
    ),
    Trap(
        name="rmsprop-epsilon-exchanged",
        number=11,
        what="RMSprop's epsilon stands on the other side of the root",
        remedy="follow epsilon_inside_sqrt",
        semantics=_formula(RMSprop, _rmsprop_exchanged),
    ),
    Trap(
        name="momentum-includes-rate",
        number=12,
        what="the momentum buffer holds steps, not gradients",
        remedy="b = momentum b + g, then p -= rate * b",
        semantics=_formula(SGD, _sgd_rate_inside),
    ),
    Trap(
        name="clip-by-norm",
        number=28,
        what="gradients are clipped by their norm",
        remedy="clip every element to [-clip, clip]",
        semantics=_formula(object, _clip_by_norm),
    ),
    Trap(
        name="clip-forgotten",
        number=28,
        what="gradients are not clipped",
        remedy="clip every element to [-clip, clip] before anything else",
        semantics=_formula(object, _no_clip),
    ),
    Trap(
        name="clip-norm-of-each-array",
        number=38,
        what="clip_norm limits the norm of each array",
        remedy="limit the norm of all gradients of the network together",
        semantics=Semantics(clip_norm=_norm_of_each),
    ),
    Trap(
        name="clip-norm-epsilon",
        number=38,
        what="clip_norm divides by the norm plus 1e-6, as torch.nn.utils.clip_grad_norm_ does",
        remedy="multiply by clip_norm / max(norm, clip_norm)",
        semantics=Semantics(clip_norm=_norm_with_epsilon),
    ),
    Trap(
        name="weight-decay-in-gradient",
        number=39,
        what="weight decay is added to the gradient, as in PyTorch's Adam",
        remedy="take Scale.shrink times the weight from it before the step",
        semantics=_formula((Adam, RMSprop, SGD), _decay_in_gradient),
    ),
    Trap(
        name="weight-decay-without-rate",
        number=39,
        what="weight decay is not multiplied by the learning rate",
        remedy="take Scale.shrink times the weight from it",
        semantics=_formula((Adam, RMSprop, SGD), _decay_without_rate),
    ),
)
