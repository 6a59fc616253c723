"""Wrong forms of training: pixels, losses, optimizers, the order of passes, averages."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from math import sqrt
from typing import Any

import msgspec
import numpy

from ganforge.backend.contract import FAKE_PASS, GENERATOR_PASS, PENALTY_PASS, StepInputs
from ganforge.spec.arrays import Array, Images, State
from ganforge.spec.optimizers import SGD, Adam, Optimizer, RMSprop, Scale
from ganforge.spec.protocol import Protocol
from ganforge.spec.schedules import value_at
from ganforge.testing import optimizers
from ganforge.testing.differentiable import Tensor, np
from ganforge.testing.semantics import Semantics
from ganforge.testing.traps.trap import Trap

_TRUE = Semantics()


def _pixels_float32(images: Images, low: float, dtype: Any) -> Array:
    return _TRUE.pixels(images, low, numpy.float32).astype(dtype)


def _pixels_other_range(images: Images, low: float, dtype: Any) -> Array:
    return _TRUE.pixels(images, -1.0 if low == 0.0 else 0.0, dtype)


def _clipped_probability(logits: Tensor) -> Tensor:
    edge = numpy.log((1.0 - 1e-7) / 1e-7)
    return np.where(logits > edge, edge + 0.0 * logits, np.where(logits < -edge, 0.0 * logits - edge, logits))


def _softplus_threshold(x: Tensor) -> Tensor:
    return np.where(x > 20.0, x, np.logaddexp(np.zeros_like(x), np.where(x > 20.0, 0.0 * x, x)))


def _source_last(logits: Tensor) -> Tensor:
    return np.concatenate([logits[:, -1:], logits[:, :-1]], axis=1)


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


def _summed(shares: Sequence[State]) -> State:
    return {name: numpy.asarray(len(shares) * each) for name, each in _TRUE.accumulated(shares).items()}


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


def _batches_exchanged(protocol: Protocol) -> Protocol:
    return msgspec.structs.replace(protocol, batches="joint" if protocol.batches == "separate" else "separate")


def _scale_forgotten(protocol: Protocol) -> Protocol:
    return msgspec.structs.replace(protocol, loss=msgspec.structs.replace(protocol.loss, discriminator_scale=1.0))


def _penalty_scaled(protocol: Protocol, weight: float) -> float:
    return weight * protocol.loss.discriminator_scale


def _penalty_unscaled(protocol: Protocol, weight: float) -> float:
    return weight if protocol.penalty is None else weight / protocol.penalty.every


def _moved_in_own_updates(protocol: Protocol) -> Protocol:
    return msgspec.structs.replace(protocol, running_values="own_updates")


def _padded(inputs: StepInputs, batch_size: int) -> StepInputs:
    def whole(given: Any) -> Any:
        rows = numpy.minimum(numpy.arange(batch_size), len(given.latents) - 1)
        arrays = {name: each[rows] for name, each in vars(given).items() if isinstance(each, numpy.ndarray)}
        return replace(given, **arrays)

    discriminator, generator = (tuple(map(whole, updates)) for updates in (inputs.discriminator, inputs.generator))
    return replace(inputs, discriminator=discriminator, generator=generator)


_OPTIMIZER = "write the update from docs/semantics.md yourself; the framework's optimizer has another form"
_FLOAT32 = "compute it in the session's precision"
_MOVING = "a network's running values move in its own updates alone"

TRAINING_TRAPS = (
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
        name="probabilities-clipped",
        number=16,
        what="cross-entropy is taken of probabilities clipped to [1e-7, 1 - 1e-7], as in Keras",
        remedy="take losses of logits",
        semantics=Semantics(logits=_clipped_probability),
    ),
    Trap(
        name="source-logit-last",
        number=48,
        what="of a loss that names classes the logit of real or fake stands behind those of the classes",
        remedy="take the loss's own outputs first, then one logit for each class",
        semantics=Semantics(logits=_source_last),
    ),
    Trap(
        name="softplus-threshold",
        number=17,
        what="softplus is the identity from 20 on, as in PyTorch",
        remedy="compute logaddexp(0, x)",
        semantics=Semantics(softplus=_softplus_threshold),
    ),
    Trap(
        name="pixels-float32",
        number=21,
        what="images become numbers in float32",
        remedy=_FLOAT32,
        semantics=Semantics(pixels=_pixels_float32),
    ),
    Trap(
        name="pixels-other-range",
        number=21,
        what="images are in [0, 1] where the generator makes [-1, 1], or the other way round",
        remedy="follow Gan.pixel_range",
        semantics=Semantics(pixels=_pixels_other_range),
    ),
    Trap(
        name="batches-exchanged",
        number=22,
        what="real and fake images pass the discriminator jointly where they should separately, or the reverse",
        remedy="follow Protocol.batches",
        semantics=Semantics(protocol=_batches_exchanged),
    ),
    Trap(
        name="discriminator-moved-by-generator",
        number=23,
        what="the discriminator's running values move in the generator's update",
        remedy=_MOVING,
        semantics=Semantics(moving=_TRUE.moving | {("generator", FAKE_PASS)}),
    ),
    Trap(
        name="generator-moved-by-discriminator",
        number=23,
        what="the generator's running values move when it makes fakes for the discriminator",
        remedy=_MOVING,
        semantics=Semantics(moving=_TRUE.moving | {("discriminator", GENERATOR_PASS)}),
    ),
    Trap(
        name="moved-by-penalty",
        number=23,
        what="the discriminator's running values move in the penalty's pass",
        remedy="a penalty uses the batch's statistics but moves nothing",
        semantics=Semantics(moving=_TRUE.moving | {("discriminator", PENALTY_PASS)}),
    ),
    Trap(
        name="moved-in-own-updates-alone",
        number=23,
        what="running values move in the network's own updates alone where every pass should move them",
        remedy='follow Protocol.running_values: with "every_pass" all passes of both networks move them',
        semantics=Semantics(protocol=_moved_in_own_updates),
    ),
    Trap(
        name="fakes-by-running-values",
        number=24,
        what="fakes for the discriminator are made by running values",
        remedy="make fakes in training mode",
        semantics=Semantics(by_running=frozenset({("discriminator", GENERATOR_PASS)})),
    ),
    Trap(
        name="penalty-by-running-values",
        number=24,
        what="the penalty looks at the discriminator by running values",
        remedy="penalties make a pass of their own in training mode",
        semantics=Semantics(by_running=frozenset({("discriminator", PENALTY_PASS)})),
    ),
    Trap(
        name="simultaneous",
        number=25,
        what="the generator is judged by the discriminator of before its update",
        remedy="all updates of the discriminator come first",
        semantics=Semantics(alternating=False),
    ),
    Trap(
        name="still-moves",
        number=26,
        what="biases that a batch norm cancels are given their rounding noise as a gradient",
        remedy="set the gradient of every Parameter.zero_gradient to zero",
        semantics=Semantics(gradient=lambda parameter, values: values),
    ),
    Trap(
        name="average-swapped",
        number=27,
        what="the average keeps 1 - average of itself",
        remedy="averaged = average * averaged + (1 - average) * weights",
        semantics=Semantics(
            average=lambda averaged, weights, fraction: (1.0 - fraction) * averaged + fraction * weights
        ),
    ),
    Trap(
        name="running-values-averaged",
        number=27,
        what="the averaged weights have averaged running values",
        remedy="average trained arrays only; the running values are the generator's own",
        semantics=Semantics(average_running=True),
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
    Trap(
        name="lazy-penalty-unscaled",
        number=40,
        what="the weight of a lazy penalty is not multiplied by `every`",
        remedy="use DiscriminatorInputs.penalty_weight",
        semantics=Semantics(penalty_weight=_penalty_unscaled),
    ),
    Trap(
        name="accumulated-sum",
        number=49,
        what="the gradients of a batch's shares are added",
        remedy="take their mean over Protocol.accumulate shares",
        semantics=Semantics(accumulated=_summed),
    ),
    Trap(
        name="last-batch-padded",
        number=31,
        what="an epoch's last batch, smaller than the others, is filled up to their size",
        remedy="take each update's rows as they are given; Protocol.batch_size is only the most there are",
        semantics=Semantics(inputs=_padded),
    ),
    Trap(
        name="loss-unscaled",
        number=29,
        what="the discriminator's loss is not multiplied by discriminator_scale",
        remedy="discriminator_scale * (real term + fake term) + weight * penalty",
        semantics=Semantics(protocol=_scale_forgotten),
    ),
    Trap(
        name="penalty-scaled",
        number=29,
        what="discriminator_scale multiplies the penalty too",
        remedy="discriminator_scale * (real term + fake term) + weight * penalty",
        semantics=Semantics(penalty_weight=_penalty_scaled),
    ),
)
