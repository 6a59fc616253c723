"""Wrong forms of training: pixels, losses, the order of passes, penalties, averages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy

from ganforge.backend.contract import FAKE_PASS, GENERATOR_PASS, PENALTY_PASS, StepInputs
from ganforge.spec.arrays import Array, Images, State
from ganforge.spec.protocol import Protocol
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


def _summed(shares: Sequence[State]) -> State:
    return {name: numpy.asarray(len(shares) * each) for name, each in _TRUE.accumulated(shares).items()}


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


_FLOAT32 = "compute it in the session's precision"
_MOVING = "a network's running values move in its own updates alone"

TRAINING_TRAPS = (
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
