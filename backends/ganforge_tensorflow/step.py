"""A step: the discriminator's updates, the generator's, the average. docs/semantics.md as code, top to bottom.

All of it is traced once into a graph; Python is not there when it runs.
"""

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

import tensorflow as tf

from ganforge.backend import FAKE_PASS, GENERATOR_PASS, PENALTY_PASS, REAL_PASS
from ganforge.spec import BatchNorm, Gan, NetworkName, Targets, slots, walk
from ganforge_tensorflow import ops, optimizers
from ganforge_tensorflow.arrays import DiscriminatorFeed, GeneratorFeed, Kind, StepFeed, network
from ganforge_tensorflow.dropout import pass_key
from ganforge_tensorflow.layers import Arrays, Moments, Pass, forward
from ganforge_tensorflow.workers import Group

Variables: TypeAlias = Mapping[str, tf.Variable]
"""All arrays of a session, by the names of `Gan.shapes`."""


class Model(NamedTuple):
    """What a step works on."""

    gan: Gan
    variables: Variables
    kind: Kind
    group: Group


class Judged(NamedTuple):
    """What an update found out before it changes anything."""

    gradients: dict[str, tf.Tensor]
    """Of the network's trained arrays, by their names in it, not clipped."""
    moments: list[dict[str, Moments]]
    """Of the passes that move the network's running values, in order."""
    scalars: dict[str, tf.Tensor]


def step(model: Model, feed: StepFeed) -> dict[str, tf.Tensor]:
    """All updates of the discriminator, all of the generator, then the average; the scalars of the last of each."""
    variables = model.variables
    scalars: dict[str, tf.Tensor] = {}
    keys, scales, count = tf.unstack(feed.keys), tf.unstack(feed.scales), len(feed.discriminator)
    for batch, key, scale in zip(feed.discriminator, keys[:count], scales[:count], strict=True):
        fakes = make_fakes(model, batch, key)
        judged = judge_discriminator(model, batch, fakes.output, key)
        _apply(model, "discriminator", judged, scale)
        scalars |= judged.scalars
    kept = fakes if model.gan.same_fakes_follow else None
    for then, key, scale in zip(feed.generator, keys[count:], scales[count:], strict=True):
        judged = judge_generator(model, then, kept or make_fakes(model, then, key), key)
        kept = None
        _apply(model, "generator", judged, scale)
        scalars |= judged.scalars
    for name in network(variables, "averaged"):
        optimizers.average(variables[f"averaged/{name}"], variables[f"generator/{name}"], feed.average)
    return scalars


def gradients(model: Model, feed: StepFeed) -> dict[str, tf.Tensor]:
    """Gradients of the first update of each network, both at the present weights, by their names in a state."""
    batch, key = feed.discriminator[0], feed.keys[0]
    fakes = make_fakes(model, batch, key)
    discriminator = judge_discriminator(model, batch, fakes.output, key)
    then, key = feed.generator[0], feed.keys[len(feed.discriminator)]
    generator = judge_generator(model, then, make_fakes(model, then, key), key)
    return {f"generator/{name}": each for name, each in generator.gradients.items()} | {
        f"discriminator/{name}": each for name, each in discriminator.gradients.items()
    }


def make_fakes(model: Model, batch: DiscriminatorFeed | GeneratorFeed, key: tf.Tensor) -> Pass:
    """The generator's pass in training; to the discriminator its pictures are constants."""
    arrays, own = network(model.variables, "generator"), pass_key(key, GENERATOR_PASS)
    return forward(model.gan.generator, arrays, batch.latents, batch.labels, key=own, group=model.group)


def judge_discriminator(model: Model, batch: DiscriminatorFeed, fakes: tf.Tensor, key: tf.Tensor) -> Judged:
    """Loss and gradients of one update of the discriminator."""
    gan, ops = model.gan, model.group.ops
    arrays, real = network(model.variables, "discriminator"), _pixels(model, batch.images)

    def judge(pictures: tf.Tensor, labels: tf.Tensor | None, number: int, *, parts: int = 1) -> Pass:
        own, twice = pass_key(key, number), number == PENALTY_PASS
        return forward(
            gan.discriminator, arrays, pictures, labels, key=own, twice=twice, group=model.group, parts=parts
        )

    def logits(judged: Pass) -> tf.Tensor:
        return tf.cast(judged.output, model.kind.dtype)

    def critic(pictures: tf.Tensor) -> tf.Tensor:
        return judge(pictures, batch.labels, PENALTY_PASS).output

    if gan.protocol.batches == "joint":
        labels = None if batch.labels is None else tf.concat([batch.labels, batch.labels], 0)
        passes = [judge(tf.concat([fakes, real], 0), labels, REAL_PASS, parts=2)]
        fake_logits, real_logits = tf.split(logits(passes[0]), 2)
    else:
        passes = [judge(real, batch.labels, REAL_PASS), judge(fakes, batch.labels, FAKE_PASS)]
        real_logits, fake_logits = (logits(each) for each in passes)
    targets = Targets(batch.real_targets, batch.fake_targets)
    real_term, fake_term = gan.loss.discriminator(ops, real_logits, fake_logits, targets)
    loss = gan.protocol.loss.discriminator_scale * (real_term + fake_term)
    penalty = {}
    if gan.penalty is not None and gan.protocol.penalty is not None:
        penalty["d_penalty"] = gan.penalty.penalty(
            ops, critic, tf.cast(real, model.kind.dtype), tf.cast(fakes, model.kind.dtype), batch.interpolation
        )
        loss += gan.protocol.penalty.weight * penalty["d_penalty"]
    scalars = {
        "d_loss": loss,
        "d_loss_real": real_term,
        "d_loss_fake": fake_term,
        "d_real": ops.mean(gan.loss.realness(real_logits)),
        "d_fake": ops.mean(gan.loss.realness(fake_logits)),
        **penalty,
    }
    return Judged(_gradients(model, "discriminator", loss, arrays), [each.moments for each in passes], scalars)


def judge_generator(model: Model, batch: GeneratorFeed, fakes: Pass, key: tf.Tensor) -> Judged:
    """Loss and gradients of one update of the generator; the discriminator's arrays are constants."""
    gan, arrays = model.gan, network(model.variables, "discriminator")

    def judge(pictures: tf.Tensor, number: int) -> tf.Tensor:
        own = pass_key(key, number)
        logits = forward(gan.discriminator, arrays, pictures, batch.labels, key=own, group=model.group).output
        return tf.cast(logits, model.kind.dtype)

    real_logits = None if batch.images is None else judge(_pixels(model, batch.images), REAL_PASS)
    targets = Targets(batch.targets, batch.targets)
    loss = gan.loss.generator(model.group.ops, real_logits, judge(fakes.output, FAKE_PASS), targets)
    return Judged(_gradients(model, "generator", loss, fakes.arrays), [fakes.moments], {"g_loss": loss})


def _pixels(model: Model, images: tf.Tensor) -> tf.Tensor:
    """uint8 pictures in the GAN's pixel range, as its networks are given them."""
    pictures = tf.cast(images, model.kind.dtype)
    pictures = pictures / 255.0 if model.gan.pixel_range == (0.0, 1.0) else pictures / 127.5 - 1.0
    return tf.cast(pictures, model.kind.fed)


def _gradients(model: Model, name: NetworkName, loss: tf.Tensor, arrays: Arrays) -> dict[str, tf.Tensor]:
    """Of all trained arrays, means over all workers; zero for those that are still."""
    trained = [each for each in model.gan.parameters(name) if each.trained]
    moving = [each.name for each in trained if not each.zero_gradient]
    own = ops.gradients(loss, [arrays[each] for each in moving])
    found = dict(zip(moving, model.group.average(own), strict=True))
    return {each.name: found[each.name] if each.name in found else tf.zeros_like(arrays[each.name]) for each in trained}


def _apply(model: Model, name: NetworkName, judged: Judged, scale: tf.Tensor) -> None:
    """Move the network's weights, and its running values by what its own passes saw."""
    gan, variables = model.gan, model.variables
    optimizer = gan.protocol.player(name).optimizer
    for array, gradient in judged.gradients.items():
        kept = {slot: variables[f"optimizer/{name}/{slot}/{array}"] for slot in slots(optimizer)}
        rate, root = tf.unstack(tf.cast(scale, gradient.dtype))
        optimizers.update(optimizer, variables[f"{name}/{array}"], kept, gradient, rate, root)
    decays = {node.name: node.layer.decay for node in walk(gan.nodes(name)) if isinstance(node.layer, BatchNorm)}
    for moments in judged.moments:
        for node, seen in moments.items():
            # Where each worker saw its own rows alone, they agree on the mean of what they saw.
            agreed = seen if model.group.one_batch else Moments(*model.group.average(list(seen)))
            for array, value in agreed._asdict().items():
                running = variables[f"{name}/{node}/{array}"]
                running.assign(decays[node] * running + (1.0 - decays[node]) * value)
